import cv2
import numpy as np
import pytest

from isic_mmdet.synthetic.lesion import Outline, add_lesion, make_outline
from isic_mmdet.synthetic.skin import Tissue, make_skin


def outline(seed: int, share: float = 0.2, melanoma: bool = False, at_rim: bool = False) -> Outline:
    return make_outline(np.random.default_rng(seed), (128, 128), share, melanoma, at_rim)


def flat_skin(shape: tuple[int, int]) -> Tissue:
    return Tissue(
        *(np.full(shape, value, np.float32) for value in (0.1, 0.2, 0.0, 0.0)),
    )


@pytest.mark.parametrize('melanoma', [False, True])
@pytest.mark.parametrize('share', [0.02, 0.2, 0.7])
def test_outline_is_one_region_without_holes_of_the_wanted_share(
    share: float, melanoma: bool
) -> None:
    for seed in range(5):
        mask = outline(seed, share, melanoma).mask
        assert mask.dtype == np.uint8
        assert set(np.unique(mask)) == {0, 255}
        assert cv2.connectedComponents(mask, connectivity=8)[0] == 2
        assert len(cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)[0]) == 1
        assert 0.6 * share < (mask > 0).mean() <= 1.1 * share


def test_depth_is_positive_inside_negative_outside_and_half_a_pixel_at_the_rim() -> None:
    drawn = outline(3)
    inside = drawn.mask > 0
    assert drawn.depth[inside].min() == pytest.approx(0.5, abs=0.05)
    assert drawn.depth[~inside].max() == pytest.approx(-0.5, abs=0.05)


def test_only_lesions_at_the_rim_are_cut() -> None:
    def is_cut(mask: np.ndarray) -> bool:
        return bool(mask[[0, -1]].any() or mask[:, [0, -1]].any())

    complete = [is_cut(outline(seed, 0.1).mask) for seed in range(20)]
    cut = [is_cut(outline(seed, 0.1, at_rim=True).mask) for seed in range(20)]
    assert sum(complete) == 0
    assert sum(cut) > 16


def test_melanoma_outlines_are_less_compact() -> None:
    def roughness(melanoma: bool) -> float:
        values = []
        for seed in range(15):
            mask = outline(seed, 0.15, melanoma).mask
            (contour,), _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
            values.append(
                cv2.arcLength(contour, True) ** 2 / (4 * np.pi * cv2.contourArea(contour))
            )
        return float(np.mean(values))

    assert roughness(True) > 1.3 * roughness(False)


@pytest.mark.parametrize('melanoma', [False, True])
def test_lesion_changes_the_skin_inside_the_mask_and_not_beyond_a_few_pixels(
    melanoma: bool,
) -> None:
    for seed in range(6):
        drawn = outline(seed, 0.2, melanoma)
        skin = flat_skin(drawn.mask.shape)
        painted = add_lesion(np.random.default_rng(seed), skin, drawn, melanoma)
        change = np.abs(painted.render() - skin.render()).sum(axis=2)
        assert change[drawn.depth < -6].max() < 1e-5
        assert change[drawn.depth > 3].mean() > 0.2


def test_pigment_reaches_half_its_strength_within_two_pixels_of_the_mask_edge() -> None:
    """What an eye would outline is what the mask says."""
    for seed in range(12):
        drawn = make_outline(np.random.default_rng(seed), (256, 256), 0.2, False, False)
        skin = flat_skin(drawn.mask.shape)
        painted = add_lesion(np.random.default_rng(seed), skin, drawn, False)
        added = painted.melanin - skin.melanin
        profile = [added[np.abs(drawn.depth - d) <= 0.75].mean() for d in range(-8, 9)]
        crossing = np.interp(profile[-1] / 2, np.maximum.accumulate(profile), np.arange(-8, 9))
        assert abs(crossing) <= 2


def test_lesion_adds_colors_of_melanoma_only_to_melanoma() -> None:
    drawn = outline(0, 0.3)
    skin = make_skin(np.random.default_rng(0), (128, 128), 2)
    benign = [add_lesion(np.random.default_rng(i), skin, drawn, False) for i in range(10)]
    melanoma = [add_lesion(np.random.default_rng(i), skin, drawn, True) for i in range(10)]
    assert not any(t.veil.any() or t.scar.any() for t in benign)
    assert any(t.veil.max() > 0.3 for t in melanoma)
    assert any(t.scar.max() > 0.2 for t in melanoma)
