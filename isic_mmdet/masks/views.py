"""Flipped views of an image: how flips are undone, and how predictions of the views are merged.

Both runtimes average their test-time augmentation with this module.
"""

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
class ViewPrediction:
    """The best detection in one view of an image.

    Attributes:
        view: its cells and box, in pixels of the image.
        scores: class index to the highest score, in [0, 1], of its detections in the view.
    """

    view: BoxCells
    scores: Mapping[int, float]


class MergedPrediction(NamedTuple):
    """Scores and box of a lesion, merged from all views of its image.

    Attributes:
        scores: class index to score in [0, 1], the highest first.
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


def unflip(
    cells: NDArray[np.floating],
    box: Sequence[float],
    shape: tuple[int, int],
    direction: str | None,
) -> BoxCells:
    """Return cells and box of a flipped image in coordinates of the image itself.

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


def merge_views(predictions: Sequence[ViewPrediction], number: int) -> MergedPrediction | None:
    """Merge the predictions of the views of an image; None if there is no prediction.

    The score of a class is its mean over all views, 0 for those without it. The box is the mean
    of the boxes.

    Args:
        predictions: at most one for each view.
        number: of views.
    """
    if not predictions:
        return None
    totals: dict[int, float] = {}
    for prediction in predictions:
        for label, score in prediction.scores.items():
            totals[label] = totals.get(label, 0.0) + score
    best_first = sorted(totals, key=lambda label: -totals[label])
    x1, y1, x2, y2 = np.mean([each.view.box for each in predictions], axis=0).tolist()
    return MergedPrediction(
        {label: totals[label] / number for label in best_first}, (x1, y1, x2, y2)
    )
