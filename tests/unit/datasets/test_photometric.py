"""Photometric transforms: pixels change as they should, the truth never."""

import copy

import cv2
import numpy as np
import pytest
from mmdet.registry import TRANSFORMS
from mmdet.structures.mask import BitmapMasks
from scipy.ndimage import gaussian_filter

import isic_mmdet.register  # noqa: F401
from isic_mmdet.datasets.checks import changes_pixels_only
from isic_mmdet.engine.config.load import load_config
from isic_mmdet.errors import InputError


def noise_image(size=64):
    noise = np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 1.5)


def build(**config):
    return TRANSFORMS.build(config)


def test_blur_is_a_gaussian_of_the_sigma():
    image = noise_image()
    blurred = build(type='GaussianBlur', sigma=(1.3, 1.3))({'img': image})['img']
    reference = gaussian_filter(image.astype(float), (1.3, 1.3, 0), mode='mirror', truncate=6)
    assert blurred.dtype == np.uint8
    assert np.abs(blurred - reference).max() < 3
    unchanged = build(type='GaussianBlur', sigma=(0.0, 0.0))({'img': image.copy()})['img']
    assert np.array_equal(unchanged, image)


def test_brightness_scales_each_channel_by_its_own_factor():
    image = np.full((8, 8, 3), 100, np.uint8)
    np.random.seed(0)
    brighter = build(type='ChannelBrightness', factor=(0.5, 1.5))({'img': image})['img']
    assert brighter.dtype == np.uint8
    factors = {float(value) for value in np.unique(brighter / 100)}
    assert len(factors) == 3
    assert all(0.49 < factor < 1.51 for factor in factors)
    assert all(len(np.unique(brighter[..., channel])) == 1 for channel in range(3))
    white = build(type='ChannelBrightness', factor=(3.0, 3.0))({'img': image})['img']
    assert np.all(white == 255)


def test_the_recipe_changes_pixels_and_no_truth(root):
    config = load_config(root / 'configs/student_projects/student2018.py')
    (settings,) = [t for t in config.train_dataloader.dataset.pipeline if t.type == 'SomeOf']
    transform = TRANSFORMS.build(settings)
    assert len(transform.transforms) == 4
    assert changes_pixels_only(transform)
    flip = dict(type='RandomFlip', prob=1.0)
    assert not changes_pixels_only(build(type='SomeOf', transforms=[flip]))
    mask = np.zeros((1, 64, 64), np.uint8)
    mask[0, 20:40, 10:30] = 1
    truth = {
        'gt_masks': BitmapMasks(mask, 64, 64),
        'gt_bboxes': np.array([[10, 20, 30, 40]], np.float32),
        'gt_bboxes_labels': np.array([0]),
    }
    image = noise_image()
    np.random.seed(0)
    changed = 0
    for _ in range(40):
        results = transform({'img': image.copy(), **copy.deepcopy(truth)})
        changed += not np.array_equal(results['img'], image)
        assert results['img'].shape == image.shape and results['img'].dtype == np.uint8
        assert np.array_equal(results['gt_masks'].masks, mask)
        assert np.array_equal(results['gt_bboxes'], truth['gt_bboxes'])
    # None of the four is drawn in a fifth of the cases.
    assert 20 <= changed < 40


NOTHING = dict(
    mode=0,
    brightness=0,
    contrast=0,
    saturation=0,
    hue=0,
    order=0,
    by=(0.0, 1.0, 1.0, 0.0, np.array([0, 1, 2])),
)


def distorted(name, image, settings=None, seed=None, **options):
    """Distort an image with these settings, or with random ones."""
    transform = build(type=name, **options)
    if settings is not None:
        *flags, by = {**NOTHING, **settings}.values()
        transform._random_flags = lambda: (*flags, *by)
    else:
        np.random.seed(seed)
    return transform({'img': image.copy()})['img']


def skin(seed, size=96):
    """Return an image with the colors of skin and lesions and neither black nor white."""
    rng = np.random.default_rng(seed)
    noise = cv2.GaussianBlur(rng.normal(0, 60, (size, size, 3)), (0, 0), 4)
    return np.clip(np.array([110, 125, 160]) + 6 * noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ('settings', 'tolerance'),
    [
        (dict(), 0.01),
        (dict(brightness=1, by=(17.3, 1, 1, 0, None)), 0.51),
        (dict(contrast=1, by=(0, 0.62, 1, 0, None)), 0.51),
        (dict(contrast=1, mode=1, by=(0, 1.37, 1, 0, None)), 0.51),
        (dict(brightness=1, contrast=1, mode=1, by=(-9.7, 1.2, 1, 0, None)), 0.51),
        (dict(brightness=1, contrast=1, mode=0, by=(-9.7, 1.2, 1, 0, None)), 1.2),
        (dict(order=1, by=(0, 1, 1, 0, np.array([2, 0, 1]))), 0.01),
        (dict(saturation=1, by=(0, 1, 0.5, 0, None)), 4),
        (dict(saturation=1, by=(0, 1, 1.5, 0, None)), 8),
        (dict(hue=1, by=(0, 1, 1, -17.9, None)), 6),
        (dict(hue=1, by=(0, 1, 1, 11.2, None)), 6),
    ],
)
def test_each_step_is_mmdets_within_rounding(settings, tolerance):
    image = skin(0)
    expected = distorted('PhotoMetricDistortion', image, settings)
    got = distorted('BytePhotoMetricDistortion', image, settings)
    assert got.dtype == np.uint8
    inside = ((expected >= 0) & (expected <= 255)).all(axis=2)
    if settings.get('brightness'):  # which mmdet does not clip
        inside &= ((image + settings['by'][0] >= 0) & (image + settings['by'][0] <= 255)).all(
            axis=2
        )
    assert inside.mean() > 0.4
    off = np.abs(expected - got)[inside]
    assert off.max() <= tolerance
    assert off.mean() <= 1


def test_channels_stay_if_swapping_is_off():
    swap = dict(order=1, by=(0, 1, 1, 0, np.array([2, 0, 1])))
    image = skin(0)
    kept = distorted('BytePhotoMetricDistortion', image, swap, swap_channels=False)
    assert np.array_equal(kept, image)


def test_it_draws_what_mmdet_draws():
    off = []
    for seed in range(60):
        image = skin(seed)
        expected = distorted('PhotoMetricDistortion', image, seed=seed)
        after = np.random.rand()
        got = distorted('BytePhotoMetricDistortion', image, seed=seed)
        assert np.random.rand() == after
        off.append(np.abs(np.clip(expected, 0, 255) - got).mean())
    assert np.mean(off) < 0.8
    assert np.median(off) < 0.5


def test_the_input_is_not_changed():
    image = skin(1)
    original = image.copy()
    transform = build(type='BytePhotoMetricDistortion')
    for seed in range(20):
        np.random.seed(seed)
        transform({'img': image})
        assert np.array_equal(image, original)


def test_images_that_are_not_of_bytes_are_refused():
    with pytest.raises(InputError, match=r'float32.*to_float32'):
        build(type='BytePhotoMetricDistortion')({'img': noise_image().astype(np.float32)})
