import numpy as np
import pytest
from mmcv.transforms import Compose

import isic_mmdet.register  # noqa: F401
from isic_mmdet.deploy.pixels import ScalePreparation
from isic_mmdet.images.frame import Frame
from isic_mmdet.masks.views import FLIP_AXES

SQUARE = ScalePreparation((256, 256), True, 32)


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ('scale', 'keep_ratio'), [((256, 256), True), ((256, 256), False), ((1333, 800), True)]
)
@pytest.mark.parametrize(
    'shape', [(96, 96), (311, 170), (170, 311), (700, 1001), (33, 2000)], ids='{0[0]}x{0[1]}'.format
)
def test_the_size_and_the_pixels_are_those_of_the_test_pipeline(shape, scale, keep_ratio):
    image = noise(*shape)
    resize = Compose([dict(type='mmdet.Resize', scale=scale, keep_ratio=keep_ratio)])
    expected = resize({'img': image})
    found = ScalePreparation(scale, keep_ratio, 32).resized(image, Frame(shape))
    height, width = found.size
    assert (height, width) == expected['img'].shape[:2]
    np.testing.assert_array_equal(found.pixels[:height, :width], expected['img'])
    rows, columns, _ = found.pixels.shape
    assert rows % 32 == columns % 32 == 0
    assert 0 <= rows - height < 32 and 0 <= columns - width < 32
    assert not found.pixels[height:].any() and not found.pixels[:, width:].any()


def test_a_box_lies_where_mmdet_puts_it():
    found = SQUARE.resized(noise(311, 170), Frame((311, 170)))
    assert found.size == (256, 140)
    cells = np.ones((28, 28), np.float32)
    view = found.to_full(cells, (14.0, 25.6, 70, 256))
    np.testing.assert_allclose(view.box, (17, 31.1, 85, 311), rtol=1e-6)
    assert view.cells is cells


def test_a_reduced_image_lies_in_the_full_one():
    frame = Frame((622, 340), step=2, left=-1)
    found = SQUARE.resized(noise(311, 170), frame)
    view = found.to_full(np.ones((28, 28)), (14.0, 25.6, 70, 256))
    np.testing.assert_allclose(view.box, (33, 62.2, 169, 622), rtol=1e-6)


@pytest.mark.parametrize('direction', FLIP_AXES)
def test_a_flip_leaves_the_padding_at_the_bottom_and_on_the_right(direction):
    image = ScalePreparation((100, 100), True, 32).resized(noise(60, 100), Frame((60, 100)))
    flipped = image.flipped(direction)
    height, width = flipped.size
    assert (height, width) == image.size == (60, 100)
    inside = image.pixels[:height, :width]
    expected = np.flip(inside, FLIP_AXES[direction])
    np.testing.assert_array_equal(flipped.pixels[:height, :width], expected)
    assert flipped.shape == (64, 128)
    assert not flipped.pixels[height:].any() and not flipped.pixels[:, width:].any()
