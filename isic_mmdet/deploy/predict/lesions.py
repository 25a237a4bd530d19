"""The lesions of an image as they are written: with the threshold and the regions of the user."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from isic_mmdet.deploy.segmentation import Segmentation
from isic_mmdet.masks.paste import paste_levels
from isic_mmdet.masks.regions import largest_region


@dataclass(frozen=True, eq=False)
class FoundLesion:
    """A lesion and its mask, (H, W) bool, both in the upright image."""

    lesion: Segmentation
    mask: NDArray[np.bool_]


def at_threshold(lesion: Segmentation, threshold: float | None) -> Segmentation:
    """Return a lesion and the others of its image with another threshold; None for the model's.

    The expected IoU is calibrated for masks at the threshold of the model, so it is lost.
    """
    if threshold is None or threshold == lesion.threshold:
        return lesion
    others = tuple(at_threshold(other, threshold) for other in lesion.others)
    return replace(lesion, threshold=threshold, calibration=None, others=others)


def found_lesions(lesion: Segmentation, largest_only: bool) -> list[FoundLesion]:
    """Return the lesions of an image, the highest score first.

    Args:
        lesion: the best one, with the others; without a class, nothing was found.
        largest_only: keep the largest connected region of each mask.
    """
    return [
        FoundLesion(each, largest_region(each.mask) if largest_only else each.mask)
        for each in (lesion, *lesion.others)
        if each.label is not None
    ]


def joined_mask(found: Sequence[FoundLesion], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the pixels of all lesions, (H, W) bool."""
    return reduce(np.logical_or, (each.mask for each in found), np.zeros(shape, np.bool_))


def joined_levels(lesion: Segmentation, bits: int) -> NDArray[np.unsignedinteger]:
    """Return the highest probability of all lesions, (H, W), in steps; see `paste_levels`."""
    return reduce(
        np.maximum,
        (paste_levels(e.views, e.number, e.shape, bits) for e in (lesion, *lesion.others)),
    )
