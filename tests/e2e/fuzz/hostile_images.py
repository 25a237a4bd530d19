"""Hostile image files: what may lie where an image or a mask is expected."""

import io
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageCms, PngImagePlugin

Random = np.random.Generator


@dataclass(frozen=True, eq=False)
class Pair:
    """A sound image and mask, from which hostile ones are made.

    Attributes:
        image: (H, W, 3) uint8, RGB.
        mask: (H, W) uint8, 0 and 255.
        jpeg, png: the two as files.
    """

    image: np.ndarray
    mask: np.ndarray
    jpeg: bytes
    png: bytes


Make = Callable[[Random, Pair], bytes]


def encode(pixels: np.ndarray | Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(stream, kind, **options)
    return stream.getvalue()


def pick(rng: Random, options: Sequence[Any]) -> Any:
    """Return one of the options."""
    return options[int(rng.integers(len(options)))]


def truncated(data: bytes, rng: Random) -> bytes:
    return data[: int(rng.integers(1, len(data)))]


def with_flipped_bits(data: bytes, rng: Random) -> bytes:
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 9))):
        changed[int(rng.integers(len(changed)))] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def with_other_bytes(data: bytes, rng: Random) -> bytes:
    """Overwrite a stretch with zeros, ones, noise or a copy of another stretch."""
    changed = bytearray(data)
    length = int(rng.integers(1, 1 + len(data) // 4))
    start = int(rng.integers(0, len(data) - length + 1))
    other = int(rng.integers(0, len(data) - length + 1))
    fill = [bytes(length), b'\xff' * length, rng.bytes(length), data[other : other + length]]
    changed[start : start + length] = pick(rng, fill)
    return bytes(changed)


def png_chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack('>I', len(content)) + kind + content + struct.pack('>I', checksum)


def png_of(width: int, height: int, depth: int, color: int, stream: bytes) -> bytes:
    header = struct.pack('>IIBBBBB', width, height, depth, color, 0, 0, 0)
    return (
        b'\x89PNG\r\n\x1a\n'
        + png_chunk(b'IHDR', header)
        + png_chunk(b'IDAT', stream)
        + png_chunk(b'IEND', b'')
    )


def claiming(width: int, height: int, rng: Random) -> bytes:
    """Return a small PNG that claims to be large, its data cut off or a stream of zeros."""
    depth, color = pick(rng, [(8, 0), (8, 2), (8, 6), (16, 6), (1, 0)])
    stream = zlib.compress(bytes(int(rng.integers(1, 1 << 22))), 9)
    return png_of(width, height, depth, color, stream)


def jpeg_claiming(data: bytes, width: int, height: int) -> bytes:
    """Return a JPEG whose frame header states another size."""
    place = next(data.find(marker) for marker in (b'\xff\xc0', b'\xff\xc2') if marker in data)
    return data[: place + 5] + struct.pack('>HH', height, width) + data[place + 9 :]


def tiff_claiming(side: int) -> bytes:
    stream = io.BytesIO()
    Image.new('L', (8, 8)).save(stream, 'TIFF')
    data = bytearray(stream.getvalue())
    (first,) = struct.unpack_from('<I', data, 4)
    (entries,) = struct.unpack_from('<H', data, first)
    for entry in range(first + 2, first + 2 + 12 * entries, 12):
        tag, _ = struct.unpack_from('<HH', data, entry)
        if tag in (256, 257):
            struct.pack_into('<HHII', data, entry, tag, 4, 1, side)
    return bytes(data)


def bmp_claiming(side: int) -> bytes:
    data = bytearray(encode(np.zeros((4, 4), np.uint8), 'BMP'))
    struct.pack_into('<ii', data, 18, side, side)
    return bytes(data)


def gif_claiming(side: int) -> bytes:
    data = bytearray(encode(np.zeros((4, 4), np.uint8), 'GIF'))
    struct.pack_into('<HH', data, 6, side, side)
    return bytes(data)


def bomb(rng: Random, pair: Pair) -> bytes:
    sides = [(60_000, 60_000), (65_535, 65_535), (2**31 - 1, 2**31 - 1), (2**31 - 1, 1), (1, 10**8)]
    choices: list[Callable[[], bytes]] = [
        lambda: claiming(*pick(rng, sides), rng),
        lambda: claiming(60_000, 60_000, rng),
        lambda: jpeg_claiming(pair.jpeg, 65_500, 65_500),
        lambda: tiff_claiming(60_000),
        lambda: bmp_claiming(60_000),
        lambda: gif_claiming(65_535),
        lambda: text_bomb(pair.mask, b'zTXt'),
        lambda: text_bomb(pair.mask, b'iCCP'),
        lambda: text_bomb(pair.mask, b'iTXt'),
    ]
    return pick(rng, choices)()


def text_bomb(pixels: np.ndarray, kind: bytes) -> bytes:
    """Return a PNG with a hundred megabytes of nothing in a chunk next to the image."""
    head = b'name\0\0' if kind != b'iTXt' else b'name\0\1\0\0\0'
    data = encode(pixels, 'PNG')
    return data[:33] + png_chunk(kind, head + _packed()) + data[33:]


@cache
def _packed() -> bytes:
    return zlib.compress(bytes(100 * 2**20))


def large(rng: Random, pair: Pair) -> bytes:
    """Return a real image of 144 megapixels, below the limit, in a file of under a megabyte."""
    mode = pick(rng, ['L', 'RGB', 'RGBA', 'P', 'CMYK'])
    image = Image.new(mode, (12_000, 12_000))
    if mode == 'CMYK':
        return encode(image, 'JPEG')
    return encode(image, 'PNG', compress_level=1)


THIN = [(1, 1), (1, 20_000), (20_000, 1), (2, 2), (1, 2), (3, 20_000)]


def thin(rng: Random, pair: Pair) -> bytes:
    height, width = pick(rng, [*THIN, (1, 65_500), (2, 30_000)])
    pixels = cv2.resize(pair.image, (width, height))
    return encode(pixels, 'JPEG' if max(height, width) < 65_000 and rng.random() < 0.6 else 'PNG')


def thin_mask(rng: Random, pair: Pair) -> bytes:
    return encode(np.full(pick(rng, THIN), 255, np.uint8), 'PNG')


def cmyk(rng: Random, pair: Pair) -> bytes:
    image = Image.fromarray(pair.image).convert('CMYK')
    return encode(image, pick(rng, ['JPEG', 'TIFF']))


def deep(rng: Random, pair: Pair) -> bytes:
    """16 bits: gray PNG, TIFF, color PNG, or 32 bits and floats."""
    gray = pair.image[..., 0].astype(np.uint16) * 257
    color = pair.image[..., ::-1].astype(np.uint16) * 257
    choices: list[Callable[[], bytes]] = [
        lambda: encode(gray, 'PNG'),
        lambda: encode(gray, 'TIFF'),
        lambda: cv2.imencode('.png', color)[1].tobytes(),
        lambda: encode(gray.astype(np.int32) * 1000, 'TIFF'),
        lambda: encode(gray.astype(np.float32), 'TIFF'),
    ]
    return pick(rng, choices)()


def alpha(rng: Random, pair: Pair) -> bytes:
    image = Image.fromarray(pair.image)
    kind = pick(rng, ['RGBA', 'LA', 'RGB', 'L'])
    if kind in ('RGBA', 'LA'):
        image = image.convert(kind)
        image.putalpha(Image.fromarray(rng.integers(0, 256, pair.mask.shape, np.uint8)))
        return encode(image, pick(rng, ['PNG', 'WEBP']) if kind == 'RGBA' else 'PNG')
    transparent = 0 if kind == 'L' else (0, 0, 0)
    return encode(image.convert(kind), 'PNG', transparency=transparent)


def palette(rng: Random, pair: Pair) -> bytes:
    image = Image.fromarray(pair.image).quantize(int(rng.integers(2, 257)))
    options = [{}, {'transparency': 0}, {'transparency': bytes(rng.integers(0, 256, 8, np.uint8))}]
    return encode(image, 'PNG', **pick(rng, options))


def animated(rng: Random, pair: Pair) -> bytes:
    frames = [Image.fromarray(pair.image[:, :: 1 if n % 2 == 0 else -1]) for n in range(3)]
    kind = pick(rng, ['GIF', 'PNG', 'WEBP', 'TIFF'])
    return encode(frames[0], kind, save_all=True, append_images=frames[1:])


def animated_mask(rng: Random, pair: Pair) -> bytes:
    frames = [Image.fromarray(pair.mask), Image.fromarray(255 - pair.mask)]
    kind = pick(rng, ['GIF', 'PNG', 'TIFF'])
    return encode(frames[0], kind, save_all=True, append_images=frames[1:])


def rotated(rng: Random, pair: Pair) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = int(rng.choice([1, 2, 3, 4, 5, 6, 7, 8, 0, 9, 65535]))
    kind = ['JPEG', 'PNG', 'TIFF', 'WEBP'][int(rng.choice(4, p=[0.55, 0.15, 0.15, 0.15]))]
    return encode(pair.image, kind, exif=exif)


def damaged_exif(rng: Random, pair: Pair) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = 'an image' * 20
    data = encode(pair.image, 'JPEG', exif=exif)
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 12))):
        changed[int(rng.integers(6, 120))] = int(rng.integers(256))
    return bytes(changed)


def odd_profile(rng: Random, pair: Pair) -> bytes:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()
    return encode(pair.image, 'JPEG', icc_profile=with_flipped_bits(profile, rng))


def gray_jpeg(rng: Random, pair: Pair) -> bytes:
    return encode(pair.image[..., 0], 'JPEG', progressive=bool(rng.integers(2)))


def another_format(rng: Random, pair: Pair) -> bytes:
    kinds = ['PNG', 'GIF', 'TIFF', 'BMP', 'WEBP', 'PPM', 'ICO', 'TGA', 'JPEG2000', 'PDF']
    return encode(pair.image, pick(rng, kinds))


def no_picture(rng: Random, pair: Pair) -> bytes:
    contents = [
        b'<!DOCTYPE html><html><body>404 Not Found</body></html>',
        b'PK\x03\x04' + rng.bytes(200),
        b'\xff\xd8\xff',
        b'\xff\xd8\xff\xe0\x00\x10JFIF' + bytes(50),
        b'\x89PNG\r\n\x1a\n',
        b'%PDF-1.7\n',
        b'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n',
        b'#!/bin/sh\nrm -rf /tmp/nothing\n',
        b'P6\n99999999 99999999\n255\n',
        b'\x00' * 5000,
        rng.bytes(3000),
        'Läsion'.encode('utf-16'),
    ]
    return pick(rng, contents)


def with_tail(data: bytes, rng: Random) -> bytes:
    tails = [rng.bytes(500), bytes(8192), b'<?php evil(); ?>', data]
    return data + pick(rng, tails)


def components(rng: Random, pair: Pair) -> bytes:
    mask = np.zeros_like(pair.mask)
    height, width = mask.shape
    for part in range(10):
        column = int((part + 0.5) * width / 10)
        row = int(rng.integers(3, height - 3))
        cv2.circle(mask, (column, row), max(1, width // 30), 255, -1)
    return encode(mask, 'PNG')


def gray_mask(rng: Random, pair: Pair) -> bytes:
    choices: list[Callable[[], np.ndarray]] = [
        lambda: rng.integers(0, 256, pair.mask.shape, np.uint8),
        lambda: np.where(pair.mask > 0, 128, 0),
        lambda: np.where(pair.mask > 0, 129, 128),
        lambda: np.where(pair.mask > 0, 1, 0),
        lambda: cv2.GaussianBlur(pair.mask, (0, 0), 3),
        lambda: np.where(pair.mask > 0, 254, 1),
    ]
    return encode(pick(rng, choices)().astype(np.uint8), 'PNG')


def colored_mask(rng: Random, pair: Pair) -> bytes:
    color = np.zeros((*pair.mask.shape, 3), np.uint8)
    color[pair.mask > 0] = rng.integers(0, 256, 3)
    image = Image.fromarray(color)
    gray = Image.fromarray(np.repeat(pair.mask[..., None], 3, axis=2))
    return encode(pick(rng, [image, image.convert('RGBA'), image.quantize(4), gray]), 'PNG')


def deep_mask(rng: Random, pair: Pair) -> bytes:
    deep = pair.mask.astype(np.uint16) * 257
    choices: list[Callable[[], bytes]] = [
        lambda: encode(deep, 'PNG'),
        lambda: encode(Image.fromarray(pair.mask).convert('1'), 'PNG'),
        lambda: encode(pair.mask, 'PNG', bits=2),
        lambda: encode(pair.mask.astype(np.float32), 'TIFF'),
        lambda: encode(Image.fromarray(pair.mask).convert('LA'), 'PNG'),
        lambda: encode(Image.fromarray(pair.mask).convert('P'), 'PNG'),
        lambda: encode(pair.mask, 'PNG', transparency=255),
        lambda: encode(pair.mask, 'PNG', pnginfo=_note()),
    ]
    return pick(rng, choices)()


def _note() -> PngImagePlugin.PngInfo:
    note = PngImagePlugin.PngInfo()
    note.add_text('Comment', 'drawn by hand')
    return note


def resized_mask(rng: Random, pair: Pair) -> bytes:
    height, width = pair.mask.shape
    sizes = [(width + 1, height), (width, height - 1), (width // 2, height // 2)]
    sizes += [(height + 7, width), (2 * width, 2 * height), (width, 1)]
    size = pick(rng, sizes)
    return encode(cv2.resize(pair.mask, size, interpolation=cv2.INTER_NEAREST), 'PNG')


def lossy_mask(rng: Random, pair: Pair) -> bytes:
    kind = pick(rng, ['JPEG', 'WEBP', 'BMP', 'GIF', 'TIFF', 'PPM'])
    return encode(pair.mask, kind)


def rotated_mask(rng: Random, pair: Pair) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = int(rng.integers(2, 9))
    return encode(pair.mask, 'PNG', exif=exif)


def repacked_mask(rng: Random, pair: Pair) -> bytes:
    """The same pixels under every filter, or with a stream that is too long, short or corrupt."""
    height, width = pair.mask.shape
    filters = rng.integers(0, 6, height)
    lines = b''.join(bytes([f]) + row.tobytes() for f, row in zip(filters, pair.mask, strict=True))
    kind = int(rng.integers(5))
    if kind == 1:
        lines = lines[: -int(rng.integers(1, width * 2))]
    if kind == 2:
        lines += bytes(int(rng.integers(1, 1 << 20)))
    stream = zlib.compress(lines)
    if kind == 3:
        stream = stream[:-4] + rng.bytes(4)
    if kind == 4:
        stream += rng.bytes(20)
    return png_of(width, height, 8, 0, stream)


#: Name of the kind, how many of a hundred variants, how to make one.
IMAGES: dict[str, tuple[int, Make]] = {
    'truncated JPEG': (16, lambda rng, pair: truncated(pair.jpeg, rng)),
    'bit-flipped JPEG': (24, lambda rng, pair: with_flipped_bits(pair.jpeg, rng)),
    'overwritten JPEG': (14, lambda rng, pair: with_other_bytes(pair.jpeg, rng)),
    'truncated PNG': (10, lambda rng, pair: truncated(encode(pair.image, 'PNG'), rng)),
    'bit-flipped PNG': (14, lambda rng, pair: with_flipped_bits(encode(pair.image, 'PNG'), rng)),
    'JPEG with a tail': (4, lambda rng, pair: with_tail(pair.jpeg, rng)),
    'wrong extension': (10, another_format),
    'no image': (12, no_picture),
    '0 bytes': (1, lambda rng, pair: b''),
    '1 x 1 to 1 x 65500 pixels': (10, thin),
    'decompression bomb': (14, bomb),
    'CMYK': (4, cmyk),
    '16 bits and more': (6, deep),
    'alpha': (6, alpha),
    'palette': (6, palette),
    'animated': (6, animated),
    'EXIF-rotated': (14, rotated),
    'damaged EXIF': (10, damaged_exif),
    'damaged color profile': (3, odd_profile),
    'gray image': (3, gray_jpeg),
}
MASKS: dict[str, tuple[int, Make]] = {
    'truncated mask': (14, lambda rng, pair: truncated(pair.png, rng)),
    'bit-flipped mask': (24, lambda rng, pair: with_flipped_bits(pair.png, rng)),
    'overwritten mask': (12, lambda rng, pair: with_other_bytes(pair.png, rng)),
    'repacked mask': (12, repacked_mask),
    'mask with a tail': (3, lambda rng, pair: with_tail(pair.png, rng)),
    'empty mask': (1, lambda rng, pair: encode(np.zeros_like(pair.mask), 'PNG')),
    'full mask': (1, lambda rng, pair: encode(np.full_like(pair.mask, 255), 'PNG')),
    'inverted mask': (2, lambda rng, pair: encode(255 - pair.mask, 'PNG')),
    'gray mask': (10, gray_mask),
    'colored mask': (8, colored_mask),
    'mask of another size': (10, resized_mask),
    'mask of 1 x 1 to 1 x 20000 pixels': (6, thin_mask),
    'mask of ten components': (4, components),
    'mask of another depth': (10, deep_mask),
    'mask of another format': (8, lossy_mask),
    'animated mask': (4, animated_mask),
    'EXIF-rotated mask': (4, rotated_mask),
    'mask that is a bomb': (12, bomb),
    'mask that is no image': (8, no_picture),
    'mask of 0 bytes': (1, lambda rng, pair: b''),
}
#: Too slow for the short run.
HEAVY: dict[str, tuple[int, Make]] = {'144 megapixels': (4, large)}
