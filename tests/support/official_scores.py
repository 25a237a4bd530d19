"""Comparing our mean scores with those of the official scorer."""

from collections.abc import Mapping

import pytest

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
