from pathlib import Path

import pytest

from isic_mmdet.errors import InputError
from isic_mmdet.utils.checksums import read_checksums


@pytest.mark.parametrize(
    'content', [b'\xff\xfe', b'0123  name\n', b'0' * 64 + b'  a\n' + b'1' * 64 + b'  a\n']
)
def test_a_damaged_list_of_digests_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / 'sums').write_bytes(content)
    with pytest.raises(InputError, match='sums: '):
        read_checksums(tmp_path / 'sums')
