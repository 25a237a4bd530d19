"""Hostile places and names: what may lie in a folder besides files that can be read."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

from tests.e2e.fuzz.hostile_images import Pair

Put = Callable[[Path, Pair], None]


def folder(path: Path, pair: Pair) -> None:
    path.mkdir()


def full_folder(path: Path, pair: Pair) -> None:
    path.mkdir()
    (path / 'notes.txt').write_text('nothing')


def link_to_itself(path: Path, pair: Pair) -> None:
    path.symlink_to(path.name)


def circle_of_links(path: Path, pair: Pair) -> None:
    other = path.with_name('other')
    path.symlink_to(other.name)
    other.symlink_to(path.name)


def link_to_nothing(path: Path, pair: Pair) -> None:
    path.symlink_to('nothing')


def link_to_the_folder_above(path: Path, pair: Pair) -> None:
    path.symlink_to('..')


def circle_of_folders(path: Path, pair: Pair) -> None:
    path.mkdir()
    (path / 'down').symlink_to('..')
    (path / 'self').symlink_to('.')


def pipe(path: Path, pair: Pair) -> None:
    os.mkfifo(path)


def listening_socket(path: Path, pair: Pair) -> None:
    place = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(f'/proc/self/fd/{place}/{path.name}')  # a socket's own path is short
    finally:
        os.close(place)


def endless_device(path: Path, pair: Pair) -> None:
    path.symlink_to('/dev/zero')


def unreadable_device(path: Path, pair: Pair) -> None:
    # A plain file to the eye; reading its first byte fails (EIO), for the superuser too.
    path.symlink_to('/proc/self/mem')


def forbidden(path: Path, pair: Pair) -> None:
    """A file of another user's, where the process can do without its rights (see `fuzz_run`)."""
    path.write_bytes(pair.jpeg if path.suffix == '.jpg' else pair.png)
    path.chmod(0)


def sparse(path: Path, pair: Pair) -> None:
    """A file of a terabyte that takes no room on the disk."""
    with path.open('wb') as file:
        file.truncate(2**40)


#: What is put in the place of an image or mask.
PLACES: dict[str, Put] = {
    'folder named like an image': folder,
    'folder with files, named like an image': full_folder,
    'link to itself': link_to_itself,
    'circle of links': circle_of_links,
    'link to nothing': link_to_nothing,
    'link to the folder above': link_to_the_folder_above,
    'circle of folders': circle_of_folders,
    'pipe': pipe,
    'socket': listening_socket,
    'link to an endless device': endless_device,
    'file that fails when read': unreadable_device,
    'file without permission': forbidden,
    'file of a terabyte': sparse,
}
#: Kinds that need another user than the superuser.
NEED_RIGHTS = {'file without permission'}

ID = 'ISIC_0000002'
#: Names of the second image and of its mask; the first pair is sound.
NAMES: dict[str, list[tuple[str, str]]] = {
    'id in another case': [
        ('isic_0000002.jpg', 'isic_0000002_segmentation.png'),
        ('ISIC_0000002.JPG', 'ISIC_0000002_SEGMENTATION.PNG'),
        ('Isic_0000002.Jpeg', 'iSiC_0000002_Segmentation.png'),
        ('isic_0000001.jpg', 'isic_0000001_segmentation.png'),  # the sound pair's, once more
        ('ISIC_0000001.jpeg', 'isic_0000001_Segmentation.png'),
        ('ISIC_0000002.png', 'ISIC_0000002_segmentation.png'),
    ],
    'id with unicode': [
        ('ISIC_٠٠٠٠٠٠٢.jpg', 'ISIC_٠٠٠٠٠٠٢_segmentation.png'),
        ('ISIC_0000002.jpg', 'ISIC_000000２_segmentation.png'),
        ('ıſıC_0000002.jpg', 'ıſıC_0000002_segmentation.png'),
        ('IſIC_0000001.jpg', 'IſIC_0000001_segmentation.png'),
        ('ＩＳＩＣ_0000002.jpg', 'ＩＳＩＣ_0000002_segmentation.png'),
        ('Läsion.jpg', 'Läsion_segmentation.png'),
        ('Läsion.jpg', 'Läsion_segmentation.png'),
        ('🔬0000002.jpg', '🔬0000002_segmentation.png'),
        ('\u202egpj.2000000_CISI.jpg', '\u202e_segmentation.png'),
        ('ISIC_0000002\u200b.jpg', 'ISIC_0000002\u200b_segmentation.png'),
    ],
    'id with spaces': [
        ('ISIC_0000002 .jpg', 'ISIC_0000002 _segmentation.png'),
        (' ISIC_0000002.jpg', ' ISIC_0000002_segmentation.png'),
        ('ISIC 0000002.jpg', 'ISIC 0000002_segmentation.png'),
        ('ISIC_0000002\n.jpg', 'ISIC_0000002\n_segmentation.png'),
        ('ISIC_0000002\t.jpg', 'ISIC_0000002_segmentation\r.png'),
        ('an image of me.jpg', 'an image of me_segmentation.png'),
        ('  .jpg', '  _segmentation.png'),
    ],
    'name of undecodable bytes': [
        ('ISIC_0000002\udcff.jpg', 'ISIC_0000002\udcff_segmentation.png'),
        ('\udce4\udcf6.jpg', '\udce4_segmentation.png'),
        ('ISIC_0000002.jpg', 'ISIC_0000002_segmentation\udcff.png'),
    ],
    'name that is no id': [
        ('ISIC_00000002.jpg', 'ISIC_00000002_segmentation.png'),
        ('ISIC_000002.jpg', 'ISIC_000002_segmentation.png'),
        ('ISIC_0000002.jpg.jpg', 'ISIC_0000002_segmentation.png.png'),
        ('ISIC_0000002 (1).jpg', 'ISIC_0000002 (1)_segmentation.png'),
        ('ISIC_0000002_downsampled.jpg', 'ISIC_0000002_mask.png'),
        ('.ISIC_0000002.jpg', '.ISIC_0000002_segmentation.png'),
        ('._ISIC_0000002.jpg', '._ISIC_0000002_segmentation.png'),
        ('ISIC_0000002.jpg~', 'ISIC_0000002_segmentation.png~'),
        ('ISIC_0000001_ISIC_0000002.jpg', 'ISIC_0000001_ISIC_0000002_segmentation.png'),
        ('a' * 240 + '.jpg', 'a' * 230 + '_segmentation.png'),
        ('=cmd|calc.jpg', '"quoted",_segmentation.png'),
        ('[a-z]*.jpg', '{0}%s_segmentation.png'),
        ('-rf.jpg', '-rf_segmentation.png'),
        ('CON.jpg', 'aux_segmentation.png'),
        ('<img src=x>.jpg', '<b>_segmentation.png'),
    ],
}
