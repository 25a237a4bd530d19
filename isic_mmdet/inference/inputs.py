"""Which images are meant: by a file, a folder, a zip, a glob or a list."""

import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath

from isic_mmdet.challenge.sources import SourceFile, list_files
from isic_mmdet.errors import InputError

#: Endings by which images are found in a folder or zip; named one by one, a file may have any.
SUFFIXES = {'.jpg', '.jpeg', '.png', '.tif', '.tiff', '.bmp', '.webp'}
# What official folders, and folders that were predicted into, hold beside the images.
_NOT_IMAGES = ('_segmentation', '_superpixels')

# A name has 255 bytes at most, and that of a mask, while it is written, is longer by 25.
_LONGEST_NAME = 230
_LONGEST_PATH = 4096


def find_images(inputs: Sequence[str], out: Path) -> dict[str, SourceFile]:
    """Return all images that `inputs` name, by their id: the name without its ending.

    Args:
        inputs: each an image; a folder, taken with its subfolders; a zip; a glob; or a .txt file
            with one path a line, relative ones counted from its own folder. A list may name files
            that do not exist: they turn out unreadable when their turn comes.
        out: folder of the predictions, of which nothing is taken for an image.

    Raises:
        InputError: an input does not exist or holds no image, or two images share an id.
    """
    faults = []
    files: dict[str, SourceFile] = {}
    for text in inputs:
        try:
            found = list(_files(text, Path(os.path.realpath(out))))
        except (OSError, RuntimeError) as error:  # the latter of a home folder that nobody has
            faults.append(f'{text}: cannot be looked at ({error})')
            continue
        if not found:
            faults.append(f'{text}: no image is there, and no file matches it')
        for file in found:
            name = PurePath(file.name).stem
            earlier = files.setdefault(name, file)
            if not name.isprintable() or len(name.encode()) > _LONGEST_NAME:
                faults.append(f'{str(file)!a}: no name for a mask; rename it')
            elif _place(earlier) != _place(file):
                faults.append(f'{earlier} and {file} would share the mask of {name}')
    if faults:
        raise InputError('the images cannot be predicted; correct INPUT:', faults)
    return files


def _place(file: SourceFile) -> tuple[str, str | None]:
    return os.path.realpath(file.path), file.member  # which bears with links in a circle


def _files(text: str, out: Path) -> Iterator[SourceFile]:
    path = Path(text).expanduser()
    if path.is_dir() or (path.is_file() and path.suffix.lower() == '.zip'):
        for _, file in list_files([path], lambda zip_name: False):
            if _is_image(file.name) and out not in file.path.parents:
                yield file
    elif path.is_file() and path.suffix.lower() == '.txt':
        for line in _lines(path):
            yield _plain_file(path.parent / line)
    elif path.is_file():
        yield _plain_file(path)
    else:
        # Path.glob takes no absolute patterns.
        names = glob.glob(str(path), recursive=True)  # noqa: PTH207
        matches = sorted(Path(name) for name in names)
        yield from (_plain_file(match) for match in matches if match.is_file())


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding='utf-8-sig')
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f'{path}: cannot be read as UTF-8 text ({error}); write one path a line'
        ) from error
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if any('\0' in line or len(line) > _LONGEST_PATH for line in lines):
        raise InputError(f'{path}: holds lines that are no paths; write one path a line')
    return lines


def _is_image(name: str) -> bool:
    path = PurePath(name)
    return path.suffix.lower() in SUFFIXES and not path.stem.lower().endswith(_NOT_IMAGES)


def _plain_file(path: Path) -> SourceFile:
    try:
        status = path.stat()
    except OSError:
        return SourceFile(path, None, 0, 0)  # reading it will say why
    return SourceFile(path, None, status.st_size, status.st_mtime_ns)
