"""COCO's description of a mask: its run lengths and its box.

pycocotools decodes run lengths without a check. Where the runs do not fill the mask, the remaining
pixels are uninitialized memory. `run_lengths_problem` finds such codes.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

#: The message for a valid code without any lesion pixel.
NO_LESION = 'the lesion has no mask'
# Each letter holds 5 bits. No count of pixels needs more than 7 letters.
_LETTERS = 7


def encode_run_lengths(mask: NDArray[np.bool_]) -> str:
    """Return an (H, W) bool mask as COCO's compressed run lengths."""
    # The runs go column by column. The first one is background and may be empty.
    pixels = cv2.transpose(mask.view(np.uint8)).ravel()
    ends = np.flatnonzero(pixels[1:] != pixels[:-1]) + 1
    runs = np.diff(ends, prepend=0, append=pixels.size).tolist()
    counts = [0, *runs] if pixels[0] else runs
    # Boxes are also needed where pycocotools is not installed.
    from pycocotools import mask as coco_mask

    encoded = coco_mask.frPyObjects({'size': list(mask.shape), 'counts': counts}, *mask.shape)
    return str(encoded['counts'], 'ascii')


def bounding_box(mask: NDArray[np.bool_]) -> list[int]:
    """Return x, y, width, height in pixels of the tightest box around a non-empty mask."""
    return list(cv2.boundingRect(mask.view(np.uint8)))


def run_lengths_problem(code: Any, height: int, width: int) -> str | None:
    """Return the problem of COCO's `code` for an image of this size, or None.

    Its `counts` are compressed text or a list of numbers.
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

    Each letter holds 5 bits of a number, the lowest bits first. Bit 6 of a letter is set if another
    letter of the same number follows. Bit 5 of the last letter is the sign. From the fourth number
    on, the code stores the difference from the number two places before.
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
