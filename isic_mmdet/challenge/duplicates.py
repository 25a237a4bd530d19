"""Near-duplicates: the same lesion photographed or published twice, found by difference hashes.

The hash (after Neal Krawetz, "Kind of like that", 2013) is defined here as: convert to 8-bit
grey (ITU-R BT.601), average over area to 17 columns x 16 rows, and set one bit for each of the
16 x 16 pairs of horizontal neighbours, 1 where the right one is brighter; row by row, the first
pair in the highest bit. Two images are near-duplicates when their hashes differ in at most 24
of the 256 bits.
"""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

DEFAULT_DISTANCE = 24
HASH_BITS = 256

_BLOCK = 256  # rows compared at a time: bounds the memory at a few MB for 4,000 images


def difference_hash(pixels: npt.NDArray[np.uint8]) -> str:
    """Return the hash of an (H, W, 3) uint8 RGB image as 64 hexadecimal digits."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (17, 16), interpolation=cv2.INTER_AREA)
    return np.packbits(small[:, 1:] > small[:, :-1]).tobytes().hex()


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
    for start in range(0, len(words), _BLOCK):
        block = words[start : start + _BLOCK, None]
        bits = np.bitwise_count(block ^ words[None, start:]).sum(axis=2, dtype=np.uint16)
        for row, column in np.argwhere(bits <= distance).tolist():
            if row < column:
                pairs.append((start + row, start + column, int(bits[row, column])))
    return pairs
