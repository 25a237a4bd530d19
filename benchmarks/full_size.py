"""Full-size pairs to prepare, real ones where they are at hand, and data sets laid out of them."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from isic_mmdet.images.encoding import encode_jpeg, encode_png
from isic_mmdet.synthetic import make_sample

#: Height and width of the images that are drawn where no real ones are.
DRAWN = ((767, 1022), (1129, 1504), (1536, 2048), (2304, 3072), (2848, 4288))

_SHARED = Path(__file__).resolve().parents[2] / 'shared' / 'isic2017_fullsize'
_IMAGES, _MASKS = 'ISIC-2017_Training_Data', 'ISIC-2017_Training_Part1_GroundTruth'

Files = Sequence[tuple[Path, Path]]


def full_size_pairs(folder: Path) -> tuple[Files, str]:
    """Return files of images and masks, and what they are.

    Args:
        folder: for images that are drawn.
    """
    if _SHARED.is_dir():
        found = find_pairs(_SHARED)
        return found, f'{len(found)} images of ISIC 2017'
    return draw_pairs(folder, DRAWN), f'{len(DRAWN)} synthetic images'


def find_pairs(source: Path) -> Files:
    """Return the image and mask files of the official folders of 2017 in a folder."""
    return [
        (path, path.parent.with_name(masks) / f'{path.stem}_segmentation.png')
        for images, masks in (
            (_IMAGES, _MASKS),
            ('ISIC-2017_Validation_Data', 'ISIC-2017_Validation_Part1_GroundTruth'),
        )
        for path in sorted((source / images).glob('*.jpg'))
    ]


def draw_pairs(folder: Path, shapes: Sequence[tuple[int, int]]) -> Files:
    """Write a synthetic pair of each height and width into a folder, enlarged from 512 px."""
    files = []
    folder.mkdir(parents=True)
    for index, shape in enumerate(shapes):
        sample = make_sample(0, index, 512)
        image = cv2.resize(sample.image, shape[::-1], interpolation=cv2.INTER_CUBIC)
        mask = cv2.resize(sample.mask, shape[::-1], interpolation=cv2.INTER_NEAREST)
        paths = folder / f'{index}.jpg', folder / f'{index}.png'
        paths[0].write_bytes(encode_jpeg(np.asarray(image, np.uint8)))
        paths[1].write_bytes(encode_png(np.asarray(mask, np.uint8)))
        files.append(paths)
    return files


def lay_out(files: Files, number: int, root: Path) -> Path:
    """Link pairs as the training part of ISIC 2017, again and again under new ids.

    Args:
        files: images and masks.
        number: of pairs that are wanted.
        root: folder of the data set.

    Returns:
        `root`.
    """
    for name in (_IMAGES, _MASKS):
        (root / name).mkdir(parents=True)
    for index, (image, mask) in enumerate(itertools.islice(itertools.cycle(files), number)):
        isic_id = f'ISIC_{index:07d}'
        (root / _IMAGES / f'{isic_id}.jpg').symlink_to(image)
        (root / _MASKS / f'{isic_id}_segmentation.png').symlink_to(mask)
    return root
