"""Many synthetic images on disk, laid out like the files of the ISIC 2017 challenge."""

from functools import partial
from pathlib import Path

import cv2
from tqdm import tqdm

from isic_mmdet.errors import InputError
from isic_mmdet.images.encoding import encode_png
from isic_mmdet.prepare.pool import run_calls
from isic_mmdet.synthetic.sample import is_melanoma, make_sample
from isic_mmdet.utils.files import read_json, write_atomically, write_json

# Raise it with every change that alters a pixel, so that older folders are not mistaken for new.
GENERATOR_VERSION = 1
MANIFEST = 'synthetic.json'
# Real ids are far below, so that no synthetic image is mistaken for a real one.
FIRST_ID = 9_000_000
# Image `index` belongs to split `index % 6`: two thirds, one sixth and one sixth, and a larger
# data set holds the smaller one split by split.
SPLITS = ('Training', 'Training', 'Training', 'Training', 'Validation', 'Test_v2')
JPEG_QUALITY = 95


def write_dataset(
    out: str | Path, images: int = 240, seed: int = 0, size: int = 256, workers: int = 1
) -> int:
    """Write a data set, or complete the one of an interrupted call with the same options.

    Args:
        out: folder that receives `ISIC-2017_<split>_Data`, `..._Part1_GroundTruth` and
            `..._Part3_GroundTruth.csv` for the splits Training, Validation and Test_v2.
        images: number of images over all splits, at least 6.
        seed: names the data set; image and mask `i` depend on nothing but seed, size and `i`.
        size: shorter side of the images in pixels, at least 64.
        workers: number of processes.

    Returns:
        Number of images that were drawn; 0 if all were there.

    Raises:
        InputError: an option is out of range, or the folder holds something else.
    """
    out = Path(out)
    checks = {
        f'images is {images}; use 6 (one per part of the split) to 1,000,000': (
            len(SPLITS) <= images <= 10_000_000 - FIRST_ID
        ),
        f'seed is {seed}; use 0 or more': seed >= 0,
        f'size is {size}; use 64 or more, smaller lesions cannot be seen': size >= 64,
        f'workers is {workers}; use 1 or more': workers >= 1,
    }
    if errors := [error for error, is_fine in checks.items() if not is_fine]:
        raise InputError('these options of the synthetic data set are out of range:', errors)
    options = {'generator': GENERATOR_VERSION, 'images': images, 'seed': seed, 'size': size}
    _check_folder(out, options)
    write_json(out / MANIFEST, options, indent=2)
    missing = [i for i in range(images) if not all(path.is_file() for path in _paths(out, i))]
    calls = [partial(_write_pair, out, seed, size, index) for index in missing]
    for _ in tqdm(run_calls(calls, workers), 'images', len(calls), disable=not calls):
        pass
    for split in dict.fromkeys(SPLITS):
        table = out / f'ISIC-2017_{split}_Part3_GroundTruth.csv'
        write_atomically(table, _labels(split, images, seed).encode())
    return len(missing)


def _check_folder(out: Path, options: dict[str, int]) -> None:
    manifest = out / MANIFEST
    if manifest.is_file():
        found = read_json(manifest, 'delete the folder')
        if found != options:
            raise InputError(
                f'{out} was made with {found}, not with {options}; delete it or choose another '
                'folder'
            )
    elif out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f'{out} holds other files (no {MANIFEST}); choose an empty or new folder')


def _name(index: int) -> str:
    return f'ISIC_{FIRST_ID + index:07d}'


def _paths(out: Path, index: int) -> tuple[Path, Path]:
    """Return the paths of image and mask."""
    split = SPLITS[index % len(SPLITS)]
    return (
        out / f'ISIC-2017_{split}_Data' / f'{_name(index)}.jpg',
        out / f'ISIC-2017_{split}_Part1_GroundTruth' / f'{_name(index)}_segmentation.png',
    )


def _write_pair(out: Path, seed: int, size: int, index: int) -> None:
    sample = make_sample(seed, index, size)
    image_path, mask_path = _paths(out, index)
    bgr = cv2.cvtColor(sample.image, cv2.COLOR_RGB2BGR)
    _, jpeg = cv2.imencode('.jpg', bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    write_atomically(image_path, jpeg.tobytes())
    write_atomically(mask_path, encode_png(sample.mask))


def _labels(split: str, images: int, seed: int) -> str:
    """Return the official table of classes; no seborrheic keratosis is drawn."""
    rows = [
        f'{_name(index)},{float(is_melanoma(seed, index))},0.0\n'
        for index in range(images)
        if SPLITS[index % len(SPLITS)] == split
    ]
    return ''.join(['image_id,melanoma,seborrheic_keratosis\n', *rows])
