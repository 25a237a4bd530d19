from pathlib import Path

import cv2
import numpy as np
import pytest

from isic_mmdet.challenge.resize import ResizeRule, parse_rule, resize_image, resize_mask
from isic_mmdet.errors import InputError


@pytest.mark.parametrize(
    ('rule', 'size', 'expected'),
    [
        ('none', (3000, 4000), (3000, 4000)),
        ('seed', (700, 700), (700, 700)),
        ('seed', (700, 701), (175, 175)),
        ('seed', (767, 1022), (192, 256)),
        ('max-side=512', (2848, 4288), (340, 512)),
        ('max-side 512', (4288, 2848), (512, 340)),
        ('max-side=512', (300, 512), (300, 512)),
        ('max-side=5', (1, 1000), (1, 5)),
    ],
)
def test_sizes(rule: str, size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert parse_rule(rule).size(*size) == expected


def test_rules_are_read_back() -> None:
    for text in ('none', 'seed', 'max-side=512'):
        assert str(parse_rule(text)) == text


@pytest.mark.parametrize(
    'text', ['', 'half', 'max-side', 'max-side=0', 'max-side=-5', 'max-side=5.5']
)
def test_other_rules_are_refused(text: str) -> None:
    with pytest.raises(InputError, match='resize rule'):
        parse_rule(text)


def test_images_are_block_averages() -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    means = image.reshape(10, 4, 15, 4, 3).mean(axis=(1, 3))
    assert np.abs(resize_image(image, (10, 15)) - means).max() <= 0.5
    assert resize_image(image, (40, 60)) is image


def test_masks_are_the_majority_of_each_block() -> None:
    mask = np.random.default_rng(0).random((400, 600)) < 0.5
    counts = mask.reshape(100, 4, 150, 4).sum(axis=(1, 3))
    small = resize_mask(mask, (100, 150))
    assert small[counts > 8].all()
    assert not small[counts < 8].any()
    assert 0.4 < small[counts == 8].mean() < 0.6  # ties go either way
    assert np.array_equal(resize_mask(mask, mask.shape), mask)


def test_area_is_kept_without_bias() -> None:
    rng = np.random.default_rng(0)
    ratios = []
    for _ in range(200):
        mask = np.zeros((800, 1000), np.uint8)
        centre, axes = rng.integers(300, 500, 2), rng.integers(40, 250, 2)
        cv2.ellipse(mask, centre.tolist(), axes.tolist(), rng.uniform(0, 180), 0, 360, 1, -1)
        small = resize_mask(mask > 0, ResizeRule('seed').size(800, 1000))
        ratios.append(small.mean() / mask.mean())
    assert abs(np.mean(ratios) - 1) < 3e-4


@pytest.mark.shared_data
@pytest.mark.parametrize('rule', ['seed', 'max-side=512'])
def test_official_masks_survive_the_way_there_and_back(shared: Path, rule: str) -> None:
    # There: prepared size. Back: bilinear to the official size, lesion where at least half.
    scores: dict[str, list[float]] = {'ours': [], 'nearest': []}
    areas = []
    paths = sorted((shared / 'isic2017_fullsize').glob('*_Part1_GroundTruth/*.png'))
    for path in paths:
        mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) > 128
        size = parse_rule(rule).size(*mask.shape)
        nearest = cv2.resize(mask.astype(np.uint8), size[::-1], interpolation=cv2.INTER_NEAREST)
        for name, small in (('ours', resize_mask(mask, size)), ('nearest', nearest > 0)):
            back = cv2.resize(small.astype(np.float32), mask.shape[::-1]) >= 0.5
            scores[name].append((back & mask).sum() / (back | mask).sum())
        areas.append(resize_mask(mask, size).mean() / mask.mean())
    ours, nearest_iou = np.mean(scores['ours']), np.mean(scores['nearest'])
    # The README quotes these: python -m pytest tests/challenge/test_resize.py -s -k official
    print(f'\n{rule}, {len(paths)} masks: mean IoU {ours:.4f}, nearest neighbour {nearest_iou:.4f}')
    assert len(paths) >= 46
    assert ours >= 0.99
    assert ours > nearest_iou + 0.005
    assert abs(np.mean(areas) - 1) < 5e-4
