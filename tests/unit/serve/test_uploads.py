"""Which uploads are decoded, and which are refused."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from isic_mmdet.images.decoding import UnreadableError
from isic_mmdet.images.reading import read_image
from isic_mmdet.images.sources import SourceFile
from isic_mmdet.serve.uploads import decode_truth, decode_upload


def full(height, width):
    return 1


def encoded(pixels, kind, **settings):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, **settings)
    return stream.getvalue()


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)


@pytest.mark.parametrize('kind', ['JPEG', 'PNG', 'TIFF', 'BMP', 'WEBP'])
def test_reads_what_predict_reads(pixels, kind, tmp_path):
    path = tmp_path / 'file'
    exif = Image.Exif()
    exif[0x0112] = 6
    path.write_bytes(encoded(pixels, kind, **({} if kind == 'BMP' else {'exif': exif})))
    expected = read_image(SourceFile(path, None, path.stat().st_size, 0))
    found = decode_upload(path.read_bytes(), 600, full)
    assert found.orientation == expected.orientation
    np.testing.assert_array_equal(found.pixels, expected.pixels)
    assert found.pixels.shape == ((20, 30, 3) if kind == 'BMP' else (30, 20, 3))


@pytest.mark.parametrize(
    ('data', 'hint'),
    [
        (b'', ''),
        (b'hello', ''),
        (b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', '.*'),
        (b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n', ''),
        (b'%PDF-1.4', '.*'),
        (b'PK\x03\x04', '.*'),
        (b'\x00\x00\x00\x18ftypheic' + bytes(40), r' \(HEIC is not read: convert .*\)'),
        *((encoded(np.zeros((9, 9, 3), np.uint8), kind), '.*') for kind in ('GIF', 'EPS', 'PPM')),
        *((encoded(np.zeros((9, 9, 3), np.uint8), kind), '.*') for kind in ('ICO', 'PCX')),
    ],
)
def test_other_formats_are_refused(data, hint):
    with pytest.raises(UnreadableError, match=f'^not a JPEG, PNG, TIFF, BMP or WebP image{hint}$'):
        decode_upload(data, 1000, full)


@pytest.mark.parametrize('kind', ['JPEG', 'PNG'])
def test_refuses_a_truncated_file(pixels, kind):
    with pytest.raises(UnreadableError):
        decode_upload(encoded(pixels, kind)[:-20], 1000, full)


def test_refuses_many_pixels_before_it_decodes_any(pixels):
    with pytest.raises(UnreadableError, match='30 x 20 pixels are more than'):
        decode_upload(encoded(pixels, 'PNG'), 599, full)
    # A header that claims 50,000 x 50,000 pixels, and nothing behind it.
    header = b'IHDR' + struct.pack('>IIBBBBB', 50_000, 50_000, 8, 2, 0, 0, 0)
    chunk = struct.pack('>I', 13) + header + struct.pack('>I', zlib.crc32(header))
    forged = b'\x89PNG\r\n\x1a\n' + chunk + struct.pack('>I', 9) + b'IDAT'
    with pytest.raises(UnreadableError, match=r'^more than 64 megapixels'):
        decode_upload(forged, 64_000_000, full)


def test_truth_is_one_channel():
    gray = np.array([[0, 128, 129, 255]], np.uint8)
    np.testing.assert_array_equal(decode_truth(encoded(gray, 'PNG'), 99), [[0, 0, 1, 1]])
    with pytest.raises(UnreadableError, match='mode RGB'):
        decode_truth(encoded(np.zeros((4, 4, 3), np.uint8), 'PNG'), 99)
    with pytest.raises(UnreadableError, match='more than'):
        decode_truth(encoded(gray, 'PNG'), 3)
