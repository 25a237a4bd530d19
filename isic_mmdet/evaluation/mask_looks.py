"""What a whole set of masks looks like, to notice when it was stored in another way."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from isic_mmdet.masks.mask_files import GRAY_THRESHOLD


class MaskLook(NamedTuple):
    """What one mask looks like.

    Attributes:
        brightest: highest gray in the file, 0 to 255.
        is_full: whether every pixel is lesion.
        has_corners: whether all four corners are lesion.
    """

    brightest: int
    is_full: bool
    has_corners: bool


def look_at(mask: NDArray[np.bool_], brightest: int) -> MaskLook:
    """Return what an (H, W) bool mask with this highest gray looks like."""
    return MaskLook(brightest, bool(mask.all()), bool(mask[[0, 0, -1, -1], [0, -1, 0, -1]].all()))


def notes_on(noun: str, looks: Sequence[MaskLook]) -> list[str]:
    """Return what is strange about a set of masks, one sentence each.

    Args:
        noun: what the masks are, such as `truth`.
        looks: one of each mask.
    """
    total = len(looks)
    dim = [look.brightest for look in looks if 0 < look.brightest <= GRAY_THRESHOLD]
    notes = []
    if dim:
        grays = '0 and 1' if max(dim) == 1 else f'grays of at most {max(dim)}'
        notes.append(
            f'{_share(len(dim), total)} masks of the {noun} hold only {grays}: the challenge takes '
            f'grays above {GRAY_THRESHOLD} for lesion and reads them as empty; if they mark '
            'lesions, save them with 0 and 255 and score again'
        )
    full = sum(look.is_full for look in looks)
    if full:
        notes.append(f'{_share(full, total)} masks of the {noun} are lesion everywhere')
    inverted = sum(look.has_corners and not look.is_full for look in looks)
    if 2 * inverted > total:
        notes.append(
            f'{_share(inverted, total)} masks of the {noun} are lesion in all four corners: if '
            'lesions are black in them, invert them and score again'
        )
    blank = sum(look.brightest == 0 for look in looks)
    if blank and (noun == 'truth' or blank == total):
        notes.append(f'{_share(blank, total)} masks of the {noun} are empty')
    return notes


def _share(count: int, total: int) -> str:
    return f'all {total}' if count == total else f'{count} of {total}'
