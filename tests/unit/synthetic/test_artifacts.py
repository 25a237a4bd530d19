from collections.abc import Callable

import numpy as np
import pytest

from isic_mmdet.synthetic import artifacts

SHAPE = (96, 128)


def gray() -> np.ndarray:
    return np.full((*SHAPE, 3), 0.6, np.float32)


@pytest.mark.parametrize(
    'add',
    [
        lambda rng, color: artifacts.add_hairs(rng, color, skin_type=2),
        artifacts.add_ruler,
        artifacts.add_bubbles,
    ],
)
def test_artifacts_touch_a_small_part_of_the_image(
    add: Callable[[np.random.Generator, np.ndarray], None],
) -> None:
    touched = []
    for seed in range(12):
        color = gray()
        add(np.random.default_rng(seed), color)
        assert np.isfinite(color).all()
        touched.append(float((np.abs(color - 0.6).max(axis=2) > 0.04).mean()))
    assert 0.001 < np.mean(touched) < 0.25


def test_some_images_have_no_hair_and_some_have_light_hair() -> None:
    darkest, lightest = [], []
    for seed in range(40):
        color = gray()
        artifacts.add_hairs(np.random.default_rng(seed), color, skin_type=1)
        darkest.append(color.min())
        lightest.append(color.max())
    untouched = [low > 0.59 and high < 0.61 for low, high in zip(darkest, lightest, strict=True)]
    assert 5 < sum(untouched) < 30
    assert min(darkest) < 0.3
    assert max(lightest) > 0.65


def test_lens_gives_a_valid_image_and_black_corners_on_request() -> None:
    for seed in range(6):
        open_view = artifacts.through_lens(np.random.default_rng(seed), gray(), False)
        tube = artifacts.through_lens(np.random.default_rng(seed), gray(), True)
        for image in (open_view, tube):
            assert image.shape == (*SHAPE, 3)
            assert 0 <= image.min() <= image.max() <= 1
        corners = (slice(0, 96, 95), slice(0, 128, 127))
        assert tube[corners].max() < 0.15
        assert open_view[corners].mean() > 0.25
        assert tube[40:56, 50:78].mean() > 0.4
