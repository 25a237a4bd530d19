"""Whether COCO's run lengths describe a mask.

pycocotools decodes them unchecked: of runs that do not fill the mask, the rest is what happened to
lie in memory.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: What is said of a code that is sound, but holds no pixel.
NO_LESION = 'the lesion has no mask'
# Letters of 5 bits each; more than 7 make no count of pixels.
_LETTERS = 7


def run_lengths_fault(code: Any, height: int, width: int) -> str | None:
    """Say what is wrong with a run-length code, or return None.

    Args:
        code: COCO's, with `size` and `counts` (compressed text, or a list of numbers).
        height: of the image in pixels.
        width: of the image in pixels.
    """
    if not isinstance(code, dict) or not {'size', 'counts'} <= code.keys():
        return 'its mask is no run-length code'
    if code['size'] != [height, width]:
        return f'its mask is {code["size"]}, its image {[height, width]} (height, width)'
    try:
        counts = _counts(code['counts'])
    except ValueError as error:
        return f'its mask is no run-length code ({error})'
    if (counts < 0).any() or counts.sum() != height * width:
        return f'the runs of its mask do not fill {height} x {width} pixels'
    if not counts[1::2].any():
        return NO_LESION
    return None


def _counts(counts: Any) -> NDArray[np.int64]:
    if isinstance(counts, str):
        return _unpacked(counts)
    if not isinstance(counts, list) or not all(type(count) is int for count in counts):
        raise ValueError('counts are neither text nor whole numbers')
    if any(abs(count) > 2**31 for count in counts):
        raise ValueError('a run of over 2,147,483,648 pixels')
    return np.array(counts, np.int64)


def _unpacked(text: str) -> NDArray[np.int64]:
    """Return the numbers of a compressed code, as `rleFrString` of the COCO API reads them.

    A number is written in groups of 5 bits, the lowest first, a letter each; bit 6 of a letter
    tells that another follows, and bit 5 of the last one is the sign. From the fourth on it is the
    difference from the number before the last.
    """
    if not text.isascii():
        raise ValueError('it holds other letters than ASCII has')
    letters = np.frombuffer(text.encode('ascii'), np.uint8).astype(np.int64) - 48
    if letters.size == 0 or letters.min() < 0 or letters.max() > 63 or letters[-1] & 32:
        raise ValueError('it is empty, cut off, or holds other letters than 0 to o')
    last = np.flatnonzero(letters & 32 == 0)
    first = np.concatenate([[0], last[:-1] + 1])
    lengths = last - first + 1
    if lengths.max() > _LETTERS:
        raise ValueError('it holds a number too large')
    shifts = 5 * (np.arange(letters.size) - np.repeat(first, lengths))
    numbers = np.add.reduceat((letters & 31) << shifts, first)
    numbers -= np.where(letters[last] & 16, np.int64(1) << 5 * lengths, 0)
    numbers[1::2] = np.cumsum(numbers[1::2])
    numbers[2::2] = np.cumsum(numbers[2::2])
    return numbers
