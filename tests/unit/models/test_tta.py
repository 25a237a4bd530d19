import numpy as np
import pytest

from isic_mmdet.masks.paste import BoxCells, paste_mask
from isic_mmdet.models.tta import FLIP_AXES, Finding, unflipped, verdict

SHAPE = (30, 50)


def found(scores: dict[int, float], *box: float) -> Finding:
    return Finding(BoxCells(np.ones((2, 2), np.float32), box or (0, 0, 1, 1)), scores)


@pytest.mark.parametrize('direction', FLIP_AXES)
def test_a_flipped_finding_is_flipped_back(direction):
    cells = np.random.default_rng(0).random((28, 28), np.float32)
    box = (3.25, 5.5, 31.75, 19.0)
    mask = paste_mask([BoxCells(cells, box)], 1, SHAPE, 0.5)
    back = unflipped(cells, box, SHAPE, direction)
    expected = np.flip(mask, FLIP_AXES[direction])
    np.testing.assert_array_equal(paste_mask([back], 1, SHAPE, 0.5), expected)
    again = unflipped(back.cells, back.box, SHAPE, direction)
    np.testing.assert_array_equal(again.cells, cells)
    assert again.box == box


def test_views_agree_on_means_and_on_the_class_with_the_most_score():
    views = [
        found({0: 0.5, 1: 0.2}, 0, 0, 8, 4),
        found({1: 0.9, 0: 0.1}, 2, 4, 10, 8),
        found({0: 0.3}),
    ]
    said = verdict(views, 4)
    assert list(said.scores) == [1, 0]
    assert said.scores == pytest.approx({0: 0.9 / 4, 1: 1.1 / 4})
    assert said.score == pytest.approx(1.1 / 4)
    assert said.label == 1
    assert said.box == pytest.approx((2 / 3, 4 / 3, 19 / 3, 13 / 3))


def test_nothing_found_is_no_verdict():
    assert verdict([], 4) is None
