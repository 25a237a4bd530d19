"""Whatever is decoded is what Pillow decodes; anything else is left to it."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from isic_mmdet.masks import binary_png
from isic_mmdet.masks.binary_png import decode_binary_png
from tests.support.png_files import chunk
from tests.support.png_files import put_together as png

SIZES = [(1, 1), (1, 65), (70, 1), (5, 63), (7, 64), (9, 129), (40, 50), (130, 200)]
NONE, SUB, UP, AVERAGE, PAETH = range(5)


def blob(seed, height, width):
    """Smooth shapes, none to many, with straight and ragged borders."""
    rng = np.random.default_rng(seed)
    noise = cv2.GaussianBlur(rng.normal(size=(height, width)), (0, 0), 1 + 4 * rng.random())
    return np.where(noise > np.quantile(noise, rng.random()), 255, 0).astype(np.uint8)


def speckle(seed, height, width):
    return np.random.default_rng(seed).choice(np.array([0, 255], np.uint8), (height, width))


def filtered(gray, filters):
    """Filter row by row as the PNG specification defines it, and return the lines."""
    lines = []
    above = [0] * gray.shape[1]
    for row, kind in zip(gray.tolist(), filters, strict=True):
        line = [kind]
        for i, value in enumerate(row):
            a, b, c = (row[i - 1], above[i], above[i - 1]) if i else (0, above[0], 0)
            p = a + b - c
            nearest = min((abs(p - x), rank, x) for rank, x in enumerate((a, b, c)))[2]
            line.append((value - [0, a, b, (a + b) // 2, nearest][kind]) % 256)
        lines.append(bytes(line))
        above = row
    return b''.join(lines)


def decode(data):
    mask = decode_binary_png(data)
    return None if mask is None else mask.unpacked()


def with_pillow(data):
    return np.asarray(Image.open(io.BytesIO(data)))


@pytest.mark.parametrize('size', SIZES, ids=str)
@pytest.mark.parametrize('picture', [blob, speckle])
@pytest.mark.parametrize('kind', [NONE, SUB, UP, PAETH, 'mixed'])
def test_every_filter_is_undone(kind, picture, size):
    rng = np.random.default_rng(0)
    for seed in range(6):
        gray = picture(seed, *size)
        drawn = rng.choice([NONE, SUB, UP, PAETH], size[0])
        data = png(size, filtered(gray, drawn if kind == 'mixed' else [kind] * size[0]))
        assert np.array_equal(with_pillow(data), gray)
        mask = decode(data)
        assert mask.dtype == bool and mask.shape == size
        assert np.array_equal(mask, gray == 255)


@pytest.mark.parametrize('size', SIZES, ids=str)
def test_files_of_pillow_and_opencv(size):
    for seed in range(4):
        gray = blob(seed, *size)
        stream = io.BytesIO()
        Image.fromarray(gray).save(stream, 'PNG')
        for data in (stream.getvalue(), cv2.imencode('.png', gray)[1].tobytes()):
            assert np.array_equal(decode(data), gray == 255)


@pytest.mark.parametrize('band', [1, 100, 1000])
def test_bands_make_no_difference(monkeypatch, band):
    gray = blob(3, 90, 120)
    data = png(gray.shape, filtered(gray, np.arange(90) % 3 * 2), pieces=5)
    monkeypatch.setattr(binary_png, 'BAND', band)
    assert np.array_equal(decode(data), gray == 255)


def test_a_file_is_read_as_it_is_whatever_the_differences_mean():
    """Every line of differences of 0, 1 and 255 over two rows: binary or not, never wrong."""
    values = (0, 1, 255)
    width, decoded = 3, 0
    for kinds in ((SUB, UP), (UP, SUB), (NONE, PAETH), (PAETH, PAETH), (SUB, AVERAGE), (UP, 5)):
        for number in range(3 ** (2 * width)):
            digits = [values[number // 3**i % 3] for i in range(2 * width)]
            lines = bytes([kinds[0], *digits[:width], kinds[1], *digits[width:]])
            data = png((2, width), lines)
            mask = decode(data)
            if mask is not None:
                decoded += 1
                assert np.array_equal(with_pillow(data), np.where(mask, 255, 0))
            elif 5 not in kinds and AVERAGE not in kinds:
                assert not set(np.unique(with_pillow(data))) <= {0, 255}
    # Of each of the first four pairs, every one of the 2**6 binary images.
    assert decoded == 4 * 2 ** (2 * width)


GRAY = blob(1, 20, 30)
LINES = filtered(GRAY, [SUB] * 20)
STREAM = zlib.compress(LINES)
SPOILED = bytearray(STREAM)
SPOILED[-1] ^= 1
LEFT_TO_OTHERS = {
    'no signature': b'x' + png(GRAY.shape, LINES)[1:],
    'empty': b'',
    'signature only': b'\x89PNG\r\n\x1a\n',
    'other grays': png(GRAY.shape, filtered(GRAY // 2, [SUB] * 20)),
    'one gray, light': png(GRAY.shape, filtered(np.where(GRAY, 200, 0), [NONE] * 20)),
    'one gray, dark': png(GRAY.shape, filtered(np.where(GRAY, 2, 0), [NONE] * 20)),
    'average filter': png(GRAY.shape, filtered(GRAY, [AVERAGE] * 20)),
    'unknown filter': png(GRAY.shape, bytes([7]) + LINES[1:]),
    'color': png(GRAY.shape, LINES, form=(8, 2, 0, 0, 0)),
    'palette': png(GRAY.shape, LINES, form=(8, 3, 0, 0, 0)),
    'gray and alpha': png(GRAY.shape, LINES, form=(8, 4, 0, 0, 0)),
    '1 bit': png(GRAY.shape, LINES, form=(1, 0, 0, 0, 0)),
    '16 bits': png(GRAY.shape, LINES, form=(16, 0, 0, 0, 0)),
    'unknown compression': png(GRAY.shape, LINES, form=(8, 0, 1, 0, 0)),
    'unknown filtering': png(GRAY.shape, LINES, form=(8, 0, 0, 1, 0)),
    'interlaced': png(GRAY.shape, LINES, form=(8, 0, 0, 0, 1)),
    'further chunk': png(GRAY.shape, LINES, before=chunk(b'gAMA', struct.pack('>I', 45455))),
    'trailing bytes': png(GRAY.shape, LINES, after=b'\n'),
    'trailing chunk': png(GRAY.shape, LINES, after=chunk(b'tEXt', b'a\0b')),
    'second end': png(GRAY.shape, LINES, after=chunk(b'IEND')),
    'end with content': png(GRAY.shape, LINES)[:-12] + chunk(b'IEND', b'!'),
    'no end': png(GRAY.shape, LINES)[:-12],
    'no data': png(GRAY.shape, LINES, stream=b''),
    'cut off': png(GRAY.shape, LINES)[:-30],
    'cut off in a chunk head': png(GRAY.shape, LINES)[:-8],
    'wrong checksum of a chunk': png(GRAY.shape, LINES)[:-1] + b'\0',
    'wrong checksum of the stream': png(GRAY.shape, LINES, stream=bytes(SPOILED)),
    'stream without its end': png(GRAY.shape, LINES, stream=STREAM[:-5]),
    'stream with something behind': png(GRAY.shape, LINES, stream=STREAM + b'\0'),
    'stream of noise': png(GRAY.shape, LINES, stream=bytes(range(200))),
    'a byte too many': png(GRAY.shape, LINES + b'\0'),
    'a byte too few': png(GRAY.shape, LINES[:-1]),
    'a line too few': png((21, 30), LINES),
    'a line too many': png((19, 30), LINES),
    'no columns': png((20, 0), bytes(20)),
    'no rows': png((0, 30), b''),
    'short header': b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', b'\0') + png((1, 1), b'\0\0')[33:],
}


@pytest.mark.parametrize('data', LEFT_TO_OTHERS.values(), ids=LEFT_TO_OTHERS.keys())
def test_anything_odd_is_left_to_a_general_decoder(data):
    assert decode(png(GRAY.shape, LINES)) is not None
    assert decode(data) is None


def test_a_file_of_any_damage_is_never_decoded_to_another_picture():
    data = png(GRAY.shape, LINES)
    for position in range(len(data)):
        for flip in (1, 128, 255):
            broken = bytearray(data)
            broken[position] ^= flip
            assert decode(bytes(broken)) is None
        assert decode(data[:position]) is None
        assert decode(data[:position] + data[position + 1 :]) is None


def test_sizes_that_pillow_may_refuse_are_left_to_it(monkeypatch):
    assert binary_png.MAX_PIXELS < Image.MAX_IMAGE_PIXELS
    monkeypatch.setattr(binary_png, 'MAX_PIXELS', GRAY.size)
    assert decode(png(GRAY.shape, LINES)) is not None
    monkeypatch.setattr(binary_png, 'MAX_PIXELS', GRAY.size - 1)
    assert decode(png(GRAY.shape, LINES)) is None


@pytest.mark.shared_data
def test_every_official_mask_is_decoded(shared):
    """None of them needs the general decoder, which would cost the speed but not the result."""
    folder = shared / 'isic2018/ISIC2018_Task1_Training_GroundTruth'
    files = [*sorted(folder.glob('*.png'))[::10], *(shared / 'isic2017_fullsize').rglob('*n.png')]
    assert len(files) > 200
    for file in files:
        data = file.read_bytes()
        assert np.array_equal(decode(data), with_pillow(data) == 255)
