import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from isic_mmdet.errors import InputError
from isic_mmdet.masks.bit_mask import BitMask
from isic_mmdet.masks.mask_files import read_bit_mask
from isic_mmdet.masks.resize import (
    ResizeRule,
    crop_center,
    crop_mask_center,
    parse_rule,
    reduce_bit_mask,
    resize_image,
)


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
        ('center-crop=512', (2848, 4288), (512, 512)),
        ('center-crop 512', (400, 300), (512, 512)),
    ],
)
def test_sizes(rule: str, size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert parse_rule(rule).size(*size) == expected


def test_rules_are_read_back() -> None:
    for text in ('none', 'quarter', 'max-side=512', 'center-crop=512'):
        assert str(parse_rule(text)) == text


@pytest.mark.parametrize(
    'text',
    ['', 'half', 'max-side', 'max-side=0', 'max-side=-5', 'max-side=5.5', 'center-crop', 'none=5'],
)
def test_other_rules_are_refused(text: str) -> None:
    with pytest.raises(InputError, match='resize rule'):
        parse_rule(text)


def test_images_are_block_averages() -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    means = image.reshape(10, 4, 15, 4, 3).mean(axis=(1, 3))
    assert np.abs(resize_image(image, (10, 15)) - means).max() <= 0.5
    assert resize_image(image, (40, 60)) is image


@pytest.mark.parametrize('shape', [(40, 61), (61, 40), (50, 50)])
def test_a_crop_keeps_the_central_square(shape: tuple[int, int]) -> None:
    """The square begins at half of what is cut off, rounded to even."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
    mask = rng.random(shape) < 0.5
    side = min(shape)
    top, left = (round((length - side) / 2) for length in shape)
    square = np.s_[top : top + side, left : left + side]
    assert np.array_equal(crop_center(image, side), image[square])
    assert np.array_equal(crop_mask_center(BitMask.of(mask), side).unpacked(), mask[square])


@pytest.mark.parametrize('side', [16, 30, 70])
def test_pixels_of_a_crop_are_weighted_by_their_distance(side: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (48, 48, 3), dtype=np.uint8)
    scale = 48 / side
    places = (np.arange(side) + 0.5) * scale
    distance = np.abs(np.arange(48) + 0.5 - places[:, None])
    weights = np.maximum(0, 1 - distance / max(1, scale))
    weights /= weights.sum(axis=1, keepdims=True)
    expected = np.einsum('yh,xw,hwc->yxc', weights, weights, image)
    assert np.abs(crop_center(image, side) - expected).max() <= 1.1


def test_the_nearest_pixel_of_a_mask_is_taken() -> None:
    mask = np.random.default_rng(0).random((48, 48)) < 0.5
    third = crop_mask_center(BitMask.of(mask), 16)
    assert np.array_equal(third.unpacked(), mask[1::3, 1::3])
    twice = crop_mask_center(BitMask.of(mask), 96)
    assert np.array_equal(twice.unpacked(), mask.repeat(2, 0).repeat(2, 1))


@pytest.mark.shared_data
def test_crops_are_those_of_the_published_copies(shared: Path) -> None:
    """Official images and their 512 px copies differ by no more than the JPEG of the copies.

    The masks available at full size are those of 2017. Most differ slightly from those of 2018.
    """
    official, copies = shared / 'isic2017_fullsize', shared / 'isic2018'
    same_masks = 0
    images = [
        path
        for path in sorted(official.glob('*_Data/*.jpg'))
        if (copies / 'ISIC2018_Task1-2_Training_Input' / path.name).is_file()
    ]
    assert len(images) == 45
    for path in images[::5]:
        crop = crop_center(np.asarray(Image.open(path)), 512)
        stream = io.BytesIO()
        Image.fromarray(crop).save(stream, 'JPEG', quality=75)
        copy = np.asarray(Image.open(copies / 'ISIC2018_Task1-2_Training_Input' / path.name))
        assert np.abs(np.asarray(Image.open(stream)).astype(int) - copy).mean() < 0.8
        assert np.abs(crop.astype(int) - copy).mean() < 3
    for path in sorted(official.glob('*_GroundTruth/*.png')):
        copy = copies / 'ISIC2018_Task1_Training_GroundTruth' / path.name
        if copy.is_file():
            crop = crop_mask_center(read_bit_mask(path), 512)
            same_masks += np.array_equal(crop.unpacked(), read_bit_mask(copy).unpacked())
    assert same_masks == 5


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
