"""Many synthetic images on disk, laid out like the files of the ISIC 2017 challenge."""

import functools
import json
import multiprocessing
import signal
from collections.abc import Iterator
from pathlib import Path

import cv2
from tqdm import tqdm

from isic_mmdet.errors import InputError
from isic_mmdet.synthetic.sample import is_melanoma, make_sample
from isic_mmdet.utils.files import write_atomically

# Raise it with every change that alters a pixel, so that older folders are not mistaken for new.
GENERATOR_VERSION = 1
MANIFEST = 'synthetic.json'
# Real ids are far below, so that no synthetic image can be taken for a real one.
FIRST_ID = 9_000_000
# Image `index` belongs to split `index % 6`: two thirds, one sixth and one sixth, and a larger
# data set holds the smaller one split by split.
SPLITS = ('Training', 'Training', 'Training', 'Training', 'Validation', 'Test_v2')
JPEG_QUALITY = 95


def write_dataset(
    out: str | Path, images: int = 240, seed: int = 0, size: int = 256, workers: int = 1
) -> int:
    """Write a data set, or complete the one that an interrupted call with the same options left.

    Args:
        out: folder that receives `ISIC-2017_<split>_Data`, `..._Part1_GroundTruth` and
            `..._Part3_GroundTruth.csv` for the splits Training, Validation and Test_v2.
        images: number of images over all splits, at least 6.
        seed: names the data set; image and mask `i` depend on nothing but seed, size and `i`.
        size: shorter side of the images in pixels, at least 64.
        workers: number of processes.

    Returns:
        Number of images that had to be drawn; 0 when all were there.

    Raises:
        InputError: an option is out of range, or the folder holds something else.
    """
    out = Path(out)
    _check_options(images, seed, size, workers)
    options = {'generator': GENERATOR_VERSION, 'images': images, 'seed': seed, 'size': size}
    _claim_folder(out, options)
    missing = [i for i in range(images) if not all(path.is_file() for path in _paths(out, i))]
    write = functools.partial(_write_pair, out, seed, size)
    written = tqdm(_each(write, missing, workers), 'images', len(missing), disable=not missing)
    for _ in written:
        pass
    for split in dict.fromkeys(SPLITS):
        write_atomically(
            out / f'ISIC-2017_{split}_Part3_GroundTruth.csv', _labels(split, images, seed)
        )
    return len(missing)


def _check_options(images: int, seed: int, size: int, workers: int) -> None:
    errors = []
    if not len(SPLITS) <= images <= 10_000_000 - FIRST_ID:
        errors.append(f'images is {images}; use 6 (one per part of the split) to 1,000,000')
    if seed < 0:
        errors.append(f'seed is {seed}; use 0 or more')
    if size < 64:
        errors.append(f'size is {size}; use 64 or more, smaller lesions cannot be seen')
    if workers < 1:
        errors.append(f'workers is {workers}; use 1 or more')
    if errors:
        raise InputError('these options of the synthetic data set are out of range:', errors)


def _claim_folder(out: Path, options: dict[str, int]) -> None:
    """Make the folders and the manifest, or check that they are ours and of these options."""
    manifest = out / MANIFEST
    if manifest.is_file():
        try:
            found = json.loads(manifest.read_text(encoding='utf-8'))
        except ValueError as error:
            raise InputError(f'{manifest} is not JSON ({error}); delete the folder') from error
        if found != options:
            raise InputError(
                f'{out} was made with {found}, not with {options}; delete it or choose another '
                'folder'
            )
    elif out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f'{out} holds other files (no {MANIFEST}); choose an empty or new folder')
    for split in dict.fromkeys(SPLITS):
        for part in ('Data', 'Part1_GroundTruth'):
            (out / f'ISIC-2017_{split}_{part}').mkdir(parents=True, exist_ok=True)
    write_atomically(manifest, (json.dumps(options, indent=2) + '\n').encode())


def _each(write: functools.partial[int], indices: list[int], workers: int) -> Iterator[int]:
    if workers == 1 or len(indices) < 2:
        yield from map(write, indices)
        return
    # Spawned, not forked: a fork of a process that runs OpenCV's or torch's threads can hang.
    context = multiprocessing.get_context('spawn')
    processes = min(workers, len(indices))
    with context.Pool(processes, _start_worker) as pool:
        yield from pool.imap_unordered(write, indices, chunksize=4)


def _start_worker() -> None:
    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is answered once, by the parent


def _name(index: int) -> str:
    return f'ISIC_{FIRST_ID + index:07d}'


def _paths(out: Path, index: int) -> tuple[Path, Path]:
    """Return where the image and the mask of `index` belong."""
    split = SPLITS[index % len(SPLITS)]
    return (
        out / f'ISIC-2017_{split}_Data' / f'{_name(index)}.jpg',
        out / f'ISIC-2017_{split}_Part1_GroundTruth' / f'{_name(index)}_segmentation.png',
    )


def _write_pair(out: Path, seed: int, size: int, index: int) -> int:
    sample = make_sample(seed, index, size)
    image_path, mask_path = _paths(out, index)
    bgr = cv2.cvtColor(sample.image, cv2.COLOR_RGB2BGR)
    _, jpeg = cv2.imencode('.jpg', bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    _, png = cv2.imencode('.png', sample.mask)
    write_atomically(image_path, jpeg.tobytes())
    write_atomically(mask_path, png.tobytes())
    return index


def _labels(split: str, images: int, seed: int) -> bytes:
    """Return the official table of classes; seborrheic keratosis is not drawn, so always 0."""
    rows = ['image_id,melanoma,seborrheic_keratosis']
    for index in range(images):
        if SPLITS[index % len(SPLITS)] == split:
            rows.append(f'{_name(index)},{float(is_melanoma(seed, index))},0.0')
    return ('\n'.join(rows) + '\n').encode()
