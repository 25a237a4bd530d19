"""Sets of true and predicted mask files to score, real ones and drawn ones."""

import io
import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Mask = NDArray[np.uint8]

_SEED = 0


def write_distorted(truths: Sequence[Path], folder: Path) -> tuple[Path, Path]:
    """Copy true masks, and write a prediction for each that is wrong in some way.

    Args:
        truths: mask files of 8-bit grays.
        folder: where `truth/` and `predictions/` are made.

    Returns:
        The two folders.
    """
    return _write(((path.name, path.read_bytes()) for path in truths), folder)


def write_drawn(number: int, size: int, folder: Path) -> tuple[Path, Path]:
    """Draw lesion-like masks of `size` x `size` pixels, else as `write_distorted`."""
    rng = np.random.default_rng(_SEED)
    return _write(
        (
            (f'ISIC_{index:07d}_segmentation.png', _as_official(draw_mask(rng, size)))
            for index in range(number)
        ),
        folder,
    )


def draw_mask(rng: np.random.Generator, size: int) -> Mask:
    """Return a blob of 5 to 60 % of the image as (size, size) uint8, 0 and 255."""
    angles = np.linspace(0, 2 * math.pi, 720, endpoint=False)
    waves = sum(
        rng.normal(0, 0.25 / order) * np.cos(order * angles + rng.uniform(0, 2 * math.pi))
        for order in range(1, 12)
    )
    radius = size * math.sqrt(rng.uniform(0.05, 0.6) / math.pi) * np.exp(waves / 2)
    center = size * rng.uniform(0.4, 0.6, 2)
    points = np.stack(
        [center[0] + radius * np.cos(angles), center[1] + radius * np.sin(angles)], axis=1
    )
    mask = np.zeros((size, size), np.uint8)
    cv2.fillPoly(mask, [np.round(points).astype(np.int32)], 255)
    return mask


def distort(mask: Mask, kind: int, rng: np.random.Generator) -> Mask:
    """Return a mask as a model might predict it, wrong in one of six ways.

    Args:
        mask: (H, W) uint8, 0 and 255.
        kind: taken modulo 6: moved, grown, shrunk, rough at its border, soft at its border (the
            one with grays between 0 and 255), none of these.
        rng: draws where to and how much.
    """
    by = max(3, min(mask.shape) // rng.integers(12, 40))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (by, by))

    def rough() -> NDArray[np.generic]:
        coarse = rng.normal(size=(3 * mask.shape[0] // by, 3 * mask.shape[1] // by))
        noise = cv2.resize(coarse, mask.shape[::-1], interpolation=cv2.INTER_CUBIC)
        return np.where(cv2.blur(mask, (by, by)) + 40 * noise > 128, 255, 0)

    ways: tuple[Callable[[], NDArray[np.generic]], ...] = (
        lambda: np.roll(mask, rng.integers(-by, by + 1, 2), axis=(0, 1)),
        lambda: cv2.dilate(mask, kernel),
        lambda: cv2.erode(mask, kernel),
        rough,
        lambda: cv2.blur(mask, (by, by)),
        lambda: mask,
    )
    return ways[kind % len(ways)]().astype(np.uint8)


def _write(truths: Iterable[tuple[str, bytes]], folder: Path) -> tuple[Path, Path]:
    rng = np.random.default_rng(_SEED + 1)
    truth, predictions = folder / 'truth', folder / 'predictions'
    for part in (truth, predictions):
        part.mkdir(parents=True)
    for kind, (name, data) in enumerate(truths):
        (truth / name).write_bytes(data)
        mask = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        cv2.imwrite(str(predictions / name), distort(np.asarray(mask, np.uint8), kind, rng))
    return truth, predictions


def _as_official(mask: Mask) -> bytes:
    """Encode a mask with a filter chosen for each row, as the official files are."""
    stream = io.BytesIO()
    Image.fromarray(mask).save(stream, 'PNG')
    return stream.getvalue()
