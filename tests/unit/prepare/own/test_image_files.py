from pathlib import Path

import pytest

from isic_mmdet.images.sources import SourceFile
from isic_mmdet.prepare.own.image_files import by_id, find_images


def test_the_id_is_the_path_below_the_folder(tmp_path: Path) -> None:
    for name in ('x/a b/1.JPG', 'x/ü.tiff', '2.v1.bmp', 'notes.txt', '.hidden.png'):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b'')
    found = find_images(tmp_path, '--images')
    assert list(found.files) == ['2.v1', 'x/a b/1', 'x/ü']
    assert (found.errors, found.others) == ([], ['notes.txt'])
    assert list(find_images(tmp_path / '2.v1.bmp', '--images').files) == ['2.v1']


@pytest.mark.parametrize(
    ('name', 'kind'),
    [
        ('a\n.jpg', 'impossible name'),
        ('a\udcff.jpg', 'impossible name'),
        ('a' * 221 + '.jpg', 'impossible name'),
        ('/'.join(['a' * 200] * 11) + '.jpg', 'impossible name'),
        ('a.heic', 'unread format'),
        ('a.DCM', 'unread format'),
        ('a.gif', 'unread format'),
    ],
)
def test_files_that_cannot_be_used(name: str, kind: str) -> None:
    (error,) = by_id([(name.rpartition('.')[0], SourceFile(Path(name), None, 0, 0))]).errors
    assert error.kind == kind
    assert error.isic_id.isprintable() and error.detail.isprintable()
