"""The images and masks of benchmarks: real ones where the checkout has them, else synthetic.

"Pairs" are files of an image and of its mask.
"""

import io
import itertools
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.harness import SHARED
from isic_mmdet.images.encoding import encode_jpeg, encode_png
from isic_mmdet.synthetic import make_sample

#: Height and width of the synthetic pairs: 0.8 to 12 megapixels.
PAIR_SHAPES = ((767, 1022), (1129, 1504), (1536, 2048), (2304, 3072), (2848, 4288))
_IMAGES, _MASKS = 'ISIC-2017_Training_Data', 'ISIC-2017_Training_Part1_GroundTruth'

Pairs = Sequence[tuple[Path, Path]]


class Picture(NamedTuple):
    """An image of N x N pixels.

    Attributes:
        image: (N, N, 3) uint8, RGB.
        lesion: (N, N) bool.
    """

    image: NDArray[np.uint8]
    lesion: NDArray[np.bool_]


def pictures(number: int, size: int) -> list[Picture]:
    """Return the centers of the first `number` synthetic images that have a lesion there."""
    found: list[Picture] = []
    index = 0
    while len(found) < number:
        sample = make_sample(0, index, size)
        index += 1
        height, width = sample.mask.shape
        top, left = (height - size) // 2, (width - size) // 2
        center = (slice(top, top + size), slice(left, left + size))
        lesion = sample.mask[center] > 0
        if lesion.any():
            found.append(Picture(np.ascontiguousarray(sample.image[center]), lesion))
    return found


def write_pictures(number: int, size: int, folder: Path) -> list[Path]:
    """Write `pictures` as JPEGs into a new folder."""
    folder.mkdir()
    paths = []
    for index, picture in enumerate(pictures(number, size)):
        paths.append(folder / f'{index}.jpg')
        paths[-1].write_bytes(encode_jpeg(picture.image))
    return paths


def camera_image(shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Return a synthetic image of a height and width, (H, W, 3) uint8, RGB, with camera noise."""
    height, width = shape
    small = make_sample(0, 0, 512).image
    drawn = np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)
    random = np.random.default_rng(0)
    for rows in np.array_split(drawn, max(1, height // 256)):
        noise = random.normal(0, 3, rows.shape[:2]).astype(np.float32)
        rows[...] = np.clip(rows + noise[..., None], 0, 255)
    return drawn


def full_size_pairs(folder: Path) -> tuple[Pairs, str]:
    """Return pairs of full size, and what they are; synthetic ones are written into `folder`."""
    source = SHARED / 'isic2017_fullsize'
    if not source.is_dir():
        return draw_pairs(folder, PAIR_SHAPES), f'{len(PAIR_SHAPES)} synthetic images'
    pairs = [
        (path, source / masks / f'{path.stem}_segmentation.png')
        for images, masks in (
            (_IMAGES, _MASKS),
            ('ISIC-2017_Validation_Data', 'ISIC-2017_Validation_Part1_GroundTruth'),
        )
        for path in sorted((source / images).glob('*.jpg'))
    ]
    return pairs, f'{len(pairs)} images of ISIC 2017'


def draw_pairs(folder: Path, shapes: Sequence[tuple[int, int]]) -> Pairs:
    """Write a synthetic pair of each height and width into a new folder, enlarged from 512 px."""
    pairs = []
    folder.mkdir(parents=True)
    for index, shape in enumerate(shapes):
        sample = make_sample(0, index, 512)
        image = cv2.resize(sample.image, shape[::-1], interpolation=cv2.INTER_CUBIC)
        mask = cv2.resize(sample.mask, shape[::-1], interpolation=cv2.INTER_NEAREST)
        paths = folder / f'{index}.jpg', folder / f'{index}.png'
        paths[0].write_bytes(encode_jpeg(np.asarray(image, np.uint8)))
        paths[1].write_bytes(encode_png(np.asarray(mask, np.uint8)))
        pairs.append(paths)
    return pairs


def lay_out(pairs: Pairs, number: int, root: Path) -> Path:
    """Link pairs in a cycle under `number` new ids as the training part of ISIC 2017.

    Returns:
        `root`, the new folder of the data set.
    """
    for name in (_IMAGES, _MASKS):
        (root / name).mkdir(parents=True)
    for index, (image, mask) in enumerate(itertools.islice(itertools.cycle(pairs), number)):
        isic_id = f'ISIC_{index:07d}'
        (root / _IMAGES / f'{isic_id}.jpg').symlink_to(image)
        (root / _MASKS / f'{isic_id}_segmentation.png').symlink_to(mask)
    return root


def drawn_masks(number: int, size: int) -> Iterable[tuple[str, bytes]]:
    """Yield names and PNGs of lesion-like masks of `size` x `size` pixels.

    Each is a blob of 5 to 60 % of the image.
    """
    rng = np.random.default_rng(0)
    for index in range(number):
        angles = np.linspace(0, 2 * math.pi, 720, endpoint=False)
        waves = sum(
            rng.normal(0, 0.25 / order) * np.cos(order * angles + rng.uniform(0, 2 * math.pi))
            for order in range(1, 12)
        )
        radius = size * math.sqrt(rng.uniform(0.05, 0.6) / math.pi) * np.exp(waves / 2)
        center = size * rng.uniform(0.4, 0.6, 2)
        outline = center + radius[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        mask = np.zeros((size, size), np.uint8)
        cv2.fillPoly(mask, [np.round(outline).astype(np.int32)], 255)
        # Pillow chooses a filter for each row, as the encoder of the official files did.
        stream = io.BytesIO()
        Image.fromarray(mask).save(stream, 'PNG')
        yield f'ISIC_{index:07d}_segmentation.png', stream.getvalue()


def write_predictions(truths: Iterable[tuple[str, bytes]], folder: Path) -> tuple[Path, Path]:
    """Write true masks, and a prediction for each that is wrong in one of six ways.

    Args:
        truths: names and PNGs of 8-bit grays.
        folder: new.

    Returns:
        The folders of the true and of the predicted masks.
    """
    rng = np.random.default_rng(1)
    truth, predictions = folder / 'truth', folder / 'predictions'
    for part in (truth, predictions):
        part.mkdir(parents=True)
    for index, (name, data) in enumerate(truths):
        (truth / name).write_bytes(data)
        mask = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        cv2.imwrite(str(predictions / name), _distorted(np.asarray(mask, np.uint8), index, rng))
    return truth, predictions


def _distorted(mask: NDArray[np.uint8], kind: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return a mask moved, grown, shrunk, with a rough or a soft (gray) border, or unchanged."""
    by = max(3, min(mask.shape) // rng.integers(12, 40))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (by, by))
    wrong: NDArray[Any]
    match kind % 6:
        case 0:
            wrong = np.roll(mask, rng.integers(-by, by + 1, 2), axis=(0, 1))
        case 1:
            wrong = cv2.dilate(mask, kernel)
        case 2:
            wrong = cv2.erode(mask, kernel)
        case 3:
            coarse = rng.normal(size=(3 * mask.shape[0] // by, 3 * mask.shape[1] // by))
            noise = cv2.resize(coarse, mask.shape[::-1], interpolation=cv2.INTER_CUBIC)
            wrong = np.where(cv2.blur(mask, (by, by)) + 40 * noise > 128, 255, 0)
        case 4:
            wrong = cv2.blur(mask, (by, by))
        case _:
            wrong = mask
    return np.asarray(wrong).astype(np.uint8)
