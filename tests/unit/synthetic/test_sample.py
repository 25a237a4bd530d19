import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from isic_mmdet.synthetic.sample import Sample, is_melanoma, make_sample


@pytest.fixture(scope='module')
def samples() -> list[Sample]:
    return [make_sample(seed=11, index=i, size=128) for i in range(160)]


def touches_border(mask: np.ndarray) -> bool:
    return bool(mask[[0, -1]].any() or mask[:, [0, -1]].any())


def test_package_needs_neither_torch_nor_mmdet(root: Path) -> None:
    code = 'import sys, isic_mmdet.synthetic; sys.exit(bool({"torch", "mmdet"} & set(sys.modules)))'
    assert subprocess.run([sys.executable, '-c', code], cwd=root).returncode == 0


def test_same_arguments_give_the_same_image_and_others_another() -> None:
    first, again = make_sample(4, 9, 96), make_sample(4, 9, 96)
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.mask, again.mask)
    for other in (make_sample(5, 9, 96), make_sample(4, 10, 96)):
        assert other.image.shape != first.image.shape or (other.image != first.image).any()


def test_samples_are_well_formed(samples: list[Sample]) -> None:
    for sample in samples:
        assert sample.image.dtype == sample.mask.dtype == np.uint8
        assert sample.image.shape == (*sample.mask.shape, 3)
        assert min(sample.mask.shape) == 128
        assert set(np.unique(sample.mask)) == {0, 255}
        # One region without holes, however many hairs cross it.
        assert cv2.connectedComponents(sample.mask, connectivity=8)[0] == 2
        assert len(cv2.findContours(sample.mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)[0]) == 1
    skin = np.array([s.image[s.mask == 0].mean(axis=0) for s in samples])
    assert (skin[:, 0] > skin[:, 2]).mean() > 0.95  # RGB: skin is redder than blue


def test_samples_vary_like_isic(samples: list[Sample]) -> None:
    ratios = [round(s.mask.shape[1] / s.mask.shape[0], 2) for s in samples]
    assert 0.5 < np.mean(np.array(ratios) == 1) < 0.9
    assert min(ratios) < 1 < 1.3 < max(ratios)
    shares = np.array([(s.mask > 0).mean() for s in samples])
    assert 0.01 < shares.min() < 0.05
    assert 0.5 < shares.max() < 0.75
    assert np.median(shares) == pytest.approx(0.2, abs=0.05)
    assert 0.05 < np.mean([touches_border(s.mask) for s in samples]) < 0.45
    assert np.bincount([s.skin_type for s in samples], minlength=7)[1:].min() >= 5
    assert [s.melanoma for s in samples] == [is_melanoma(11, i) for i in range(len(samples))]


@pytest.mark.parametrize('first', [0, 1000])
@pytest.mark.parametrize('step', [1, 6])
def test_melanomas_are_three_in_ten_in_every_sequence(first: int, step: int) -> None:
    """Step 6 walks through one split, step 1 through the data set."""
    flags = [is_melanoma(2, first + step * i) for i in range(40)]
    assert 10 <= sum(flags) <= 14


def test_melanomas_have_rougher_outlines_less_symmetry_and_more_colors(
    samples: list[Sample],
) -> None:
    complete = [s for s in samples if not touches_border(s.mask)]

    def traits(sample: Sample) -> tuple[float, float, float]:
        (contour,), _ = cv2.findContours(sample.mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        area = cv2.contourArea(contour)
        roughness = cv2.arcLength(contour, True) ** 2 / (4 * np.pi * area)
        x, y, w, h = cv2.boundingRect(contour)
        box = sample.mask[y : y + h, x : x + w] > 0
        turned = box[::-1, ::-1]
        asymmetry = 1 - (box & turned).sum() / (box | turned).sum()
        lab = cv2.cvtColor(sample.image, cv2.COLOR_RGB2LAB).astype(float)
        colors = lab[sample.mask > 0].std(axis=0).sum()
        return roughness, asymmetry, colors

    melanoma = np.median([traits(s) for s in complete if s.melanoma], axis=0)
    benign = np.median([traits(s) for s in complete if not s.melanoma], axis=0)
    assert np.all(melanoma > 1.25 * benign)


def test_lesions_can_be_seen(samples: list[Sample]) -> None:
    """The color changes across the rim, in CIE L*a*b* units, on skin of every type."""
    kernel = np.ones((7, 7), np.uint8)
    differences = []
    for sample in samples:
        lab = cv2.cvtColor(sample.image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
        outer = (cv2.dilate(sample.mask, kernel) > 0) & (sample.mask == 0)
        inner = (cv2.erode(sample.mask, kernel) == 0) & (sample.mask > 0)
        differences.append(np.linalg.norm(lab[outer].mean(axis=0) - lab[inner].mean(axis=0)))
    assert min(differences) > 2.5
    assert np.median(differences) > 10


def test_a_gray_threshold_does_not_solve_the_task(samples: list[Sample]) -> None:
    scores = []
    for sample in samples:
        gray = cv2.GaussianBlur(cv2.cvtColor(sample.image, cv2.COLOR_RGB2GRAY), (5, 5), 0)
        found = cv2.threshold(gray, 0, 255, cv2.THRESH_BINARY_INV + cv2.THRESH_OTSU)[1] > 0
        truth = sample.mask > 0
        scores.append((found & truth).sum() / (found | truth).sum())
    assert 0.5 < np.mean(scores) < 0.75
