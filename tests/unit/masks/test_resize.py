from pathlib import Path

import cv2
import numpy as np
import pytest

from isic_mmdet.errors import InputError
from isic_mmdet.masks.bit_mask import BitMask
from isic_mmdet.masks.resize import ResizeRule, parse_rule, reduce_bit_mask, resize_image


@pytest.mark.parametrize(
    ('rule', 'size', 'expected'),
    [
        ('none', (3000, 4000), (3000, 4000)),
        ('quarter', (700, 700), (700, 700)),
        ('quarter', (700, 701), (175, 175)),
        ('quarter', (767, 1022), (192, 256)),
        ('max-side=512', (2848, 4288), (340, 512)),
        ('max-side 512', (4288, 2848), (512, 340)),
        ('max-side=512', (300, 512), (300, 512)),
        ('max-side=5', (1, 1000), (1, 5)),
    ],
)
def test_sizes(rule: str, size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert parse_rule(rule).size(*size) == expected


def test_rules_are_read_back() -> None:
    for text in ('none', 'quarter', 'max-side=512'):
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


def test_images_of_more_than_half_a_side_leave_no_pixel_out() -> None:
    for height, width, size in ((100, 130, (51, 66)), (100, 130, (97, 120)), (100, 130, (50, 65))):
        flat = np.full((height, width, 3), 90, np.uint8)
        assert (resize_image(flat, size) == 90).all()
        rng = np.random.default_rng(0)
        for row, column in zip(
            rng.integers(0, height, 20), rng.integers(0, width, 20), strict=True
        ):
            spot = flat.copy()
            spot[row, column] = 255
            assert (resize_image(spot, size) > 90).any()


@pytest.mark.parametrize('size', [(60, 80), (59, 79), (56, 71), (31, 43), (24, 33), (7, 11)])
@pytest.mark.parametrize('extent', [(60.0, 80.0), (59.125, 79.25), (59.5, 80.0)])
def test_an_extent_is_brought_to_the_size(size, extent) -> None:
    # Each channel is a ramp whose gray tells where in the extent a pixel comes from.
    rows, columns = np.mgrid[:60, :80]
    image = np.stack([4 * rows + 4, 3 * columns + 3, 0 * rows], axis=2).astype(np.uint8)
    small = resize_image(image, size, extent).astype(float)
    assert small.shape == (*size, 3)
    down = (np.arange(size[0]) + 0.5) * extent[0] / size[0] - 0.5
    right = (np.arange(size[1]) + 0.5) * extent[1] / size[1] - 0.5
    inner = np.s_[1:-1, 1:-1]
    assert np.abs((small[..., 0] - 4) / 4 - down[:, None])[inner].max() < 0.2
    assert np.abs((small[..., 1] - 3) / 3 - right)[inner].max() < 0.25


def covered(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Count in a grid that divides both masks' pixels evenly: (h, w) of H x W parts each."""
    fine = np.repeat(np.repeat(mask, size[0], axis=0), size[1], axis=1)
    return fine.reshape(size[0], mask.shape[0], size[1], mask.shape[1]).sum(axis=(1, 3))


def test_masks_of_any_ratio_are_exact() -> None:
    rng = np.random.default_rng(0)
    for _ in range(400):
        height, width = rng.integers(1, 20), rng.choice([1, 5, 19, 64, 65])
        size = (rng.integers(1, height + 1), rng.integers(1, width + 1))
        if size == (height, width):
            continue
        mask = rng.random((height, width)) < rng.choice([0.05, 0.5, 0.95])
        parts = covered(mask, size)
        rows, columns = np.ogrid[: size[0], : size[1]]
        tie = (2 * parts == mask.size) & ((rows + columns) % 2 == 0)
        expected = (2 * parts > mask.size) | tie
        assert np.array_equal(reduce_bit_mask(BitMask.of(mask), size), expected)


def test_masks_are_the_majority_of_each_block() -> None:
    mask = np.random.default_rng(0).random((400, 600)) < 0.5
    counts = mask.reshape(100, 4, 150, 4).sum(axis=(1, 3))
    small = reduce_bit_mask(BitMask.of(mask), (100, 150))
    assert small[counts > 8].all()
    assert not small[counts < 8].any()
    assert 0.4 < small[counts == 8].mean() < 0.6  # ties go either way
    assert np.array_equal(reduce_bit_mask(BitMask.of(mask), mask.shape), mask)


def test_area_is_kept_without_bias() -> None:
    rng = np.random.default_rng(0)
    ratios = []
    for _ in range(200):
        mask = np.zeros((800, 1000), np.uint8)
        center, axes = rng.integers(300, 500, 2), rng.integers(40, 250, 2)
        cv2.ellipse(mask, center.tolist(), axes.tolist(), rng.uniform(0, 180), 0, 360, 1, -1)
        small = reduce_bit_mask(BitMask.of(mask > 0), ResizeRule('quarter').size(800, 1000))
        ratios.append(small.mean() / mask.mean())
    assert abs(np.mean(ratios) - 1) < 3e-4


@pytest.mark.shared_data
@pytest.mark.parametrize('rule', ['quarter', 'max-side=512'])
def test_official_masks_survive_the_way_there_and_back(shared: Path, rule: str) -> None:
    # There: prepared size. Back: bilinear to the official size, lesion where at least half.
    scores: dict[str, list[float]] = {'ours': [], 'nearest': []}
    areas = []
    paths = sorted((shared / 'isic2017_fullsize').glob('*_Part1_GroundTruth/*.png'))
    for path in paths:
        mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) > 128
        size = parse_rule(rule).size(*mask.shape)
        nearest = cv2.resize(mask.astype(np.uint8), size[::-1], interpolation=cv2.INTER_NEAREST)
        for name, small in (
            ('ours', reduce_bit_mask(BitMask.of(mask), size)),
            ('nearest', nearest > 0),
        ):
            back = cv2.resize(small.astype(np.float32), mask.shape[::-1]) >= 0.5
            scores[name].append((back & mask).sum() / (back | mask).sum())
        areas.append(reduce_bit_mask(BitMask.of(mask), size).mean() / mask.mean())
    ours, nearest_iou = np.mean(scores['ours']), np.mean(scores['nearest'])
    # The README quotes these: python -m pytest tests/unit/masks/test_resize.py -s -k official
    print(f'\n{rule}, {len(paths)} masks: mean IoU {ours:.4f}, nearest neighbor {nearest_iou:.4f}')
    assert len(paths) >= 46
    assert ours >= 0.99
    assert ours > nearest_iou + 0.005
    assert abs(np.mean(areas) - 1) < 5e-4
