"""Thumbnails of the gallery: outlines where the masks are, JPEGs that stay small."""

import re

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco_mask

from isic_mmdet.errors import InputError
from isic_mmdet.masks.mask_files import read_mask
from isic_mmdet.report.page.dataset import Mask, Record
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


def drawn(path, height, width):
    """Fill a path again, holes skipped."""
    scale = max(height, width) / SIDE
    picture = np.zeros((height, width), np.uint8)
    points = [np.round(ring * scale - 0.5).astype(np.int32) for ring in rings(path)]
    cv2.fillPoly(picture, points, 1)
    return picture.astype(bool)


def encoded(mask):
    code = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    return Mask(code['counts'].decode(), mask.shape)


def record(tmp_path, image, mask, name='a.png'):
    cv2.imwrite(str(tmp_path / name), image)
    return Record(tmp_path / name, encoded(mask), None, None, None)


@pytest.mark.parametrize('shape', [(256, 256), (300, 700), (1500, 1000)])
def test_outline_encloses_the_mask(shape):
    mask = np.zeros(shape, np.uint8)
    height, width = shape
    cv2.ellipse(mask, (width // 2, height // 2), (width // 4, height // 3), 20, 0, 360, 1, -1)
    again = drawn(outline(mask > 0), *shape)
    both = np.count_nonzero(again & (mask > 0)) / np.count_nonzero(again | (mask > 0))
    assert both > 0.98


def test_outline_of_a_rectangle_has_its_corners():
    mask = np.zeros((128, 256), bool)
    mask[32:64, 16:128] = True
    (ring,) = rings(outline(mask))
    # Twice the pixel centers of the corners: 256 pixels are 512 units.
    expected = {(33.0, 65.0), (33.0, 127.0), (255.0, 127.0), (255.0, 65.0)}
    assert set(map(tuple, ring)) == expected


def test_outline_of_several_parts_and_holes():
    mask = np.zeros((200, 200), bool)
    mask[20:90, 20:90] = True
    mask[40:60, 40:60] = False
    mask[120:180, 120:180] = True
    assert len(rings(outline(mask))) == 3
    assert outline(np.zeros((50, 50), bool)) == ''


def test_ragged_outline_is_simplified():
    rng = np.random.default_rng(0)
    ragged = cv2.GaussianBlur(rng.random((512, 512)), (0, 0), 12) > 0.5
    path = outline(ragged)
    assert 0 < len(path) < 20_000


def test_thumbnail_keeps_the_shape_and_never_grows():
    image = np.full((900, 1200, 3), (80, 120, 200), np.uint8)
    small = cv2.imdecode(np.frombuffer(small_jpeg(image), np.uint8), cv2.IMREAD_COLOR)
    assert small.shape == (384, 512, 3)
    assert np.abs(small.astype(int) - image[0, 0].astype(int)).max() <= 4
    tiny = cv2.imdecode(np.frombuffer(small_jpeg(image[:60, :90]), np.uint8), cv2.IMREAD_COLOR)
    assert tiny.shape == (60, 90, 3)


def test_thumbnail_of_the_worst_picture_stays_small():
    noise = np.random.default_rng(0).integers(0, 256, (1000, 1000, 3), dtype=np.uint8)
    assert len(small_jpeg(noise)) <= JPEG_BYTES


def test_picture_holds_both_outlines_and_facts(tmp_path):
    image = np.full((100, 200, 3), 127, np.uint8)
    truth, found = np.zeros((2, 100, 200), bool)
    truth[25:75, 50:150] = True
    found[:50, :100] = True
    records = {'a': record(tmp_path, image, truth), 'b': record(tmp_path, image, found, 'b.png')}
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
    truth = np.zeros((2051, 3001), bool)
    truth[500:1500, 1000:2000] = True
    shown = make_thumbnails({'a': record(tmp_path, image, truth, 'a.jpg')}, {}, False)['a']
    small = cv2.imdecode(np.frombuffer(shown.jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert max(small.shape) == SIDE
    assert small[:, :250].max() < 20 and small[:, 262:].min() > 235


def test_all_errors_are_told_at_once(tmp_path):
    image, mask = np.zeros((60, 60, 3), np.uint8), np.ones((60, 60), bool)
    records = {
        'good': record(tmp_path, image, mask, 'good.png'),
        'absent': Record(tmp_path / 'absent.png', encoded(mask), None, None, None),
        'shape': record(tmp_path, image, np.ones((60, 30), bool), 'shape.png'),
        'found': record(tmp_path, image, mask, 'found.png'),
    }
    with pytest.raises(InputError) as caught:
        make_thumbnails(records, {'found': encoded(np.ones((30, 30), bool))}, show_progress=False)
    assert len(caught.value.errors) == 3
    for name in ('absent.png', 'shape.png', 'found.png'):
        assert name in str(caught.value)


@pytest.mark.shared_data
def test_a_thousand_real_pictures_stay_under_60_mb(shared):
    folder = shared / 'isic2018'
    paths = sorted((folder / 'ISIC2018_Task1-2_Training_Input').glob('*.jpg'))[::60]
    truths = folder / 'ISIC2018_Task1_Training_GroundTruth'
    records = {
        path.stem: Record(
            path, encoded(read_mask(truths / f'{path.stem}_segmentation.png')), None, None, None
        )
        for path in paths
    }
    predictions = {name: record.truth for name, record in records.items()}
    thumbnails = make_thumbnails(records, predictions, show_progress=False).values()
    # Base64, both outlines, and the rest of a record with its element.
    sizes = [len(p.jpeg) * 4 / 3 + len(p.truth) + len(p.prediction) + 600 for p in thumbnails]
    assert len(sizes) > 30
    assert max(sizes) < 60_000
    assert 1000 * np.mean(sizes) < 50e6


def test_a_file_that_claims_to_be_vast_is_told(tmp_path):
    data = bytearray(cv2.imencode('.bmp', np.zeros((4, 4, 3), np.uint8))[1].tobytes())
    data[18:26] = (60_000).to_bytes(4, 'little') * 2
    known = record(tmp_path, np.zeros((4, 4, 3), np.uint8), np.ones((4, 4), bool))
    known.path.write_bytes(data)
    with pytest.raises(InputError, match='missing, or not an image'):
        make_thumbnails({'a': known}, {}, show_progress=False)
