"""Thumbnails of the gallery: outlines where the masks are, JPEGs that stay small."""

import re

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco_mask

from isic_mmdet.errors import InputError
from isic_mmdet.masks.mask_files import read_mask
from isic_mmdet.report.page.dataset import Record
from isic_mmdet.report.page.thumbnails import (
    JPEG_BYTES,
    SIDE,
    make_thumbnails,
    outline,
    small_jpeg,
)


def rings(path):
    """Return the points of every closed line of a path."""
    assert path.startswith('M') and path.endswith('Z')
    return [
        np.array(re.findall(r'([\d.]+) ([\d.]+)', ring), float)
        for ring in path.removesuffix('Z').split('Z')
    ]


def encoded(mask):
    code = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {'size': list(mask.shape), 'counts': code['counts'].decode()}


def record(path, image, mask):
    cv2.imwrite(str(path), image)
    return Record(path, encoded(mask), None, None, None)


@pytest.mark.parametrize('shape', [(256, 256), (300, 700), (1500, 1000)])
def test_outline_encloses_the_mask(shape):
    height, width = shape
    mask, again = np.zeros((2, *shape), np.uint8)
    cv2.ellipse(mask, (width // 2, height // 2), (width // 4, height // 3), 20, 0, 360, 1, -1)
    scale = max(shape) / SIDE
    points = [np.round(ring * scale - 0.5).astype(np.int32) for ring in rings(outline(mask))]
    cv2.fillPoly(again, points, 1)
    assert np.count_nonzero(again & mask) / np.count_nonzero(again | mask) > 0.98


def test_outline_of_a_rectangle_has_its_corners():
    mask = np.zeros((128, 256), np.uint8)
    mask[32:64, 16:128] = 1
    (ring,) = rings(outline(mask))
    # Twice the pixel centers of the corners: 256 pixels are 512 units.
    expected = {(33.0, 65.0), (33.0, 127.0), (255.0, 127.0), (255.0, 65.0)}
    assert set(map(tuple, ring)) == expected


def test_outlines_have_parts_and_holes_and_few_points():
    mask = np.zeros((200, 200), np.uint8)
    mask[20:90, 20:90] = 1
    mask[40:60, 40:60] = 0
    mask[120:180, 120:180] = 1
    assert len(rings(outline(mask))) == 3
    assert outline(np.zeros((50, 50), np.uint8)) == ''
    noise = np.random.default_rng(0).random((512, 512))
    ragged = cv2.GaussianBlur(noise, (0, 0), 12) > 0.5
    assert 0 < len(outline(ragged.astype(np.uint8))) < 20_000


def test_thumbnail_keeps_its_shape_and_stays_small():
    image = np.full((900, 1200, 3), (80, 120, 200), np.uint8)
    small = cv2.imdecode(np.frombuffer(small_jpeg(image), np.uint8), cv2.IMREAD_COLOR)
    assert small.shape == (384, 512, 3)
    assert np.abs(small.astype(int) - image[0, 0].astype(int)).max() <= 4
    tiny = cv2.imdecode(np.frombuffer(small_jpeg(image[:60, :90]), np.uint8), cv2.IMREAD_COLOR)
    assert tiny.shape == (60, 90, 3)
    noise = np.random.default_rng(0).integers(0, 256, (1000, 1000, 3), dtype=np.uint8)
    assert len(small_jpeg(noise)) <= JPEG_BYTES


def test_thumbnail_has_both_outlines_and_the_facts_of_the_lesion(tmp_path):
    image = np.full((100, 200, 3), 127, np.uint8)
    truth, found = np.zeros((2, 100, 200), np.uint8)
    truth[25:75, 50:150] = 1
    found[:50, :100] = 1
    masks = {'a': truth, 'b': found}
    records = {name: record(tmp_path / f'{name}.png', image, mask) for name, mask in masks.items()}
    thumbnails = make_thumbnails(records, {'a': encoded(found)}, show_progress=False)
    a, b = thumbnails['a'], thumbnails['b']
    assert a.frame == (512, 256)
    assert a.lesion_share == pytest.approx(0.25)
    assert (a.touches_border, b.touches_border) == (False, True)
    assert a.truth == outline(truth) and a.prediction == outline(found)
    assert b.prediction is None


def test_large_image_is_read_at_a_fraction_and_fits_its_mask(tmp_path):
    image = np.zeros((2051, 3001, 3), np.uint8)
    image[:, 1500:] = 255
    records = {'a': record(tmp_path / 'a.jpg', image, image[..., 0] > 0)}
    shown = make_thumbnails(records, {}, show_progress=False)['a']
    small = cv2.imdecode(np.frombuffer(shown.jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert max(small.shape) == SIDE
    assert small[:, :250].max() < 20 and small[:, 262:].min() > 235


def test_all_errors_are_reported_together(tmp_path):
    image, mask = np.zeros((60, 60, 3), np.uint8), np.ones((60, 60), bool)
    records = {
        'good': record(tmp_path / 'good.png', image, mask),
        'absent': Record(tmp_path / 'absent.png', encoded(mask), None, None, None),
        'shape': record(tmp_path / 'shape.png', image, mask[:, :30]),
        'found': record(tmp_path / 'found.png', image, mask),
        'vast': record(tmp_path / 'vast.bmp', image, mask),
    }
    vast = bytearray((tmp_path / 'vast.bmp').read_bytes())
    vast[18:26] = (60_000).to_bytes(4, 'little') * 2  # the size in its header
    (tmp_path / 'vast.bmp').write_bytes(vast)
    with pytest.raises(InputError) as caught:
        make_thumbnails(records, {'found': encoded(mask[:30, :30])}, show_progress=False)
    assert len(caught.value.errors) == 4
    for name in ('absent.png', 'shape.png', 'found.png', 'vast.bmp'):
        assert name in str(caught.value)


@pytest.mark.shared_data
def test_a_thousand_real_images_stay_under_60_mb(shared):
    folder = shared / 'isic2018'
    truths = folder / 'ISIC2018_Task1_Training_GroundTruth'
    records = {}
    for path in sorted((folder / 'ISIC2018_Task1-2_Training_Input').glob('*.jpg'))[::60]:
        mask = read_mask(truths / f'{path.stem}_segmentation.png')
        records[path.stem] = Record(path, encoded(mask), None, None, None)
    predictions = {name: record.truth for name, record in records.items()}
    thumbnails = make_thumbnails(records, predictions, show_progress=False).values()
    # Base64, both outlines, and the rest of a record with its element.
    sizes = [len(t.jpeg) * 4 / 3 + len(t.truth) + len(t.prediction) + 600 for t in thumbnails]
    assert len(sizes) > 30
    assert max(sizes) < 60_000
    assert 1000 * np.mean(sizes) < 50e6
