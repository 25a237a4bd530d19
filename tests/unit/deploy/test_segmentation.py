from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image

from isic_mmdet.deploy.segmentation import Preparation, Segmentation, Segmenter
from isic_mmdet.errors import InputError
from isic_mmdet.images.frame import Frame
from isic_mmdet.masks.paste import BoxCells
from isic_mmdet.masks.views import ViewPrediction


@dataclass(frozen=True, eq=False)
class Shown:
    """What a model got: pixels, and their place in the full image."""

    pixels: np.ndarray
    frame: Frame

    @property
    def shape(self) -> tuple[int, ...]:
        return self.pixels.shape


class Recording(Preparation):
    """Remembers the images."""

    def __init__(self) -> None:
        self.shown: list[np.ndarray] = []

    def reduction(self, height: int, width: int) -> int:
        return 4

    def resized(self, image: np.ndarray, frame: Frame) -> Shown:
        self.shown.append(image)
        return Shown(image, frame)


class Recorder(Segmenter):
    """Finds the upper left quarter of every image."""

    classes = ('lesion',)
    threshold = 0.5

    def __init__(self) -> None:
        self.preparation = Recording()

    def predict_batch(self, prepared: Sequence[Shown]) -> list[Segmentation]:
        found = []
        for image in prepared:
            height, width = image.frame.shape
            view = BoxCells(np.ones((28, 28), np.float32), (0.0, 0.0, width / 2, height / 2))
            found.append(self.merged([ViewPrediction(view, {0: 0.75})], image.frame))
        return found


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)


def test_arrays_files_and_images_give_the_same(pixels, tmp_path):
    path = tmp_path / 'mole.png'
    Image.fromarray(pixels).save(path)
    model = Recorder()
    for image in (pixels, path, str(path), Image.fromarray(pixels), Image.open(path)):
        lesion = model(image)
        np.testing.assert_array_equal(model.preparation.shown[-1], pixels)
        assert lesion.mask.shape == lesion.probability.shape == (40, 60)
        assert (lesion.score, lesion.label, lesion.box) == (0.75, 'lesion', (0, 0, 30, 20))


def test_a_result_is_shown_on_one_line(pixels):
    assert repr(Recorder()(pixels)) == (
        "Segmentation(shape=(40, 60), score=0.75, label='lesion', box=(0.0, 0.0, 30.0, 20.0))"
    )


@pytest.mark.parametrize('orientation', [2, 3, 6, 8])
def test_files_and_images_are_brought_upright(pixels, tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / 'mole.png'
    Image.fromarray(pixels).save(path, exif=exif)
    model = Recorder()
    from_file, from_image = model.batch([path, Image.open(path)])
    np.testing.assert_array_equal(*model.preparation.shown)
    assert not np.array_equal(model.preparation.shown[0], pixels)
    assert from_file.mask.shape == from_image.mask.shape == model.preparation.shown[0].shape[:2]


@pytest.mark.parametrize('mode', ['L', 'RGBA', 'P', 'CMYK', '1', 'I;16'])
def test_every_kind_of_image_becomes_rgb(mode):
    model = Recorder()
    assert model(Image.new(mode, (20, 30))).mask.shape == (30, 20)
    assert model.preparation.shown[0].shape == (30, 20, 3)


@pytest.mark.parametrize('mode', ['F', 'HSV', 'LAB'])
def test_other_kinds_of_pixels_are_refused(mode):
    with pytest.raises(ValueError, match=f'mode {mode}; use image.convert'):
        Recorder()(Image.new(mode, (20, 30)))


def test_a_large_jpeg_is_read_at_reduced_size_and_its_mask_is_large(tmp_path):
    path = tmp_path / 'mole.jpg'
    Image.new('RGB', (1600, 1200)).save(path)
    model = Recorder()
    lesion = model(path)
    assert model.preparation.shown[0].shape == (300, 400, 3)
    assert lesion.mask.shape == (1200, 1600)


def test_images_keep_their_order(pixels, tmp_path):
    Image.fromarray(pixels[:20]).save(tmp_path / 'half.png')
    lesions = Recorder().batch([pixels, tmp_path / 'half.png', pixels[:, :30]])
    assert [lesion.shape for lesion in lesions] == [(40, 60), (20, 60), (40, 30)]


@pytest.mark.parametrize(
    ('name', 'content', 'message'),
    [
        ('none.jpg', None, 'No such file'),
        ('text.jpg', b'no image', 'not an image'),
        ('empty.png', b'', 'not an image'),
        ('cut.jpg', b'\xff\xd8\xff\xe0\0', 'not an image'),
        ('moving.gif', b'GIF89a' + bytes(20), 'GIF is not read'),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, name, content, message):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=f'{name}: .*{message}'):
        Recorder()(path)


def test_a_folder_is_no_image(tmp_path):
    with pytest.raises(InputError, match=f'{tmp_path}: '):
        Recorder()(tmp_path)


def test_a_saved_mask_is_black_and_white(pixels, tmp_path):
    lesion = Recorder()(pixels)
    lesion.save(tmp_path / 'new/mask.png')
    saved = np.asarray(Image.open(tmp_path / 'new/mask.png'))
    np.testing.assert_array_equal(saved, np.where(lesion.mask, 255, 0))


def test_views_without_a_detection_count_with_probability_zero():
    view = BoxCells(np.ones((28, 28), np.float32), (0.0, 0.0, 10.0, 10.0))
    found = ViewPrediction(view, {0: 0.8})
    lesion = Recorder().merged([found, None], Frame((10, 10)))
    assert (lesion.score, lesion.number) == (0.4, 2)
    assert lesion.probability.max() == pytest.approx(0.5)
    nothing = Recorder().merged([None, None], Frame((10, 10)))
    assert (nothing.label, nothing.score, nothing.box) == (None, 0.0, None)
