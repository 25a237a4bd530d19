"""The answers for the page, compared with NumPy and the project's own metrics."""

import base64
import io
import json
import zlib
from dataclasses import replace
from functools import partial

import cv2
import numpy as np
import pytest
from PIL import Image

from isic_mmdet.evaluation.scores import confusion, dice, jaccard
from isic_mmdet.images.decoding import UnreadableError
from isic_mmdet.images.orientation import stored_mask
from isic_mmdet.masks.bit_mask import BitMask
from isic_mmdet.serve.answers import (
    compare,
    find_saved,
    mask_file,
    mask_map,
    preview,
    save,
    segment,
    stored_file,
)
from isic_mmdet.serve.corrections import open_corrections
from isic_mmdet.serve.lesion import Lesion
from tests.support.fake_predictor import FakePredictor

LIMIT = 10_000_000


@pytest.fixture
def predictor() -> FakePredictor:
    return FakePredictor()


def photo(orientation=1, size=(200, 140)):
    """A JPEG of a slanted ellipse that is not in the center."""
    pixels = np.full((size[1], size[0], 3), 220, np.uint8)
    cv2.ellipse(pixels, (80, 60), (50, 25), 30, 0, 360, (60, 40, 90), -1)
    stream = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(stream, 'JPEG', quality=95, exif=exif)
    return stream.getvalue()


def png(values):
    return cv2.imencode('.png', values)[1].tobytes()


def mask_of(lesion, threshold):
    """Return the pixels of the mask file."""
    gray = cv2.imdecode(np.frombuffer(mask_file(lesion, threshold), np.uint8), -1)
    assert gray.dtype == np.uint8 and set(np.unique(gray)) <= {0, 255}
    return gray > 0


def answered(predictor, orientation=1):
    """Return the answer for a photo, and the lesion that the page sends back."""
    answer = segment(predictor, photo(orientation), LIMIT)
    text = json.dumps(answer['lesion']).encode()
    return answer, Lesion.from_json(text, LIMIT)


def test_areas_are_those_of_the_mask_files(predictor):
    answer, lesion = answered(predictor)
    assert answer['label'] == 'benign' and answer['threshold'] == 50
    for threshold in (1, 20, 50, 83, 99):
        mask = mask_of(lesion, threshold)
        assert mask.shape == (140, 200)
        assert mask.sum() == answer['areas'][threshold]
    assert answer['areas'][20] > answer['areas'][50] > answer['areas'][83] > 0


def test_the_expected_iou_is_answered_where_it_is_known(predictor):
    answer, _ = answered(predictor)
    assert answer['expected_iou'] == pytest.approx(answer['score'])
    assert answer['check'] is False
    predictor.calibration = replace(predictor.calibration, check_below=1.0)
    assert answered(predictor)[0]['check'] is True
    predictor.calibration = None
    answer, _ = answered(predictor)
    assert answer['expected_iou'] is answer['check'] is None


@pytest.mark.parametrize('orientation', range(1, 9))
def test_mask_and_box_lie_as_the_image_is_stored(predictor, orientation):
    answer, lesion = answered(predictor, orientation)
    sides = (140, 200) if orientation < 5 else (200, 140)
    assert (answer['lesion']['height'], answer['lesion']['width']) == sides
    mask = mask_of(lesion, 50)
    assert mask.shape == (140, 200)
    truth = np.zeros((140, 200), np.uint8)
    cv2.ellipse(truth, (80, 60), (50, 25), 30, 0, 360, 1, -1)
    assert jaccard(confusion(BitMask.of(truth > 0), BitMask.of(mask))) > 0.85
    x, y, width, height = answer['box']
    assert abs(x + width / 2 - 80) < 4 and abs(y + height / 2 - 60) < 4


@pytest.mark.parametrize('orientation', [1, 3, 6, 8])
def test_comparison_is_that_of_the_metrics(predictor, orientation):
    answer, lesion = answered(predictor, orientation)
    truth = np.zeros((140, 200), np.uint8)
    cv2.ellipse(truth, (85, 64), (45, 30), 20, 0, 360, 255, -1)
    compared = compare(lesion, png(truth), LIMIT)
    for threshold in (10, 50, 90):
        mask = mask_of(lesion, threshold)
        counts = confusion(BitMask.of(truth > 128), BitMask.of(mask))
        found, both = answer['areas'][threshold], compared['common'][threshold]
        assert both / (found + compared['area'] - both) == jaccard(counts)
        assert 2 * both / (found + compared['area']) == dice(counts)
    # The map is upright, as a viewer shows the image.
    values = np.frombuffer(zlib.decompress(base64.b64decode(compared['map']['data'])), np.uint8)
    upright = values.reshape(compared['map']['height'], compared['map']['width'])
    np.testing.assert_array_equal(stored_mask(upright, orientation), truth)


def unpacked(packed):
    values = np.frombuffer(zlib.decompress(base64.b64decode(packed['data'])), np.uint8)
    return values.reshape(packed['height'], packed['width'])


@pytest.mark.parametrize('orientation', [1, 6, 7])
def test_the_map_of_a_lesion_is_its_mask_file_upright(predictor, orientation):
    _, lesion = answered(predictor, orientation)
    shown = unpacked(mask_map(lesion, 40))
    np.testing.assert_array_equal(stored_mask(shown, orientation) > 0, mask_of(lesion, 40))
    assert stored_file(png(shown), orientation) == mask_file(lesion, 40)


@pytest.mark.parametrize('orientation', [1, 6, 7])
def test_a_drawn_mask_is_saved_as_the_image_is_stored_and_found_upright(
    predictor, tmp_path, orientation
):
    image = photo(orientation)
    answer, lesion = answered(predictor, orientation)
    drawn = unpacked(mask_map(lesion, 40)).copy()
    drawn[5, 7:60] = 255
    with open_corrections(tmp_path) as corrections:
        found = partial(find_saved, corrections, 'a.jpg', image, answer['lesion'], LIMIT)
        assert found() is None
        save(corrections, 'a.jpg', image, png(drawn), 'corrected', False, LIMIT)
        np.testing.assert_array_equal(unpacked(found()['map']), drawn)
        assert found()['decision'] == 'corrected'
        mask = tmp_path / 'masks/a_segmentation.png'
        np.testing.assert_array_equal(cv2.imread(str(mask), -1), stored_mask(drawn, orientation))
        mask.write_bytes(png(drawn[:-1]))
        assert 'another size' in found()['error']
        mask.write_bytes(b'no mask')
        assert 'not a' in found()['error']


@pytest.mark.parametrize(
    ('image', 'drawn', 'problem'),
    [
        (photo(), np.zeros((140, 201), np.uint8), 'another size'),
        (photo(), np.full((140, 200), 7, np.uint8), 'not a PNG of one channel'),
        (photo(), np.zeros((140, 200, 3), np.uint8), 'not a PNG of one channel'),
        (photo()[:-200], np.zeros((140, 200), np.uint8), 'truncated'),
        (b'no image', np.zeros((140, 200), np.uint8), 'not a JPEG'),
    ],
)
def test_wrong_uploads_are_not_saved(tmp_path, image, drawn, problem):
    refused = pytest.raises(UnreadableError, match=problem)
    with open_corrections(tmp_path) as corrections, refused:
        save(corrections, 'a.jpg', image, png(drawn), 'corrected', False, LIMIT)
    assert not (tmp_path / 'images').exists()


def test_a_truth_of_another_size_is_refused(predictor):
    _, lesion = answered(predictor, 6)
    with pytest.raises(UnreadableError, match=r'mask has 200 x 140 pixels, the image 140 x 200'):
        compare(lesion, png(np.zeros((200, 140), np.uint8)), LIMIT)


def test_nothing_found(predictor):
    empty = png(np.full((30, 40, 3), 255, np.uint8))
    answer = segment(predictor, empty, LIMIT)
    assert (answer['label'], answer['score'], answer['box']) == (None, 0.0, None)
    assert answer['areas'] == [0] * 100
    lesion = Lesion.from_json(json.dumps(answer['lesion']).encode(), LIMIT)
    assert not mask_of(lesion, 50).any()


def test_too_narrow_for_the_model(predictor):
    with pytest.raises(UnreadableError, match='too narrow'):
        segment(predictor, png(np.zeros((2, 40, 3), np.uint8)), LIMIT)


def test_preview_is_upright_and_not_too_large():
    shown = Image.open(io.BytesIO(preview(photo(6, size=(4200, 3000)), 20_000_000)))
    assert shown.format == 'JPEG' and shown.size == (1463, 2048)
    # After a rotation by a quarter the ellipse around (80, 60) lies around (2940, 80).
    red, _, _ = shown.getpixel((round(2940 * 2048 / 4200), round(80 * 2048 / 4200)))
    assert red < 120
