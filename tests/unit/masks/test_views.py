import numpy as np
import pytest

from isic_mmdet.masks.paste import BoxCells, paste_mask
from isic_mmdet.masks.views import FLIP_AXES, ViewPrediction, merge_views, unflip


@pytest.mark.parametrize('direction', FLIP_AXES)
def test_unflip(direction):
    cells = np.random.default_rng(0).random((28, 28), np.float32)
    box, shape = (3.25, 5.5, 31.75, 19.0), (30, 50)
    mask = paste_mask([BoxCells(cells, box)], 1, shape, 0.5)
    back = unflip(cells, box, shape, direction)
    expected = np.flip(mask, FLIP_AXES[direction])
    np.testing.assert_array_equal(paste_mask([back], 1, shape, 0.5), expected)
    again = unflip(back.cells, back.box, shape, direction)
    np.testing.assert_array_equal(again.cells, cells)
    assert again.box == box


def test_merged_scores_and_boxes_are_means():
    def found(scores: dict[int, float], *box: float) -> ViewPrediction:
        return ViewPrediction(BoxCells(np.ones((2, 2), np.float32), box), scores)

    views = [
        found({0: 0.5, 1: 0.2}, 0, 0, 8, 4),
        found({1: 0.9, 0: 0.1}, 2, 4, 10, 8),
        found({0: 0.3}, 0, 0, 1, 1),
    ]
    merged = merge_views(views, 4)
    assert list(merged.scores) == [1, 0]
    assert merged.scores == pytest.approx({0: 0.9 / 4, 1: 1.1 / 4})
    assert (merged.label, merged.score) == (1, pytest.approx(1.1 / 4))
    assert merged.box == pytest.approx((2 / 3, 4 / 3, 19 / 3, 13 / 3))
    assert merge_views([], 4) is None
