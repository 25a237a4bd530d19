"""Finds near-duplicates, the same lesion photographed or published twice, by difference hashes.

The hash (after Neal Krawetz, "Kind of like that", 2013) is made in three steps. The image becomes
8-bit gray (ITU-R BT.601). It is averaged over area to 17 columns x 16 rows. Each of the 16 x 16
pairs of horizontal neighbors gives one bit, 1 where the right one is brighter; row by row, the
first pair in the highest bit.
"""

import itertools
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

HASH_BITS = 256
#: Hashes of near-duplicates differ in at most this many bits.
DEFAULT_DISTANCE = 24
#: Smallest side in pixels of a reduced image that is hashed. At this size the near-duplicates among
#: 2,270 images of 512 px are found as at full size; at half of it, one of the 12 pairs is missed.
HASHED_SIDE = 128

_PAIRS = 1 << 20  # compared at a time: 32 MB, for any number of images


def difference_hash(pixels: npt.NDArray[np.uint8]) -> str:
    """Return the hash of an (H, W, 3) uint8 RGB image as 64 hexadecimal digits."""
    gray = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)
    small = np.rint(_cell_means(gray, 16, 17))
    return np.packbits(small[:, 1:] > small[:, :-1]).tobytes().hex()


def _cell_means(gray: npt.NDArray[np.uint8], rows: int, columns: int) -> npt.NDArray[np.float64]:
    """Average an (H, W) image over the equal cells of a grid, whose borders may cut through pixels.

    OpenCV's own average over area takes many times as long for such borders.
    """
    height, width = gray.shape
    top = np.arange(rows + 1) * height / rows
    full = top.astype(np.intp)
    # Complete rows of pixels first, then the parts of rows that a border cuts.
    bands = np.zeros((rows, width))
    for band, (first, last) in enumerate(itertools.pairwise(full.tolist())):
        if last > first:
            bands[band] = cv2.reduce(gray[first:last], 0, cv2.REDUCE_SUM, dtype=cv2.CV_32S)
    cut = (top - full)[:, None] * gray[np.minimum(full, height - 1)]
    bands += cut[1:] - cut[:-1]
    # Then the same from left to right, with sums over all columns up to each.
    summed = np.zeros((rows, width + 1))
    np.cumsum(bands, axis=1, out=summed[:, 1:])
    left = np.arange(columns + 1) * width / columns
    full = left.astype(np.intp)
    sums = summed[:, full] + (left - full) * bands[:, np.minimum(full, width - 1)]
    means: npt.NDArray[np.float64] = sums[:, 1:] - sums[:, :-1]
    means *= rows * columns / (height * width)
    return means


def near_duplicates(hashes: Sequence[str], distance: int) -> list[tuple[int, int, int]]:
    """Compare every hash with every other.

    Args:
        hashes: N hashes of 64 hexadecimal digits.
        distance: highest number of differing bits, 0 to 256.

    Returns:
        (i, j, differing bits) with i < j, in order of i, then j.
    """
    words = np.frombuffer(bytes.fromhex(''.join(hashes)), dtype=np.uint64).reshape(-1, 4)
    pairs: list[tuple[int, int, int]] = []
    rows = max(1, _PAIRS // max(1, len(words)))
    for start in range(0, len(words), rows):
        block = words[start : start + rows, None]
        bits = np.bitwise_count(block ^ words[None, start:]).sum(axis=2, dtype=np.uint16)
        for row, column in np.argwhere(bits <= distance).tolist():
            if row < column:
                pairs.append((start + row, start + column, int(bits[row, column])))
    return pairs
