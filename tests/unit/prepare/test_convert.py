import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps
from pycocotools import mask as coco_mask

from isic_mmdet.isic.layouts import PairError
from isic_mmdet.masks.resize import parse_rule
from isic_mmdet.prepare.convert import Sample, sample_job
from isic_mmdet.prepare.convert import convert as convert_sample
from isic_mmdet.prepare.record import Record, image_path, mask_path
from isic_mmdet.prepare.truth import Outlines
from tests.support.official_files import (
    Official,
    isic,
    jpeg,
    lesion,
    picture,
    png,
    samples_of,
)


def convert(official: Official, rule: str = 'none', foreground: int = 129) -> Record | PairError:
    (sample,) = samples_of(official, foreground)
    return convert_sample(sample, parse_rule(rule), official.root / 'out')


#: A lesion that the central square does not hold.
AT_THE_EDGE = np.repeat(np.uint8([[255] + [0] * 79]), 60, axis=0)


@pytest.fixture
def official(tmp_path: Path) -> Official:
    return Official(tmp_path)


def decoded(record: Record) -> np.ndarray:
    size = [record.height, record.width]
    (found,) = record.lesions
    return coco_mask.decode({'size': size, 'counts': found.counts.encode()}) > 0


def test_a_plain_pair_is_copied_byte_for_byte(official: Official) -> None:
    official.add(1)
    record = convert(official)
    out = official.root / 'out'
    copied = (out / 'images/ISIC_0000001.jpg').read_bytes()
    assert copied == official.image_path(1).read_bytes()
    mask = (out / 'original_masks/ISIC_0000001_segmentation.png').read_bytes()
    assert mask == official.mask_path(1).read_bytes()
    assert (record.height, record.width) == (60, 80)
    assert record.files_are_there(out)


@pytest.mark.parametrize('kind', ['gray', 'lying'])
def test_what_is_not_plain_is_written_anew_with_all_its_pixels(
    official: Official, kind: str
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3 if kind == 'lying' else 1
    pixels = picture(1, 480, 640)
    stored = pixels[..., 0] if kind == 'gray' else pixels[::-1, ::-1].copy()
    official.add(1, image=jpeg(stored, exif=exif, subsampling=0), mask=png(lesion(480, 640)))
    convert(official)
    prepared = Image.open(official.root / 'out/images/ISIC_0000001.jpg')
    assert 0x0112 not in prepared.getexif()
    expected = pixels[..., :1] if kind == 'gray' else pixels
    assert np.abs(np.asarray(prepared).astype(int) - expected).mean() < 3


@pytest.mark.parametrize('edge', ['top', 'bottom', 'left', 'right'])
def test_touching_the_border(official: Official, edge: str) -> None:
    mask = lesion()
    place = {'top': (0, 9), 'bottom': (59, 9), 'left': (9, 0), 'right': (9, 79)}[edge]
    mask[place] = 255
    official.add(1, mask=png(mask))
    assert convert(official).touches_border


def center(weights: np.ndarray) -> np.ndarray:
    """Return the center of mass as a share of height and width."""
    total = weights.sum()
    return np.array(
        [
            (weights.sum(axis=1 - axis) * (np.arange(side) + 0.5)).sum() / total / side
            for axis, side in enumerate(weights.shape)
        ]
    )


@pytest.mark.parametrize('subsampling', [0, 2])
@pytest.mark.parametrize('rule', ['quarter', 'max-side=700', 'max-side=512', 'max-side=188'])
@pytest.mark.parametrize('sides', [(1001, 1503), (1000, 1504), (1503, 1001), (1007, 1497)])
def test_the_image_lies_over_its_mask(
    official: Official, sides: tuple[int, int], rule: str, subsampling: int
) -> None:
    # Bright squares at the center, near the corners and near the edges, where a reduced image
    # that was stretched over the prepared one would be off most.
    height, width = sides
    image = np.full((*sides, 3), 40, np.uint8)
    mask = np.zeros(sides, np.uint8)
    half = 61
    squares = []
    for y in (half + 12, height // 2, height - half - 13):
        for x in (half + 7, width // 2, width - half - 9):
            square = np.s_[y - half : y + half, x - half : x + half]
            image[square], mask[square] = 215, 255
            squares.append((y, x))
    official.add(1, image=jpeg(image, subsampling=subsampling), mask=png(mask))
    record = convert(official, rule)
    prepared = np.asarray(Image.open(official.root / 'out/images/ISIC_0000001.jpg').convert('L'))
    bright = np.clip((prepared - 40.0) / 175, 0, 1)
    down, right = prepared.shape[0] / height, prepared.shape[1] / width
    for y, x in squares:
        # A part around the square, with nothing of another in it, in prepared pixels.
        top, bottom = (round(max(0, min(height, side)) * down) for side in (y - 90, y + 90))
        left, end = (round(max(0, min(width, side)) * right) for side in (x - 90, x + 90))
        part = np.s_[top:bottom, left:end]
        shape = np.array([bottom - top, end - left])
        found = center(bright[part]) * shape + [top, left]
        masked = center(decoded(record)[part].astype(float)) * shape + [top, left]
        true = np.array([y * down, x * right])
        assert np.abs(found - true).max() < 0.1
        assert np.abs(found - masked).max() < 0.5


def test_a_crop_is_the_original_of_what_follows(official: Official) -> None:
    """The mask is stored and scored as it was cropped, and a crop is copied byte for byte."""
    official.add(1, image=jpeg(picture(1, 480, 640)), mask=png(lesion(480, 640)))
    record = convert(official, 'center-crop=240')
    out = official.root / 'out'
    image, mask = (Image.open(out / path('ISIC_0000001')) for path in (image_path, mask_path))
    assert image.size == mask.size == (240, 240)
    assert (record.original_height, record.original_width) == (240, 240)
    expected = cv2.resize(picture(1, 480, 640)[:, 80:560], (240, 240), interpolation=cv2.INTER_AREA)
    assert np.abs(np.asarray(image).astype(int) - expected).mean() < 4
    assert np.array_equal(decoded(record), lesion(480, 640)[1::2, 81:560:2] > 0)
    assert np.array_equal(np.asarray(mask) > 0, decoded(record))

    files = [(out / path('ISIC_0000001')).read_bytes() for path in (image_path, mask_path)]
    official.image_path(1).write_bytes(files[0])
    official.mask_path(1).write_bytes(files[1])
    again = convert(official, 'center-crop=240')
    assert [(out / path('ISIC_0000001')).read_bytes() for path in (image_path, mask_path)] == files
    assert again.lesions == record.lesions


def test_a_small_image_is_hashed_at_a_larger_size(official: Official) -> None:
    official.add(1, image=jpeg(picture(1, 480, 640)), mask=png(lesion(480, 640)))
    full, small = convert(official), convert(official, 'max-side=16')
    assert (small.height, small.width) == (12, 16)
    assert (int(full.hash, 16) ^ int(small.hash, 16)).bit_count() <= 3


@pytest.mark.parametrize(
    ('contents', 'rule', 'kind', 'detail'),
    [
        ({'image': b'no image'}, 'none', 'unreadable image', 'ISIC_0000001.jpg: '),
        ({'image': jpeg(picture(1))[:-99]}, 'none', 'unreadable image', 'truncated'),
        ({'mask': b'no mask'}, 'none', 'unreadable mask', '_segmentation.png: '),
        (
            {'mask': png(lesion(80, 60))},
            'none',
            'size mismatch',
            'image 80 x 60, mask 60 x 80.*replace the wrong one',
        ),
        ({'mask': png(lesion() * 0)}, 'none', 'empty mask', 'all are 0'),
        ({'mask': png(lesion() // 255)}, 'none', 'empty mask', '0 and 1; .*--foreground 1'),
        ({'mask': png(lesion() // 2)}, 'none', 'empty mask', 'is 127; .*--foreground 127'),
        ({}, 'max-side=1', 'lesion lost', 'survives max-side=1'),
        ({'mask': png(AT_THE_EDGE)}, 'center-crop=60', 'lesion lost', 'crop of center-crop=60'),
    ],
)
def test_each_problem(
    official: Official, contents: dict[str, bytes], rule: str, kind: str, detail: str
) -> None:
    official.add(1, **contents)
    problem = convert(official, rule)
    assert (problem.isic_id, problem.kind, problem.left_out) == (isic(1), kind, True)
    assert re.search(detail, problem.detail)
    assert not (official.root / 'out').exists()


def test_only_the_asked_grays_are_lesion(official: Official) -> None:
    mask = lesion(hole=True)
    mask[20:30] //= 2
    mask[5:8, 70:74] = 254
    official.add(1, mask=png(mask))
    for foreground in (100, 129, 255):
        record = convert(official, foreground=foreground)
        expected = mask.astype(int) >= foreground
        assert np.array_equal(decoded(record), expected)
        assert record.lesions[0].area == expected.sum()
        assert record.share == pytest.approx(expected.mean(), abs=1e-6)
        assert record.lesions[0].bbox == list(cv2.boundingRect(expected.astype(np.uint8)))
        assert record.grays == ((mask > 0) & (mask < 255)).sum()
        assert not record.touches_border
        copy = Image.open(official.root / 'out/original_masks/ISIC_0000001_segmentation.png')
        assert np.array_equal(np.asarray(copy) > 128, expected)
    official.add(1, mask=png(np.minimum(mask, 254)))
    problem = convert(official, foreground=255)
    assert problem.kind == 'empty mask'
    assert 'no pixel of 255 or more, the brightest is 254' in problem.detail


def test_the_key_changes_with_rule_and_files(official: Official) -> None:
    official.add(1)

    def key(rule: str, foreground: int = 129) -> str:
        (sample,) = samples_of(official, foreground)
        return sample_job(sample, parse_rule(rule), official.root).key

    first = key('none')
    assert key('none') == first
    official.mask_path(1).write_bytes(png(lesion(hole=True)))
    others = [key(rule) for rule in ('none', 'quarter', 'max-side=5', 'max-side=6')]
    assert len({first, *others, key('none', 255)}) == 6


def off_center(size: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """A dark lesion near a corner of light skin, upright, and its mask; (size, 80)."""
    mask = np.zeros((size, 80), np.uint8)
    cv2.circle(mask, (22, 16), 12, 255, -1)
    noise = np.random.default_rng(0).integers(0, 20, (size, 80, 3), np.uint8)
    return np.where(mask[..., None] > 0, 60, 200).astype(np.uint8) + noise, mask


def stored_as(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """What is stored so that EXIF's number turns it into these pixels; by Pillow."""
    inverse = {6: 8, 8: 6}.get(orientation, orientation)
    exif = Image.Exif()
    exif[0x0112] = inverse
    stream = io.BytesIO(png(pixels, exif=exif))
    return np.asarray(ImageOps.exif_transpose(Image.open(stream)))


def turned_jpeg(pixels: np.ndarray, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return jpeg(stored_as(pixels, orientation), exif=exif)


@pytest.mark.parametrize('size', [60, 80], ids=['oblong', 'square'])
@pytest.mark.parametrize('orientation', range(2, 9))
def test_a_mask_of_the_stored_pixels_is_turned_with_its_image(
    official: Official, orientation: int, size: int
) -> None:
    pixels, mask = off_center(size)
    image = turned_jpeg(pixels, orientation)
    official.add(1, image=image, mask=png(stored_as(mask, orientation)))
    record = convert(official)
    assert isinstance(record, Record)
    assert record.orientation == orientation
    assert np.array_equal(decoded(record), mask > 0)
    out = official.root / 'out'
    copy = np.asarray(Image.open(out / mask_path(record.isic_id)))
    assert np.array_equal(copy, mask)
    dark = np.asarray(Image.open(out / image_path(record.isic_id)).convert('L')) < 130
    assert (dark & (mask > 0)).sum() > 0.95 * (dark | (mask > 0)).sum()


@pytest.mark.parametrize('orientation', [5, 6, 7, 8])
def test_a_mask_with_the_shape_of_the_upright_image_stays(
    official: Official, orientation: int
) -> None:
    pixels, mask = off_center()
    official.add(1, image=turned_jpeg(pixels, orientation), mask=png(mask))
    record = convert(official)
    assert isinstance(record, Record)
    assert np.array_equal(decoded(record), mask > 0)


@pytest.mark.parametrize('orientation', [2, 3, 4])
def test_a_mask_that_seems_to_be_of_the_upright_image_is_left_out(
    official: Official, orientation: int
) -> None:
    pixels, mask = off_center()
    official.add(1, image=turned_jpeg(pixels, orientation), mask=png(mask))
    problem = convert(official)
    assert isinstance(problem, PairError)
    assert problem.kind == 'unclear orientation'
    assert f'EXIF orientation {orientation}' in problem.detail


@pytest.mark.parametrize('image_orientation', [1, 3])
def test_the_orientation_of_the_masks_own_file_comes_first(
    official: Official, image_orientation: int
) -> None:
    pixels, mask = off_center()
    exif = Image.Exif()
    exif[0x0112] = 6
    official.add(
        1,
        image=turned_jpeg(pixels, image_orientation),
        mask=png(stored_as(mask, 6), exif=exif),
    )
    record = convert(official)
    assert isinstance(record, Record)
    assert np.array_equal(decoded(record), mask > 0)
    out = official.root / 'out'
    assert np.array_equal(np.asarray(Image.open(out / mask_path(record.isic_id))), mask)


def two_lesions(height: int, width: int) -> list[tuple[np.ndarray, str]]:
    """Two squares that overlap, of two classes."""
    masks = [np.zeros((height, width), np.bool_) for _ in range(2)]
    masks[0][4:24, 4:24], masks[1][20:40, 20:40] = True, True
    return [(masks[0], 'nevus'), (masks[1], 'melanoma')]


def drawn(official: Official, draw: Callable, rule: str = 'none') -> Record | PairError:
    (sample,) = samples_of(official)
    outlines = Outlines('export.json', 'first version', draw)
    sample = Sample(sample.isic_id, sample.image, outlines)
    return convert_sample(sample, parse_rule(rule), official.root / 'out')


def test_every_outline_is_a_lesion_of_its_own(official: Official) -> None:
    official.add(1)
    record = drawn(official, two_lesions)
    assert [(found.category, found.area, found.bbox) for found in record.lesions] == [
        ('nevus', 400, [4, 4, 20, 20]),
        ('melanoma', 400, [20, 20, 20, 20]),
    ]
    together = np.logical_or(*(mask for mask, _ in two_lesions(60, 80)))
    stored = np.asarray(Image.open(official.root / 'out' / mask_path(isic(1))))
    assert np.array_equal(stored, together * np.uint8(255))
    assert record.share == pytest.approx(784 / 4800, abs=1e-6)
    assert Record.from_json(json.loads(json.dumps(record.as_json()))) == record
    assert [found.area for found in drawn(official, two_lesions, 'max-side=40').lesions] == [
        100
    ] * 2


@pytest.mark.parametrize(
    ('draw', 'kind'),
    [
        (lambda height, width: [], 'no lesion'),
        (lambda height, width: [(np.zeros((height, width), np.bool_), '')], 'empty lesion'),
        (lambda height, width: two_lesions(50, width), 'size mismatch'),
    ],
)
def test_unusable_outlines(official: Official, draw: Callable, kind: str) -> None:
    official.add(1)
    error = drawn(official, draw)
    assert (error.isic_id, error.kind) == (isic(1), kind)
    assert 'export.json' in error.detail


@pytest.mark.parametrize('orientation', [3, 6])
def test_outlines_lie_on_the_upright_image_unless_their_shape_says_otherwise(
    official: Official, orientation: int
) -> None:
    pixels, mask = off_center()
    official.add(1, image=turned_jpeg(pixels, orientation))
    outlined = mask if orientation == 3 else stored_as(mask, orientation)
    record = drawn(official, lambda height, width: [(outlined > 0, '')])
    assert np.array_equal(decoded(record), mask > 0)
