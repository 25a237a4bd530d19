"""Which images are meant: by a file, a folder, a zip, a glob or a list."""

import glob
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath

from isic_mmdet.challenge.sources import SourceFile, list_files
from isic_mmdet.errors import InputError

#: Endings by which images are found in a folder or zip; named one by one, a file may have any.
SUFFIXES = {'.jpg', '.jpeg', '.png', '.tif', '.tiff', '.bmp', '.webp'}
# What official folders, and folders that were predicted into, hold beside the images.
_NOT_IMAGES = ('_segmentation', '_superpixels')


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
        found = list(_files(text, out.resolve()))
        if not found:
            faults.append(f'{text}: no image is there, and no file matches it')
        for file in found:
            name = PurePath(file.name).stem
            earlier = files.setdefault(name, file)
            if (earlier.path.resolve(), earlier.member) != (file.path.resolve(), file.member):
                faults.append(f'{earlier} and {file} would share the mask of {name}')
    if faults:
        raise InputError('the images cannot be predicted; correct INPUT:', faults)
    return files


def _files(text: str, out: Path) -> Iterator[SourceFile]:
    path = Path(text).expanduser()
    if path.is_dir() or (path.is_file() and path.suffix.lower() == '.zip'):
        for _, file in list_files([path], lambda zip_name: False):
            if _is_image(file.name) and out not in file.path.parents:
                yield file
    elif path.is_file() and path.suffix.lower() == '.txt':
        for line in path.read_text(encoding='utf-8').splitlines():
            if line.strip():
                yield _plain_file(path.parent / line.strip())
    elif path.is_file():
        yield _plain_file(path)
    else:
        # Path.glob takes no absolute patterns.
        names = glob.glob(str(path), recursive=True)  # noqa: PTH207
        matches = sorted(Path(name) for name in names)
        yield from (_plain_file(match) for match in matches if match.is_file())


def _is_image(name: str) -> bool:
    path = PurePath(name)
    return path.suffix.lower() in SUFFIXES and not path.stem.lower().endswith(_NOT_IMAGES)


def _plain_file(path: Path) -> SourceFile:
    if not path.is_file():
        return SourceFile(path, None, 0, 0)
    status = path.stat()
    return SourceFile(path, None, status.st_size, status.st_mtime_ns)
