"""Random fields that skin, lesions and artifacts are made of."""

import cv2
import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]


def smoothstep(low: float, high: float, values: Field) -> Field:
    """Return 0 below `low`, 1 above `high` and a smooth rise between, shaped like `values`."""
    share: Field = np.clip((values - np.float32(low)) / np.float32(high - low), 0, 1)
    return share * share * (3 - 2 * share)


def soften(canvas: NDArray[np.uint8], sigma: float) -> Field:
    """Return an 8-bit drawing as float32 in [0, 1], blurred by `sigma` pixels."""
    blurred = cv2.GaussianBlur(canvas.astype(np.float32) / 255, (0, 0), max(sigma, 0.3))
    return blurred.astype(np.float32, copy=False)


def fractal(
    rng: np.random.Generator, shape: tuple[int, int], cell: float, octaves: int = 3
) -> Field:
    """Return cloudy noise of mean 0 and standard deviation 1.

    Args:
        rng: source of chance.
        shape: (H, W) of the field.
        cell: size of the coarsest clouds, in pixels.
        octaves: number of layers; each one is half as coarse and half as strong as the last.
    """
    height, width = shape
    total = np.zeros(shape, np.float32)
    for octave in range(octaves):
        step = max(cell / 2**octave, 1.0)
        rows, columns = int(height / step) + 3, int(width / step) + 3
        grid = rng.standard_normal((rows, columns), dtype=np.float32)
        enlarged = (round(columns * step), round(rows * step))
        layer = cv2.resize(grid, enlarged, interpolation=cv2.INTER_CUBIC)
        # A random offset of up to two cells keeps the lattice of the grid from showing.
        top, left = (int(offset) for offset in rng.uniform(0, 2 * step, 2))
        layer = layer[top : top + height, left : left + width]
        total += layer * np.float32(0.5**octave)
    scaled: Field = (total - total.mean()) / max(float(total.std()), 1e-6)
    return scaled


def honeycomb(rng: np.random.Generator, shape: tuple[int, int], spacing: float) -> Field:
    """Return an irregular honeycomb: 0 in the middle of each hole, about 1 to 1.5 on the lines.

    `spacing` is the mean distance of two neighboring holes, in pixels.
    """
    height, width = shape
    rows = int(height / (spacing * 0.87)) + 3
    columns = int(width / spacing) + 3
    row, column = np.mgrid[-1 : rows - 1, -1 : columns - 1].astype(np.float32)
    x = (column + 0.5 * (row % 2) + rng.normal(0, 0.24, row.shape)) * spacing
    y = (row + rng.normal(0, 0.24, row.shape)) * spacing * 0.87
    x, y = np.rint(x).astype(int), np.rint(y).astype(int)
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    background = np.full(shape, 255, np.uint8)
    background[y[inside], x[inside]] = 0
    distance = cv2.distanceTransform(background, cv2.DIST_L2, 5)
    distance = cv2.GaussianBlur(distance, (0, 0), 0.1 * spacing)
    return (distance / (spacing * 0.58)).astype(np.float32, copy=False)
