import resource
import signal

import pytest

from isic_mmdet.errors import InputError
from isic_mmdet.utils.append_log import LineFile, complete_lines


def test_lines_are_there_at_once_and_a_torn_one_is_cut_off(tmp_path):
    path = tmp_path / 'folder' / 'lines'
    with LineFile(path) as lines:
        lines.add('one\n')
        assert path.read_bytes() == b'one\n'
        lines.add('zwölf\n')
    path.write_bytes(path.read_bytes() + 'ü'.encode()[:1])
    assert list(complete_lines(path)) == [b'one\n', 'zwölf\n'.encode()]
    with LineFile(path) as lines:
        lines.add('three\n')
    assert path.read_text(encoding='utf-8') == 'one\nzwölf\nthree\n'


@pytest.mark.parametrize('content', [b'', b'no end'])
def test_a_file_without_a_whole_line_has_none(tmp_path, content):
    path = tmp_path / 'lines'
    path.write_bytes(content)
    assert list(complete_lines(path)) == []
    with LineFile(path):
        assert path.read_bytes() == b''


def test_a_line_that_finds_no_room_is_told_and_leaves_the_ones_before(tmp_path):
    path = tmp_path / 'lines'
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    assert signal.getsignal(signal.SIGXFSZ) == signal.SIG_IGN
    with LineFile(path) as lines:
        lines.add('whole\n')
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
        try:
            with pytest.raises(InputError, match='lines cannot be written'):
                lines.add('does not fit\n')
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(complete_lines(path)) == [b'whole\n']


def test_a_place_that_is_none_is_told(tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(InputError, match='cannot be written'), LineFile(tmp_path / 'file' / 'x'):
        pass
