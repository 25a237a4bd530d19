import io
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from isic_mmdet.images.decoding import UnreadableError
from isic_mmdet.images.sources import SourceFile
from isic_mmdet.masks.lesion_rule import FoundLesion, UnclearMaskError, find_lesion
from tests.support.official_files import lesion, picture

LESION = lesion(120, 160) > 0


def put(image: Image.Image, path: Path, **options: object) -> FoundLesion:
    image.save(path, **options)
    return find_lesion(SourceFile(path, None, path.stat().st_size, 0))


def gray(low: int, high: int, dtype: type = np.uint8) -> Image.Image:
    return Image.fromarray(np.where(LESION, high, low).astype(dtype))


def colors(low: tuple[int, ...], high: tuple[int, ...], mode: str = 'RGB') -> Image.Image:
    pixels = np.where(LESION[..., None], np.uint8(high), np.uint8(low))
    return Image.fromarray(pixels.astype(np.uint8), mode)


def palette(low: tuple[int, ...], high: tuple[int, ...], index: int = 1) -> Image.Image:
    image = Image.fromarray(np.where(LESION, np.uint8(index), np.uint8(0)))
    table = np.zeros((256, 3), np.uint8)
    table[0], table[index] = low, high
    image.putpalette(table.tobytes())
    return image


def blurred(low: int, high: int, sigma: float = 1.5) -> Image.Image:
    values = np.where(LESION, float(high), float(low))
    return Image.fromarray(cv2.GaussianBlur(values, (0, 0), sigma).round().astype(np.uint8))


@pytest.mark.parametrize(
    ('image', 'name', 'rule'),
    [
        (gray(0, 255), 'a.png', '255 of 0 and 255'),
        (gray(0, 255), 'a.bmp', '255 of 0 and 255'),
        (gray(0, 255), 'a.tif', '255 of 0 and 255'),
        (gray(0, 255).convert('1'), 'a.png', '255 of 0 and 255'),
        (gray(0, 255).convert('1'), 'a.bmp', '255 of 0 and 255'),
        (gray(0, 255).convert('RGB'), 'a.png', '255 of 0 and 255'),
        (gray(0, 255).convert('RGBA'), 'a.png', '255 of 0 and 255'),
        (gray(0, 255).convert('LA'), 'a.png', '255 of 0 and 255'),
        (gray(0, 255), 'a.webp', 'gray 129 and more|255 of 0 and 255'),
        (gray(0, 1), 'a.png', '1 of 0 and 1'),
        (gray(0, 1).convert('RGB'), 'a.bmp', '1 of 0 and 1'),
        (gray(0, 128), 'a.png', '128 of 0 and 128'),
        (gray(0, 1, np.uint16), 'a.png', '1 of 0 and 1, 16 bits'),
        (gray(0, 255, np.uint16), 'a.png', '255 of 0 and 255, 16 bits'),
        (gray(0, 65535, np.uint16), 'a.tif', '65535 of 0 and 65535, 16 bits'),
        (palette((0, 0, 0), (255, 255, 255)), 'a.png', '255 of 0 and 255'),
        (palette((0, 0, 0), (128, 0, 0)), 'a.png', r'the brighter of two colors, \(128, 0, 0\)'),
        (palette((0, 0, 90), (250, 200, 0), 200), 'a.png', r'\(250, 200, 0\) of \(0, 0, 90\)'),
        (colors((10, 0, 0), (0, 200, 0)), 'a.png', r'\(0, 200, 0\) of \(10, 0, 0\)'),
        (blurred(0, 255), 'a.png', 'gray 129 and more, of two groups'),
        (blurred(40, 230), 'a.png', 'gray 135 and more|gray 129 and more'),
    ],
)
def test_what_is_lesion(tmp_path: Path, image: Image.Image, name: str, rule: str) -> None:
    found = put(image, tmp_path / name)
    mask = found.mask.unpacked()
    assert np.count_nonzero(mask != LESION) <= 0.01 * LESION.size
    if 'groups' not in found.rule:
        assert np.array_equal(mask, LESION)
    assert re.search(rule, found.rule)


@pytest.mark.parametrize('quality', [30, 60, 95])
@pytest.mark.parametrize('mode', ['L', 'RGB'])
def test_jpeg_masks(tmp_path: Path, quality: int, mode: str) -> None:
    found = put(gray(0, 255).convert(mode), tmp_path / 'a.jpg', quality=quality)
    assert found.rule == 'gray 129 and more, of two groups of grays'
    assert np.count_nonzero(found.mask.unpacked() != LESION) <= 0.005 * LESION.size


THREE = np.where(LESION, np.uint8(255), np.uint8(0))
THREE[40:80, 60:90] = 128
VOID = np.where(LESION, np.uint8(1), np.uint8(0))
VOID[:5] = 255
TRANSPARENT = np.dstack([np.full_like(THREE, 255)] * 3 + [THREE])


@pytest.mark.parametrize(
    ('image', 'problem'),
    [
        (Image.fromarray(THREE), 'grays that do not form two groups'),
        (Image.fromarray(VOID), 'grays that do not form two groups'),
        (Image.fromarray(THREE // 64), 'grays that do not form two groups'),
        (gray(0, 2), 'holds only the grays 0 and 2'),
        (gray(100, 140), 'holds only the grays 100 and 140'),
        (Image.fromarray(np.full((9, 9), 7, np.uint8)), 'all of it is gray 7'),
        (Image.fromarray(np.full((9, 9, 3), (9, 0, 0), np.uint8)), 'all of it is the color'),
        (Image.fromarray(picture(1)), 'a color image of more than two colors'),
        (Image.fromarray(picture(1)).convert('L'), 'grays that do not form two groups'),
        (Image.fromarray(TRANSPARENT, 'RGBA'), 'transparent'),
        (colors((0, 0, 0), (255, 0, 0)).convert('P'), ''),
        (palette((255, 0, 0), (0, 130, 0)), 'two colors of the same brightness'),
        (gray(0, 700, np.uint16), '16 bits a pixel, with values from 0 to 700'),
        (Image.fromarray(np.where(LESION, 3000, 900).astype(np.uint16)), '16 bits a pixel'),
        (blurred(0, 255, 25), 'grays that do not form two groups'),
        (Image.fromarray(np.tile(np.arange(160, dtype=np.uint8), (120, 1))), 'two groups'),
    ],
)
def test_unclear_masks_are_refused(tmp_path: Path, image: Image.Image, problem: str) -> None:
    if not problem:
        assert np.array_equal(put(image, tmp_path / 'a.png').mask.unpacked(), LESION)
        return
    with pytest.raises(UnclearMaskError, match=problem) as error:
        put(image, tmp_path / 'a.png')
    assert '--mask-threshold' in str(error.value) or 'save it with 0 and 255' in str(error.value)


def test_a_real_photo_is_no_mask(tmp_path: Path) -> None:
    skin = np.random.default_rng(0).normal(180, 12, LESION.shape)
    photo = np.where(LESION, skin - 110, skin).clip(0, 255).astype(np.uint8)
    for quality in (40, 95):
        with pytest.raises(UnclearMaskError):
            put(Image.fromarray(photo), tmp_path / 'a.jpg', quality=quality)


@pytest.mark.parametrize('threshold', [1, 100, 129, 255])
def test_a_threshold_decides_instead(tmp_path: Path, threshold: int) -> None:
    path = tmp_path / 'a.png'
    Image.fromarray(THREE).save(path)
    found = find_lesion(SourceFile(path, None, 1, 0), threshold)
    assert np.array_equal(found.mask.unpacked(), threshold <= THREE)
    assert found.rule == f'gray {threshold} and more'


def test_orientation_is_reported_and_not_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    found = put(gray(0, 255), tmp_path / 'a.png', exif=exif)
    assert (found.orientation, found.mask.shape) == (6, LESION.shape)


@pytest.mark.parametrize('data', [b'', b'no image', b'\x89PNG\r\n\x1a\n', b'GIF89a'])
def test_what_is_no_image(tmp_path: Path, data: bytes) -> None:
    (tmp_path / 'a.png').write_bytes(data)
    with pytest.raises(UnreadableError):
        find_lesion(SourceFile(tmp_path / 'a.png', None, len(data), 0))


def test_only_a_plain_png_is_copied(tmp_path: Path) -> None:
    stream = io.BytesIO()
    gray(0, 255).save(stream, 'PNG')
    assert put(gray(0, 255), tmp_path / 'a.png').data == stream.getvalue()
    assert put(gray(0, 1), tmp_path / 'b.png').data is None


@pytest.mark.shared_data
def test_the_palettes_of_ham10000(shared: Path) -> None:
    folder = shared / 'ham10000' / 'HAM10000_segmentations_lesion_tschandl'
    for name in ('ISIC_0024323', 'ISIC_0024330', 'ISIC_0024331'):
        path = folder / f'{name}_segmentation.png'
        image = Image.open(path)
        assert image.mode == 'P'
        found = find_lesion(SourceFile(path, None, path.stat().st_size, 0))
        assert np.array_equal(found.mask.unpacked(), np.asarray(image.convert('L')) > 128)
        assert not found.mask.has_corners()
