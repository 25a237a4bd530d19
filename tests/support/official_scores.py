"""Compare our scores of masks with those of the official scorer."""

from collections.abc import Mapping

import cv2
import numpy as np
import pytest

from isic_mmdet.evaluation.mask_scores import score_masks
from isic_mmdet.evaluation.summary import summarize

OFFICIAL_NAMES = {
    'iou': 'jaccard',
    'iou_thr65': 'threshold_jaccard',
    'dice': 'dice',
    'pixel_accuracy': 'accuracy',
    'sensitivity': 'sensitivity',
    'specificity': 'specificity',
}


def assert_equal_official(
    found: Mapping[str, float], official: Mapping[str, float], prefix: str = 'lesion/'
) -> None:
    """Compare scores with a `macro_average` of the official scorer."""
    for name, official_name in OFFICIAL_NAMES.items():
        assert found[f'{prefix}{name}'] == pytest.approx(official[official_name], abs=1e-12), name


def distort(mask, number, rng):
    """Shift, grow, shrink, empty, fill or roughen a mask, in turn; grays and all."""
    by = max(2, min(mask.shape) // 12)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (by, by))
    noise = cv2.GaussianBlur(rng.normal(0, 900, mask.shape), (0, 0), 5) + mask
    return [
        lambda: np.roll(mask, rng.integers(-2 * by, 2 * by + 1, 2), axis=(0, 1)),
        lambda: cv2.dilate(mask, kernel),
        lambda: cv2.erode(mask, kernel),
        lambda: np.clip(noise, 0, 255).astype(np.uint8),
        lambda: np.zeros_like(mask),
        lambda: np.full_like(mask, 255),
        lambda: rng.integers(0, 256, mask.shape, dtype=np.uint8),
        lambda: mask,
    ][number % 8]()


def write_distorted(files, predictions):
    """Write each of some mask files, distorted in one of eight ways, into a new folder."""
    rng = np.random.default_rng(0)
    predictions.mkdir()
    for number, file in enumerate(files):
        mask = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
        cv2.imwrite(str(predictions / file.name), distort(mask, number, rng))


def assert_as_official(truth, predictions):
    """Score masks, compare the means with the official ones, and return the rows."""
    scoring = pytest.importorskip('isic_challenge_scoring.segmentation')
    rows = score_masks(predictions, truth, show_progress=False, strict=True).rows
    official = scoring.SegmentationScore.from_dir(truth, predictions).macro_average
    assert_equal_official(summarize(rows), official)
    return rows
