"""A mask with one bit a pixel: an eighth of the memory to walk through, 64 pixels at a time."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_WORD = 64
_ONE = np.uint64(1)


@dataclass(frozen=True, eq=False)
class BitMask:
    """A lesion mask of H x W pixels.

    Attributes:
        bits: (H, ceil(W / 64)) uint64, 1 for lesion; the first pixel of a row in the highest bit
            of its first word, 0 behind the last.
        width: W.
    """

    bits: npt.NDArray[np.uint64]
    width: int

    @classmethod
    def of(cls, mask: npt.NDArray[np.bool_]) -> 'BitMask':
        """Pack an (H, W) bool mask."""
        height, width = mask.shape
        octets = np.zeros((height, -(-width // _WORD) * 8), np.uint8)
        octets[:, : -(-width // 8)] = np.packbits(mask, axis=1)
        return cls(octets.view('>u8').astype(np.uint64), width)

    @property
    def shape(self) -> tuple[int, int]:
        """H and W."""
        return self.bits.shape[0], self.width

    @property
    def size(self) -> int:
        """Number of pixels."""
        return self.bits.shape[0] * self.width

    def unpacked(self) -> npt.NDArray[np.bool_]:
        """Return the mask as (H, W) bool."""
        octets = self.bits.astype('>u8').view(np.uint8)
        return np.unpackbits(octets, axis=1, count=self.width).view(np.bool_)

    def area(self) -> int:
        """Return the number of lesion pixels."""
        return int(np.bitwise_count(self.bits).sum(dtype=np.int64))

    def touches_border(self) -> bool:
        """Return whether a pixel of the first or last row or column is lesion."""
        return bool(
            self.bits[[0, -1]].any() or self._column(0).any() or self._column(self.width - 1).any()
        )

    def edges(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Find where lesion begins and ends in the rows.

        Returns:
            Of N edges the rows, the columns of the pixels right of them (0 to W), and 1 where
            lesion begins, -1 where it ends; each (N,).
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

    def _column(self, column: int) -> npt.NDArray[np.uint64]:
        word, bit = divmod(column, _WORD)
        return self.bits[:, word] >> np.uint64(_WORD - 1 - bit) & _ONE
