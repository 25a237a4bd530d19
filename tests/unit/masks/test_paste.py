import numpy as np
import pytest
import torch

import isic_mmdet.register  # noqa: F401
from isic_mmdet.masks.paste import (
    BoxCells,
    count_above,
    mask_confidence,
    paste_levels,
    paste_mask,
    paste_probability,
)

SHAPE = (170, 230)


def by_mmdet(view: BoxCells, shape: tuple[int, int]) -> np.ndarray:
    """Paste as mmdet does where it looks at the whole image, (H, W) float32."""
    from mmdet.models.roi_heads.mask_heads.fcn_mask_head import _do_paste_mask

    cells = torch.from_numpy(view.cells)[None, None]
    pasted, _ = _do_paste_mask(cells, torch.tensor([view.box]), *shape, skip_empty=False)
    return pasted[0].numpy()


def random_view(seed: int, shape: tuple[int, int] = SHAPE) -> BoxCells:
    """A box of any size and place: over the border or not, from 0.1 to 400 pixels wide."""
    random = np.random.default_rng(seed)
    middle = random.uniform(-30, np.array(shape[::-1]) + 30)
    side = 10 ** random.uniform(-1, 2.6, 2)
    box = np.concatenate([middle - side / 2, middle + side / 2]).astype(np.float32)
    return BoxCells(random.random((28, 28), np.float32), tuple(box.tolist()))


@pytest.mark.parametrize('seed', range(60))
def test_probabilities_are_those_of_mmdet(seed):
    view = random_view(seed)
    pasted = paste_probability([view], 1, SHAPE)
    assert pasted.dtype == np.float32
    # Positions are float32 in mmdet: over the border of a tiny box they lie far from its cells.
    np.testing.assert_allclose(pasted, by_mmdet(view, SHAPE), atol=2e-3, rtol=0)


def test_a_large_image_is_pasted_in_strips_as_in_one_piece():
    random = np.random.default_rng(0)
    view = BoxCells(random.random((28, 28), np.float32), (-250.0, 123.4, 2900.5, 1400.25))
    pasted = paste_probability([view], 1, (1500, 2000))
    np.testing.assert_allclose(pasted, by_mmdet(view, (1500, 2000)), atol=1e-4, rtol=0)
    np.testing.assert_array_equal(paste_mask([view], 1, (1500, 2000), 0.5), pasted > 0.5)


@pytest.mark.parametrize('seed', range(8))
def test_views_are_averaged_and_those_without_a_lesion_count(seed):
    views = [random_view(4 * seed + number) for number in range(4)]
    mean = sum(by_mmdet(view, SHAPE).astype(np.float64) for view in views) / 5
    np.testing.assert_allclose(paste_probability(views, 5, SHAPE), mean, atol=2e-3)
    differ = paste_mask(views, 5, SHAPE, 0.2) != (mean > 0.2)
    assert np.all(np.abs(mean[differ] - 0.2) < 2e-3)


@pytest.mark.parametrize('seed', range(6))
def test_counts_are_those_of_the_masks_at_every_threshold(seed):
    views = [random_view(2 * seed + number) for number in range(2)]
    # Cells that are equal to a threshold are not above it.
    views.append(BoxCells(np.full((28, 28), 0.5, np.float32), (20.0, 30.0, 200.0, 150.0)))
    within = np.random.default_rng(seed).random(SHAPE) < 0.3
    masks = [paste_mask(views, 3, SHAPE, percent / 100) for percent in range(100)]
    counts = count_above(views, 3, SHAPE, 100)
    np.testing.assert_array_equal(counts, [mask.sum() for mask in masks])
    inside = count_above(views, 3, SHAPE, 100, within)
    np.testing.assert_array_equal(inside, [(mask & within).sum() for mask in masks])
    assert count_above([], 1, SHAPE, 100).tolist() == [0] * 100


def test_maps_of_any_number_of_cells_meet():
    random = np.random.default_rng(1)
    views = [
        BoxCells(random.random((14, 56), np.float32), (10.0, 20.0, 200.0, 150.0)),
        BoxCells(random.random((1, 1), np.float32), (50.5, 60.5, 90.5, 100.5)),
    ]
    mean = (by_mmdet(views[0], SHAPE) + by_mmdet(views[1], SHAPE)) / 2
    np.testing.assert_allclose(paste_probability(views, 2, SHAPE), mean, atol=1e-4)


@pytest.mark.parametrize(
    'box',
    [
        (300.0, 10.0, 400.0, 90.0),  # next to the image
        (-90.0, 10.0, -40.0, 90.0),
        (10.0, -90.0, 90.0, -40.0),
        (50.0, 50.0, 50.0, 90.0),  # without area
        (50.0, 90.0, 90.0, 50.0),
    ],
)
def test_nothing_is_shown_where_nothing_is(box):
    view = BoxCells(np.ones((28, 28), np.float32), box)
    assert not paste_probability([view], 1, SHAPE).any()
    assert not paste_mask([view], 1, SHAPE, 0.0).any()


@pytest.mark.parametrize('seed', range(8))
def test_levels_are_probabilities_in_steps(seed):
    views = [random_view(seed), random_view(seed + 100)]
    levels = paste_levels(views, 2, SHAPE)
    assert levels.dtype == np.uint8
    assert np.abs(levels - 255 * paste_probability(views, 2, SHAPE)).max() < 0.501
    np.testing.assert_array_equal(levels > 127, paste_mask(views, 2, SHAPE, 0.5))
    fine = paste_levels(views, 2, SHAPE, bits=16)
    assert fine.dtype == np.uint16
    assert np.abs(fine - 65535.0 * paste_probability(views, 2, SHAPE)).max() < 0.51
    np.testing.assert_array_equal(fine > 32767, levels > 127)


def test_certain_and_impossible_have_the_outermost_levels():
    view = BoxCells(np.ones((28, 28), np.float32), (20.0, 20.0, 120.3, 120.0))
    levels = paste_levels([view], 1, SHAPE)
    assert levels.min() == 0 and levels[22:118, 22:118].min() == levels.max() == 255
    assert np.all(paste_levels([view], 2, SHAPE)[22:118, 22:118] == 127)


def test_no_view_gives_an_empty_mask():
    mask = paste_mask([], 1, SHAPE, 0.5)
    assert mask.shape == SHAPE and mask.dtype == np.bool_ and not mask.any()


def test_what_equals_the_threshold_is_not_above_it():
    # Thirds of certain cells: their weights add up to 1 but for rounding.
    views = [BoxCells(np.ones((28, 28), np.float32), (-99.1, -98.7, 401.3, 397.9))] * 2
    assert not paste_mask(views, 4, SHAPE, 0.5).any()
    assert paste_mask(views, 4, SHAPE, 0.499).all()


@pytest.mark.parametrize('axis', [0, 1])
def test_flipped_views_give_the_flipped_mask_to_the_pixel(axis):
    views = [random_view(seed) for seed in range(4)]
    height, width = SHAPE

    def flipped(view: BoxCells) -> BoxCells:
        x1, y1, x2, y2 = view.box
        box = (x1, height - y2, x2, height - y1) if axis == 0 else (width - x2, y1, width - x1, y2)
        return BoxCells(np.flip(view.cells, axis), box)

    both = [*views, *map(flipped, views)]
    for threshold in (0.05, 0.1, 0.2):
        mask = paste_mask(both, 8, SHAPE, threshold)
        np.testing.assert_array_equal(mask, np.flip(mask, axis))


def test_the_confidence_is_the_mean_probability_of_the_lesion():
    view = BoxCells(np.array([[0.9, 0.8, 0.5, 0.1]], np.float32), (0.0, 0.0, 4.0, 4.0))
    found = [mask_confidence([view], 1, threshold) for threshold in (0.5, 0.85, 0.95)]
    assert found == pytest.approx([0.85, 0.9, 0.9])  # the last mask is empty


def test_views_without_a_detection_lower_the_confidence():
    views = [BoxCells(np.full((2, 2), value), (0.0, 0.0, 4.0, 4.0)) for value in (0.9, 0.7)]
    assert mask_confidence(views, 2, 0.5) == pytest.approx(0.8)
    assert mask_confidence(views, 4, 0.5) == pytest.approx(0.4)
