"""What several views of an image say of its lesion, and what they say together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from isic_mmdet.masks.paste import BoxCells

#: Axes of an (H, W) map that undo a flip of this name; None is no flip.
FLIP_AXES: dict[str | None, tuple[int, ...]] = {
    None: (),
    'horizontal': (1,),
    'vertical': (0,),
    'diagonal': (0, 1),
}


@dataclass(frozen=True, eq=False)
class Finding:
    """The detection with the highest score in one view of an image.

    Attributes:
        view: its cells and box, in pixels of the image.
        scores: index of a class to the highest score in [0, 1] of its detections in the view.
    """

    view: BoxCells
    scores: Mapping[int, float]


class MergedPrediction(NamedTuple):
    """What is said of the lesion of an image besides its mask.

    Attributes:
        scores: index of a class to its score in [0, 1], the highest first.
        box: x1, y1, x2, y2 in pixels of the image.
    """

    scores: dict[int, float]
    box: tuple[float, float, float, float]

    @property
    def label(self) -> int:
        """Index of the class with the highest score."""
        return next(iter(self.scores))

    @property
    def score(self) -> float:
        """The highest score."""
        return self.scores[self.label]


def unflipped(
    cells: NDArray[np.floating],
    box: Sequence[float],
    shape: tuple[int, int],
    direction: str | None,
) -> BoxCells:
    """Return what was found in a flipped image as it lies in the image itself.

    Args:
        cells: (h, w) float.
        box: x1, y1, x2, y2 in the flipped image.
        shape: height and width of the image, in the same unit.
        direction: of the flip, a key of `FLIP_AXES`.
    """
    x1, y1, x2, y2 = box
    height, width = shape
    axes = FLIP_AXES[direction]
    if 1 in axes:
        x1, x2 = width - x2, width - x1
    if 0 in axes:
        y1, y2 = height - y2, height - y1
    return BoxCells(np.flip(cells, axes), (x1, y1, x2, y2))


def verdict(findings: Sequence[Finding], number: int) -> MergedPrediction | None:
    """Return what the views of an image say together, None where none found anything.

    The score of a class is the mean over all views, with 0 for those that did not find it; the box
    is the mean of all that were found.

    Args:
        findings: at most one a view.
        number: how many views there were.
    """
    if not findings:
        return None
    totals: dict[int, float] = {}
    for found in findings:
        for label, score in found.scores.items():
            totals[label] = totals.get(label, 0.0) + score
    best_first = sorted(totals, key=lambda label: -totals[label])
    x1, y1, x2, y2 = np.mean([found.view.box for found in findings], axis=0).tolist()
    return MergedPrediction(
        {label: totals[label] / number for label in best_first}, (x1, y1, x2, y2)
    )
