"""The IoU that a predicted mask is expected to have, and whether a person should check it.

The mask confidence (`isic_mmdet.masks.paste.mask_confidence`) says how certain a model is of a
mask. The score of a detection rates its box and its class, so it says less about the mask. Two
numbers turn the confidence c into an IoU::

    expected IoU = sigmoid(intercept + slope * logit(c))

They are fitted to validation images by fractional logistic regression (Papke and Wooldridge 1996,
Journal of Applied Econometrics 11, 619). A model without mask probabilities uses its score as c.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isic_mmdet.errors import InputError
from isic_mmdet.evaluation.per_image import Row
from isic_mmdet.utils.schema import COUNT, NUMBER, TEXT, Shape, shape_errors

#: Share of the validation images below the limit for a check.
CHECKED_SHARE = 0.1
#: Two numbers and a limit at the lowest tenth say little with fewer images.
MIN_IMAGES = 20
#: How to fit a model that has no calibration.
REMEDY = (
    'tools/test.py CONFIG CHECKPOINT --split val --calibrate NEW.pth '
    f'(it takes {MIN_IMAGES} validation images or more)'
)

_ITERATIONS = 1000
_SHAPE: Shape = {
    'certainty': TEXT,
    **dict.fromkeys(('intercept', 'slope', 'check_below'), NUMBER),
    'images': COUNT,
}


@dataclass(frozen=True)
class ExpectedIoU:
    """The calibration of a model: what its certainty of a mask says about the IoU.

    Attributes:
        certainty: 'mask_confidence', or 'score' for a model without mask probabilities.
        intercept: of the expected IoU, see the module.
        slope: of the expected IoU, above 0.
        check_below: a person should check masks with a lower expected IoU.
        images: number of images in the fit.
    """

    certainty: str
    intercept: float
    slope: float
    check_below: float
    images: int

    def __call__(self, score: float, mask_confidence: float | None) -> float:
        """Return the expected IoU in [0, 1] of a detection.

        Raises:
            ValueError: the calibration is for the mask confidence, which is None.
        """
        certainty = score if self.certainty == 'score' else mask_confidence
        if certainty is None:
            raise ValueError('the detection has no mask confidence')
        return float(_sigmoid(self.intercept + self.slope * _logit(certainty)))

    def needs_check(self, expected_iou: float) -> bool:
        """Return whether a person should check the mask; 0 is that of a missing detection."""
        return expected_iou == 0 or expected_iou < self.check_below

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON types, for a checkpoint or an exported model."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Any, source: object) -> 'ExpectedIoU | None':
        """Return the calibration that the file `source` holds; None for None.

        Raises:
            InputError: the value is anything else.
        """
        if value is None:
            return None
        if errors := shape_errors(value, _SHAPE, 'expected_iou'):
            raise InputError(
                f'{source}: its calibration is damaged; write it with {REMEDY}', errors
            )
        return cls(**{field.name: value[field.name] for field in fields(cls)})


def fit_expected_iou(rows: Sequence[Row]) -> ExpectedIoU | None:
    """Return the calibration from one row for each image of a validation.

    None without enough detections, or if more certain masks are not better: then no number would
    mean anything.

    Args:
        rows: with `iou`, `score` and `mask_confidence`; None for the last two without a detection.
    """
    found = [row for row in rows if row['score'] is not None]
    has_confidence = all(row.get('mask_confidence') is not None for row in found)
    name = 'mask_confidence' if has_confidence else 'score'
    certainty = _logit(np.array([row[name] for row in found], dtype=np.float64))
    if len(found) < MIN_IMAGES or np.ptp(certainty) == 0:
        return None
    ious = np.array([row['iou'] for row in found], dtype=np.float64)
    intercept, slope = _fractional_logistic(certainty, ious)
    if slope <= 0:
        return None
    expected = np.zeros(len(rows))  # an image without a detection has an IoU of 0
    expected[: len(found)] = _sigmoid(intercept + slope * certainty)
    check_below = float(np.quantile(expected, CHECKED_SHARE))
    return ExpectedIoU(name, intercept, slope, check_below, len(rows))


def add_expected_iou(rows: Sequence[dict[str, Any]], calibration: ExpectedIoU | None) -> None:
    """Set `expected_iou` and `check` of every row; None without a calibration."""
    for row in rows:
        if calibration is None:
            row |= {'expected_iou': None, 'check': None}
            continue
        score = row['score']
        expected = 0.0 if score is None else calibration(score, row.get('mask_confidence'))
        row |= {'expected_iou': expected, 'check': calibration.needs_check(expected)}


def _fractional_logistic(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    """Return intercept and slope with the highest likelihood for shares y in [0, 1], (N,) each.

    The bound 1/4 of p (1 - p) replaces the second derivative. Every step then raises the
    likelihood (Boehning and Lindsay 1988, doi 10.1007/BF00049423), without a choice of its length.
    """
    center, scale = x.mean(), x.std()
    design = np.stack([np.ones_like(x), (x - center) / scale], axis=1)
    step = 4 * np.linalg.pinv(design)
    weights = np.zeros(2)
    for _ in range(_ITERATIONS):
        weights += step @ (y - _sigmoid(design @ weights))
    slope = weights[1] / scale
    return float(weights[0] - slope * center), float(slope)


def _logit(share: Any) -> Any:
    share = np.clip(share, 1e-6, 1 - 1e-6)
    return np.log(share / (1 - share))


def _sigmoid(value: Any) -> Any:
    return 1 / (1 + np.exp(-value))
