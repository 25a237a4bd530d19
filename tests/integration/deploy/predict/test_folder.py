from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from isic_mmdet.deploy.predict.folder import in_groups, predict_groups, still_to_do
from isic_mmdet.deploy.predict.inputs import find_images
from isic_mmdet.deploy.predict.outputs import HEIGHT
from isic_mmdet.deploy.predict.settings import FolderSettings
from isic_mmdet.deploy.predict.table import join_parts
from isic_mmdet.deploy.segmentation import Segmentation
from isic_mmdet.images.frame import Frame
from isic_mmdet.images.orientation import stored_box, stored_mask
from isic_mmdet.images.reading import read_image
from tests.support.predictions import rows_by_image

UNDO = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def predicted(segmenter, settings: FolderSettings, *inputs: Path) -> dict[str, dict[str, str]]:
    """Predict images that can all be read, and return the rows of the table by name."""
    files = find_images([str(path) for path in inputs], settings.out).files
    groups = in_groups(files, settings.batch_size)
    assert predict_groups(segmenter, groups, files, settings) == []
    join_parts(settings.out)
    return rows_by_image(settings.out)


def box_of(row: dict[str, str]) -> list[float]:
    return [float(row[side]) for side in ('x', 'y', 'width', 'height')]


def mask_of(settings: FolderSettings, name: str) -> np.ndarray:
    with Image.open(settings.out / f'{name}_segmentation.png') as image:
        assert image.mode == 'L'
        return np.asarray(image)


def test_masks_and_rows_hold_the_results_of_the_segmenter(segmenter, image_files, settings):
    # One by one, as the segmenter gets them below: rounding depends on the batch.
    settings = replace(settings, batch_size=1)
    rows = predicted(segmenter, settings, *image_files)
    assert set(rows) == {path.stem for path in image_files}
    for path in image_files:
        lesion = segmenter(np.asarray(Image.open(path).convert('RGB')))
        mask, row = mask_of(settings, path.stem), rows[path.stem]
        np.testing.assert_array_equal(mask == 255, lesion.mask)
        assert set(np.unique(mask)) <= {0, 255}
        assert int(row['area_px']) == np.count_nonzero(mask)
        assert float(row['area_share']) == pytest.approx(np.mean(mask == 255), abs=1e-6)
        assert row['label'] == 'lesion'
        assert float(row['score']) == pytest.approx(lesion.score, abs=1e-4)
        np.testing.assert_allclose(box_of(row), lesion.box, atol=0.05)
        assert float(row['seconds']) > 0
    assert sorted(path.name for path in settings.out.iterdir()) == sorted(
        ['predictions.csv', *(f'{path.stem}_segmentation.png' for path in image_files)]
    )


@pytest.mark.parametrize('orientation', range(1, 9))
def test_a_rotated_image_gets_the_mask_of_its_stored_pixels(
    segmenter, image_files, settings, tmp_path, orientation
):
    upright = Image.open(image_files[0]).convert('RGB').crop((0, 0, 96, 60))
    upright.save(tmp_path / 'upright.png')
    # A rotated camera stores rotated pixels.
    undo = UNDO.get(orientation)
    stored = upright if undo is None else upright.transpose(undo)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / 'stored.png', exif=exif)
    rows = predicted(segmenter, settings, tmp_path / 'upright.png', tmp_path / 'stored.png')
    expected = Image.fromarray(mask_of(settings, 'upright'))
    if undo is not None:
        expected = expected.transpose(undo)
    mask = mask_of(settings, 'stored')
    assert mask.any()
    assert mask.shape == (stored.height, stored.width)
    np.testing.assert_array_equal(mask, np.asarray(expected))
    x, y, width, height = box_of(rows['stored'])
    inside_y, inside_x = np.nonzero(mask)
    assert x - 1 <= inside_x.min() and inside_x.max() <= x + width + 1
    assert y - 1 <= inside_y.min() and inside_y.max() <= y + height + 1


@pytest.mark.parametrize('orientation', range(1, 9))
def test_a_large_jpeg_gets_its_mask_from_fewer_pixels(
    segmenter, image_files, settings, tmp_path, orientation
):
    # 3999 and 3195 are no multiples of what becomes one pixel.
    large = Image.open(image_files[0]).convert('RGB').resize((3999, 3195), Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif[0x0112] = orientation
    large.save(tmp_path / 'large.jpg', exif=exif, quality=95)
    written = predicted(segmenter, settings, tmp_path / 'large.jpg')['large']

    file = find_images([str(tmp_path / 'large.jpg')], settings.out).files['large']
    reduced = read_image(file, segmenter.preparation.reduction)
    place = reduced.frame
    assert place.step == 4
    lesion = segmenter(reduced.pixels)
    # Each reduced pixel stands for 4 x 4 pixels; some of them reach over the border.
    blocks = np.kron(lesion.mask, np.ones((4, 4), bool))
    rows, columns = place.shape
    upright = blocks[-place.top : rows - place.top, -place.left : columns - place.left]
    expected = stored_mask(upright, orientation)
    mask = mask_of(settings, 'large') == 255
    assert mask.shape == expected.shape == (3195, 3999)
    assert 0.001 < mask.mean() < 0.999
    assert np.count_nonzero(mask != expected) < 2 * np.count_nonzero(edges(expected))
    x, y, width, height = (4 * side for side in lesion.box)
    box = stored_box((x + place.left, y + place.top, width, height), place.shape, orientation)
    np.testing.assert_allclose(
        box_of(written), box, atol=3.01
    )  # up to 3 pixels are beyond the border


def edges(mask: np.ndarray) -> np.ndarray:
    """Pixels of a mask that have others next to or below them."""
    return (mask[1:, 1:] != mask[:-1, 1:]) | (mask[1:, 1:] != mask[1:, :-1])


def test_overlays_are_drawn_from_enough_pixels(segmenter, image_files, tmp_path):
    large = tmp_path / 'large.jpg'
    Image.open(image_files[0]).convert('RGB').resize((3600, 2100)).save(large)
    assert segmenter.preparation.reduction(2100, 3600) > 2
    settings = FolderSettings(tmp_path / 'out', overlay=True, batch_size=3, workers=1)
    predicted(segmenter, settings, large, *image_files[:2])
    for path in (large, *image_files[:2]):
        with Image.open(settings.out / 'overlays' / f'{path.stem}.jpg') as image:
            image.load()
            if path == large:
                assert image.height > HEIGHT
            else:
                assert image.width == 96 and image.height > 96


def test_finished_images_are_not_predicted_again(segmenter, image_files, settings):
    names = [path.stem for path in image_files]
    predicted(segmenter, settings, *image_files[:3])
    assert still_to_do(names, settings) == set(names[3:])
    (settings.out / f'{names[1]}_segmentation.png').unlink()
    assert still_to_do(names, settings) == {names[1], *names[3:]}
    assert still_to_do(names, replace(settings, overlay=True)) == set(names)


class ShapeOnly:
    """Finds nothing, and records the shapes of its batches."""

    def __init__(self) -> None:
        self.batches: list[list[tuple[int, int]]] = []
        self.preparation = self
        self.on_gpu = False

    def reduction(self, height: int, width: int) -> int:
        return 1

    def prepare(self, image: np.ndarray, frame: Frame) -> Frame:
        return frame

    def predict(self, prepared: list[Frame]) -> list[Segmentation]:
        self.batches.append([image.shape for image in prepared])
        return [Segmentation(image.shape, (), 1, 0.5, 0.0, None, None) for image in prepared]


@pytest.mark.parametrize(('number', 'batches'), [(12, 6), (128, 32)])
def test_batches_are_of_one_shape_and_as_large_as_possible(tmp_path, number, batches):
    for index in range(number):
        image = np.zeros((20 + 10 * (index % 2), 20, 3), np.uint8)
        Image.fromarray(image).save(tmp_path / f'{index:03}.png')
    predictor = ShapeOnly()
    settings = FolderSettings(tmp_path / 'out', overlay=False, batch_size=4, workers=1)
    predicted(predictor, settings, tmp_path)
    assert all(len(set(batch)) == 1 for batch in predictor.batches)
    assert sum(map(len, predictor.batches)) == number
    assert len(predictor.batches) == batches
