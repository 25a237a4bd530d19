import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from isic_mmdet.deploy.predict.outputs import (
    HEIGHT,
    LoadedImage,
    Written,
    crop,
    overlay,
    shown_image,
    write_outputs,
)
from isic_mmdet.deploy.predict.settings import FolderSettings
from isic_mmdet.deploy.segmentation import Segmentation
from isic_mmdet.evaluation.expected_iou import ExpectedIoU
from isic_mmdet.images.reading import read_image
from isic_mmdet.images.sources import SourceFile
from isic_mmdet.masks.drawing import PREDICTION
from isic_mmdet.masks.paste import BoxCells

CALIBRATION = ExpectedIoU('mask_confidence', 0.0, 1.0, check_below=0.5, images=100)
# Height and width of the upright image; its stored pixels lie on their side.
UPRIGHT = (60, 40)


def lesion_at(x: float, y: float, width: float, height: float, score: float) -> Segmentation:
    """Return a lesion that is certain in the middle of its box, and fades to its border."""
    across = 1 - np.abs(np.linspace(-1, 1, 29))
    cells = np.minimum(1, 2 * np.outer(across, across)).astype(np.float32)
    view = BoxCells(cells, (x, y, x + width, y + height))
    box = (x, y, width, height)
    return Segmentation(UPRIGHT, (view,), 1, 0.5, score, 'lesion', box, CALIBRATION)


BEST = lesion_at(4, 10, 20, 30, 0.9)
NOTHING = Segmentation(UPRIGHT, (), 1, 0.5, 0.0, None, None, CALIBRATION)


@pytest.fixture
def image(tmp_path) -> SourceFile:
    """A photo of a camera that was turned: EXIF orientation 6."""
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / 'photo.png'
    Image.fromarray(pixels).save(path, exif=exif)
    return SourceFile(path, None, path.stat().st_size, 0)


def written(image: SourceFile, out: Path, lesion: Segmentation = BEST, **options) -> Written:
    settings = FolderSettings(out, False, 1, 1, **options)
    read = read_image(image)
    assert read.pixels.shape[:2] == UPRIGHT
    loaded = LoadedImage('a/photo', image, read.orientation, None, read.pixels)
    return write_outputs(settings, loaded, lesion, 0.1)


def upright(path: Path) -> np.ndarray:
    """Return the pixels of a map that lies like the stored image, upright."""
    return np.rot90(np.asarray(Image.open(path)), -1)


@pytest.mark.parametrize(('bits', 'dtype'), [(8, np.uint8), (16, np.uint16)])
def test_probability_maps_lie_like_the_stored_image(image, tmp_path, bits, dtype):
    written(image, tmp_path, probabilities=bits)
    levels = upright(tmp_path / 'probabilities/a/photo.png')
    assert levels.shape == UPRIGHT
    assert levels.max() <= np.iinfo(dtype).max
    np.testing.assert_allclose(
        levels / np.iinfo(dtype).max, BEST.probability, atol=0.51 / np.iinfo(dtype).max
    )
    mask = upright(tmp_path / 'a/photo_segmentation.png')
    np.testing.assert_array_equal(levels > np.iinfo(dtype).max // 2, mask == 255)


def test_a_threshold_changes_the_mask_and_leaves_the_expected_iou_empty(image, tmp_path):
    areas = []
    for threshold in (None, 0.5, 0.2, 0.9):
        row = written(image, tmp_path, threshold=threshold).row
        mask = upright(tmp_path / 'a/photo_segmentation.png') == 255
        np.testing.assert_array_equal(mask, BEST.probability > (threshold or 0.5))
        assert row['area_px'] == np.count_nonzero(mask)
        is_own = threshold in (None, 0.5)
        assert ('expected_iou' in row, row['check'] is not None) == (is_own, is_own)
        areas.append(row['area_px'])
    assert areas[0] == areas[1] < areas[2] and areas[3] < areas[0]


def test_without_a_detection_another_threshold_has_no_check_either(image, tmp_path):
    assert written(image, tmp_path, NOTHING).row['check'] is True
    assert written(image, tmp_path, NOTHING, threshold=0.3).row['check'] is None


def test_crops_are_stored_and_shown_like_the_image(image, tmp_path):
    written(image, tmp_path, crops=0.1)
    stored = Image.open(tmp_path / 'crops/a/photo.png')
    shown = np.asarray(ImageOps.exif_transpose(stored))
    photo = np.asarray(ImageOps.exif_transpose(Image.open(image.path)))
    np.testing.assert_array_equal(shown, photo[7:43, 2:26])  # 10..40 and 4..24 with a tenth
    assert stored.size == (36, 24)


@pytest.mark.parametrize(
    ('margin', 'rows', 'columns'),
    [(0, (10, 40), (4, 24)), (0.2, (4, 46), (0, 28)), (10, (0, 60), (0, 40))],
)
def test_a_crop_ends_at_the_border_of_the_image(margin, rows, columns):
    pixels = np.random.default_rng(0).integers(0, 256, (*UPRIGHT, 3), np.uint8)
    expected = pixels[slice(*rows), slice(*columns)]
    np.testing.assert_array_equal(crop(pixels, BEST, margin), expected)


def test_a_crop_of_a_thin_box_has_a_pixel():
    pixels = np.zeros((*UPRIGHT, 3), np.uint8)
    assert crop(pixels, lesion_at(39.5, 3, 0, 0, 0.9), 0).size > 0
    assert crop(pixels, lesion_at(40, 60, 0, 0, 0.9), 0).size > 0


def test_the_largest_region_alone_is_kept(image, tmp_path):
    cells = np.zeros((28, 28), np.float32)
    cells[2:10, 2:10] = cells[14:26, 14:26] = 1
    view = BoxCells(cells, (0, 0, 40, 60))
    lesion = Segmentation(UPRIGHT, (view,), 1, 0.5, 0.9, 'lesion', (0, 0, 40, 60), CALIBRATION)
    both = written(image, tmp_path, lesion).row['area_px']
    one = written(image, tmp_path, lesion, largest_region=True).row['area_px']
    mask = upright(tmp_path / 'a/photo_segmentation.png')
    assert not mask[:25, :18].any() and mask[40, 30] == 255
    assert 0.6 * both < one < 0.75 * both


def test_several_lesions_share_a_mask_and_have_crops_and_outlines_of_their_own(image, tmp_path):
    other = lesion_at(26, 42, 12, 14, 0.6)
    several = replace(BEST, others=(other,))
    row, line = written(
        image,
        tmp_path,
        several,
        max_lesions=3,
        crops=0,
        probabilities=8,
        formats=('coco', 'labelme'),
    )
    mask = upright(tmp_path / 'a/photo_segmentation.png') == 255
    np.testing.assert_array_equal(mask, BEST.mask | other.mask)
    levels = upright(tmp_path / 'probabilities/a/photo.png')
    np.testing.assert_array_equal(levels, np.maximum(BEST.levels, other.levels))
    assert sorted(path.name for path in (tmp_path / 'crops/a').iterdir()) == [
        'photo_1.png',
        'photo_2.png',
    ]
    assert (row['score'], row['area_px']) == (0.9, np.count_nonzero(mask))
    record = json.loads(line)
    assert [annotation['score'] for annotation in record['annotations']] == [0.9, 0.6]
    shapes = json.loads((tmp_path / 'labelme/a/photo.json').read_text())['shapes']
    assert {shape['group_id'] for shape in shapes} == {1, 2}


def test_without_a_detection_there_is_no_crop_and_no_outline(image, tmp_path):
    row, line = written(
        image, tmp_path, NOTHING, crops=0.2, probabilities=16, formats=('coco', 'labelme')
    )
    assert 'label' not in row and row['area_px'] == 0
    assert not (tmp_path / 'crops').exists()
    assert not np.asarray(Image.open(tmp_path / 'probabilities/a/photo.png')).any()
    assert json.loads(line)['annotations'] == []
    assert json.loads((tmp_path / 'labelme/a/photo.json').read_text())['shapes'] == []


def drawn(label: str | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the line of text and the image below, with a lesion in a corner if it has a label."""
    found = BoxCells(np.ones((28, 28), np.float32), (500.0, 600.0, 1500.0, 1500.0))
    views = (found,) if label else ()
    mask = Segmentation((3000, 2000), views, 1, 0.5, 0.5, label, None).mask
    title = f'ISIC_1 {label}'
    image = overlay(np.full((1000, 667, 3), 128, np.uint8), mask, title)
    return image[:-1000], image[-1000:]


def test_large_images_are_shown_small_and_small_ones_as_they_are():
    assert shown_image(np.zeros((3000, 2000, 3), np.uint8)).shape == (HEIGHT, 683, 3)
    small = np.zeros((30, 20, 3), np.uint8)
    small[..., 0] = 200
    assert shown_image(small).shape == small.shape
    assert shown_image(small)[0, 0].tolist() == [0, 0, 200]  # red, as BGR


def test_the_outline_runs_along_the_mask():
    text, body = drawn('lesion')
    rows, columns = np.nonzero((body == PREDICTION.color).all(axis=2))
    assert abs(rows.min() - 200) < 6 and abs(rows.max() - 500) < 6
    assert abs(columns.min() - 167) < 6 and abs(columns.max() - 500) < 6
    assert (body[250:450, 200:450] == 128).all()
    assert text.size > 0


def test_no_detection_is_written():
    text, body = drawn(None)
    assert (body == 128).all()
    assert not np.array_equal(text, drawn('lesion')[0])
