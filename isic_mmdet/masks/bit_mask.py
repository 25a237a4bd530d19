"""A mask with one bit a pixel: an eighth of the memory, and 64 pixels in each operation."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isic_mmdet.images.orientation import upright

_WORD = 64
_ONE = np.uint64(1)

Bits = NDArray[np.uint64]


@dataclass(frozen=True, eq=False)
class BitMask:
    """A lesion mask of H x W pixels.

    Attributes:
        bits: (H, ceil(W / 64)) uint64, 1 for lesion; the first pixel of a row in the highest bit
            of its first word, 0 behind the last.
        width: W.
    """

    bits: Bits
    width: int

    @classmethod
    def of(cls, mask: NDArray[np.bool_]) -> 'BitMask':
        """Pack an (H, W) bool mask; grays and masks without a pixel are a `ValueError`."""
        if mask.dtype != np.bool_ or mask.ndim != 2 or mask.size == 0:
            raise ValueError(f'expected a (H, W) bool mask, got {mask.dtype} of shape {mask.shape}')
        return cls(to_words(np.packbits(mask, axis=1)), mask.shape[1])

    @property
    def shape(self) -> tuple[int, int]:
        """H and W."""
        return self.bits.shape[0], self.width

    @property
    def size(self) -> int:
        """Number of pixels."""
        height, width = self.shape
        return height * width

    def unpacked(self) -> NDArray[np.bool_]:
        """Return the mask as (H, W) bool."""
        octets = self.bits.astype('>u8').view(np.uint8)
        return np.unpackbits(octets, axis=1, count=self.width).view(np.bool_)

    def turned(self, orientation: int) -> 'BitMask':
        """Return the mask rotated or mirrored as EXIF's number says."""
        return BitMask.of(np.ascontiguousarray(upright(self.unpacked(), orientation)))

    def area(self) -> int:
        """Return the number of lesion pixels."""
        return count_bits(self.bits)

    def touches_border(self) -> bool:
        """Return whether a pixel of the first or last row or column is lesion."""
        sides = self.bits[[0, -1]], self._column(0), self._column(self.width - 1)
        return any(bool(side.any()) for side in sides)

    def has_corners(self) -> bool:
        """Return whether the pixels in all four corners are lesion."""
        return bool((self._column(0) & self._column(self.width - 1))[[0, -1]].all())

    def edges(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Find where lesion begins and ends in the rows, N edges.

        Returns:
            Their rows, the columns of the pixels right of them (0 to W), and 1 where lesion
            begins, -1 where it ends; each (N,).
        """
        changes = self.bits >> _ONE
        changes[:, 1:] |= self.bits[:, :-1] << np.uint64(_WORD - 1)
        changes ^= self.bits
        words = np.flatnonzero(changes != 0)
        octets = changes.ravel()[words].astype('>u8').view(np.uint8)
        # NumPy is several times as fast on a flat boolean array.
        number, bit = np.divmod(np.flatnonzero(np.unpackbits(octets).view(np.bool_)), _WORD)
        rows, columns = np.divmod(words[number], changes.shape[1])
        begins = self.bits.ravel()[words[number]] >> (_WORD - 1 - bit).astype(np.uint64) & _ONE
        # Where W fills the last word, no bit is left to mark an end of lesion at the border.
        last = np.flatnonzero(self._column(self.width - 1)) if self.width % _WORD == 0 else rows[:0]
        return (
            np.concatenate([rows, last]),
            np.concatenate([columns * _WORD + bit, np.full_like(last, self.width)]),
            np.concatenate([np.where(begins, 1, -1), -np.ones_like(last)]),
        )

    def _column(self, column: int) -> Bits:
        word, bit = divmod(column, _WORD)
        return self.bits[:, word] >> np.uint64(_WORD - 1 - bit) & _ONE


def to_words(octets: NDArray[np.uint8]) -> Bits:
    """Return (H, N) octets as (H, ceil(N / 8)) words, the first octet in the highest bits."""
    if missing := -octets.shape[1] % 8:
        octets = np.pad(octets, ((0, 0), (0, missing)))
    return np.ascontiguousarray(octets).view('>u8').astype(np.uint64)


def count_bits(bits: Bits) -> int:
    """Return how many bits are 1."""
    return int(np.bitwise_count(bits).sum(dtype=np.int64))
