import io
import warnings
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from isic_mmdet.images import decoding as images
from isic_mmdet.images.decoding import UnreadableError, decoding_step, stored_layout
from isic_mmdet.images.encoding import encode_jpeg
from isic_mmdet.images.reading import read_official_image
from isic_mmdet.images.sources import SourceFile
from isic_mmdet.masks.mask_files import decode_grays, decode_mask, read_mask
from tests.support.official_files import jpeg, lesion, picture, png


@pytest.fixture
def source(tmp_path: Path):
    def write(data: bytes, name: str = 'file.jpg') -> SourceFile:
        (tmp_path / name).write_bytes(data)
        return SourceFile(tmp_path / name, None, len(data), 0)

    return write


def smooth(height: int = 120, width: int = 160) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows + 50, columns + 40, rows + columns], axis=2).clip(0, 255).astype(np.uint8)


def test_a_plain_jpeg(source) -> None:
    data = jpeg(smooth())
    image = read_official_image(source(data))
    assert image.is_plain
    assert image.data == data
    assert image.pixels.shape == (120, 160, 3)
    assert image.frame.shape == image.frame.extent == (120, 160)
    assert np.abs(image.pixels.astype(int) - smooth()).mean() < 2


@pytest.mark.parametrize(
    ('shape', 'size', 'step'),
    [
        ((100, 200), (100, 200), 1),
        ((100, 200), (51, 101), 1),
        ((100, 200), (50, 100), 2),
        ((101, 200), (51, 100), 2),  # 50.5 is rounded up
        ((1000, 1501), (250, 375), 4),
        ((1000, 1501), (250, 376), 2),  # 375.25 is not
        ((100, 200), (50, 101), 1),
        ((2000, 3000), (250, 375), 8),
        ((2000, 3000), (251, 375), 4),
        ((2000, 3000), (2, 3), 8),
        ((1, 1), (1, 1), 2),
    ],
)
def test_never_decoded_to_less_than_wanted(shape, size, step: int) -> None:
    assert decoding_step(shape, size) == step


@pytest.mark.parametrize('step', [1, 8])
@pytest.mark.parametrize('progressive', [False, True])
def test_a_truncated_jpeg_never_passes(source, progressive: bool, step: int) -> None:
    data = jpeg(picture(0), progressive=progressive)
    for kept in [*range(0, len(data), 97), len(data) - 2, len(data) - 1]:
        with pytest.raises(UnreadableError):
            read_official_image(source(data[:kept]), lambda h, w: (h // step, w // step))


def test_a_hole_of_zeros_in_a_jpeg(source) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    data = bytearray(jpeg(noise))
    data[8000:14000] = bytes(6000)
    Image.open(io.BytesIO(data)).load()  # what makes the check necessary: no decoder objects
    with pytest.raises(UnreadableError, match='zero bytes in a row'):
        read_official_image(source(bytes(data)))


def test_zeros_in_front_of_the_picture_data_are_no_hole(source) -> None:
    exif = Image.Exif()
    exif[0x927C] = bytes(8192)
    assert read_official_image(source(jpeg(smooth(), exif=exif))).is_plain


def test_damage_in_a_png_is_noticed_although_it_decodes(source) -> None:
    data = bytearray(png(lesion(200, 300)))
    middle = data.index(b'IDAT') + 60
    data[middle : middle + 8] = bytes(8)
    with pytest.raises(UnreadableError):
        decode_mask(source(bytes(data), 'mask.png'))
    whole = png(lesion())
    for kept in range(0, len(whole) - 12, 7):
        with pytest.raises(UnreadableError):
            decode_mask(source(whole[:kept], 'mask.png'))


@pytest.mark.parametrize('data', [b'', b'not an image', b'\xff\xd8\xff', b'\x89PNG\r\n\x1a\n'])
def test_files_that_are_no_images(source, data: bytes) -> None:
    with pytest.raises(UnreadableError):
        read_official_image(source(data))


def test_random_damage_raises_nothing_else(source) -> None:
    rng = np.random.default_rng(0)
    for data, decode in ((jpeg(smooth()), read_official_image), (png(lesion()), decode_mask)):
        for _ in range(150):
            damaged = bytearray(data)
            for position in rng.integers(0, len(data), 5):
                damaged[position] = rng.integers(0, 256)
            try:
                decode(source(bytes(damaged)))
            except UnreadableError:
                continue


@pytest.mark.parametrize('orientation', range(1, 9))
def test_only_upright_images_are_plain_and_reduced(source, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = source(jpeg(smooth(121, 167), exif=exif))
    image = read_official_image(file, lambda height, width: (height // 8, width // 8))
    assert image.is_plain == (orientation == 1)
    assert image.frame.step == (8 if orientation == 1 else 1)
    assert image.frame.shape == ((121, 167) if orientation < 5 else (167, 121))
    assert image.frame.extent == tuple(side / image.frame.step for side in image.frame.shape)


def test_gray_and_cmyk_images_become_rgb_and_are_not_plain(source) -> None:
    gray = smooth()[..., 2]
    image = read_official_image(source(jpeg(gray)))
    assert not image.is_plain
    assert image.pixels.shape == (120, 160, 3)
    stream = io.BytesIO()
    Image.fromarray(smooth()).convert('CMYK').save(stream, 'JPEG')
    assert not read_official_image(source(stream.getvalue())).is_plain
    assert not read_official_image(source(png(smooth()), 'a.png')).is_plain
    # They are written anew even where they stay as large as they are, so never reduced.
    for data in (jpeg(gray), stream.getvalue(), png(smooth())):
        assert read_official_image(source(data), lambda h, w: (h // 4, w // 4)).frame.step == 1


def test_masks_of_sixteen_bits_and_of_colors_are_refused(source) -> None:
    with pytest.raises(UnreadableError, match='mode I;16'):
        decode_mask(source(png(np.full((10, 10), 40000, np.uint16)), 'a.png'))
    with pytest.raises(UnreadableError, match='mode RGB'):
        decode_mask(source(png(smooth()), 'mask.png'))


def test_mask_threshold_and_grays(source) -> None:
    values = np.array([[0, 1, 127, 128], [129, 200, 254, 255]], np.uint8)
    mask = decode_mask(source(png(values), 'mask.png'))
    assert mask.lesion.unpacked().tolist() == [[False] * 4, [True] * 4]
    assert (mask.grays, mask.brightest) == (6, 255)
    assert np.array_equal(decode_grays(source(png(values), 'mask.png')), values)


@pytest.mark.parametrize('foreground', [1, 129, 255])
def test_masks_without_grays_are_kept_as_they_are(source, foreground: int) -> None:
    data = png(lesion(61, 83, hole=True))
    mask = decode_mask(source(data, 'mask.png'), foreground)
    assert np.array_equal(mask.lesion.unpacked(), lesion(61, 83, hole=True) > 0)
    assert (mask.grays, mask.brightest, mask.data) == (0, 255, data)
    empty = decode_mask(source(png(lesion() * 0), 'mask.png'), foreground)
    assert (empty.lesion.area(), empty.grays, empty.brightest) == (0, 0, 0)


@pytest.mark.parametrize('foreground', [1, 128, 129, 130, 255])
def test_foreground_and_the_copy_to_score_against(source, tmp_path, foreground: int) -> None:
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    data = png(values)
    mask = decode_mask(source(data, 'mask.png'), foreground)
    assert np.array_equal(mask.lesion.unpacked(), values.astype(int) >= foreground)
    assert mask.grays == 254
    copy = tmp_path / 'copy.png'
    copy.write_bytes(mask.data)
    assert np.array_equal(read_mask(copy), mask.lesion.unpacked())  # as it is scored: > 128
    if foreground == 129:
        assert mask.data == data
    else:
        stored = np.asarray(Image.open(copy))
        assert np.array_equal(stored, np.where(values.astype(int) >= foreground, 255, 0))


def test_masks_of_one_bit_and_of_a_palette(source, tmp_path) -> None:
    expected = lesion() > 128
    for mode in ('1', 'P'):
        stream = io.BytesIO()
        Image.fromarray(lesion()).convert(mode).save(stream, 'PNG')
        mask = decode_mask(source(stream.getvalue(), 'mask.png'))
        assert np.array_equal(mask.lesion.unpacked(), expected)
        assert mask.grays == 0
        copy = tmp_path / 'copy.png'
        copy.write_bytes(mask.data)
        assert np.array_equal(read_mask(copy), expected)


def test_the_pixel_limit(source, monkeypatch: pytest.MonkeyPatch) -> None:
    for data, decode in (
        (png(lesion(60, 80) // 2), decode_mask),
        (jpeg(picture(0)), read_official_image),
    ):
        monkeypatch.setattr(images, 'MAX_PIXELS', 60 * 80)
        decode(source(data))
        monkeypatch.setattr(images, 'MAX_PIXELS', 60 * 80 - 1)
        with pytest.raises(UnreadableError, match='80 x 60 pixels are more than 4799'):
            decode(source(data))


def test_encoded_jpeg_keeps_colors_at_full_resolution() -> None:
    encoded = Image.open(io.BytesIO(encode_jpeg(smooth())))
    assert [layer[1:3] for layer in encoded.layer] == [(1, 1)] * 3  # 4:4:4
    reference = Image.open(io.BytesIO(jpeg(smooth())))  # Pillow's tables at quality 95
    assert encoded.quantization == reference.quantization
    assert np.abs(np.asarray(encoded).astype(int) - smooth()).mean() < 2


@pytest.mark.parametrize(
    'change', [(b'MM\0*', b'M\x9f\0*'), (b'\x01\x12\0\x03\0\0', b'\x01\x12\0\x03\0\x18')]
)
def test_an_image_that_only_some_readers_would_turn_is_not_copied(
    tmp_path: Path, change: tuple[bytes, bytes]
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = jpeg(picture(1), exif=exif)
    assert change[0] in data
    path = tmp_path / 'a.jpg'
    path.write_bytes(data.replace(*change, 1))
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # Pillow's, of the damage
        file = SourceFile(path, None, path.stat().st_size, 0)
        assert cv2.imread(str(path)).shape[:2] == (80, 60)
        image = read_official_image(file)
        assert stored_layout(file) == (80, 60, False)
    assert image.frame.shape == (60, 80)
    assert not image.is_plain
