import dataclasses
import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from official_files import Official, isic, jpeg, lesion, picture, png
from PIL import Image
from pycocotools import mask as coco_mask

from isic_mmdet.challenge.faults import Fault
from isic_mmdet.challenge.layouts import find_pairs, scan
from isic_mmdet.challenge.pairs import Record, convert_pair, pair_key
from isic_mmdet.challenge.resize import parse_rule


def convert(official: Official, rule: str = 'none', foreground: int = 129) -> Record | Fault:
    pairs, _ = find_pairs(scan(official.year, [official.root]))
    (pair,) = pairs.values()
    return convert_pair(pair, parse_rule(rule), foreground, official.root / 'out')


@pytest.fixture
def official(tmp_path: Path) -> Official:
    return Official(tmp_path)


def decoded(record: Record) -> np.ndarray:
    size = [record.height, record.width]
    return coco_mask.decode({'size': size, 'counts': record.counts.encode()}) > 0


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


def test_box_area_and_holes_come_from_the_mask(official: Official) -> None:
    mask = lesion(hole=True)
    mask[5:8, 70:74] = 200  # a second part, grey but lesion
    official.add(1, mask=png(mask))
    record = convert(official)
    assert np.array_equal(decoded(record), mask > 128)
    assert not decoded(record)[30, 40]  # the hole
    assert record.area == (mask > 128).sum()
    assert record.share == pytest.approx((mask > 128).mean(), abs=1e-6)
    assert record.bbox == list(cv2.boundingRect(mask))
    assert record.greys == 12
    assert not record.touches_border


@pytest.mark.parametrize('edge', ['top', 'bottom', 'left', 'right'])
def test_touching_the_border(official: Official, edge: str) -> None:
    mask = lesion()
    place = {'top': (0, 9), 'bottom': (59, 9), 'left': (9, 0), 'right': (9, 79)}[edge]
    mask[place] = 255
    official.add(1, mask=png(mask))
    assert convert(official).touches_border


def test_resized_by_rule(official: Official) -> None:
    official.add(1, image=jpeg(picture(1, 800, 1000)), mask=png(lesion(800, 1000, hole=True)))
    record = convert(official, 'seed')
    assert (record.height, record.width) == (200, 250)
    assert (record.original_height, record.original_width) == (800, 1000)
    prepared = Image.open(official.root / 'out/images/ISIC_0000001.jpg')
    assert prepared.size == (250, 200)
    assert decoded(record).mean() == pytest.approx((lesion(800, 1000, True) > 0).mean(), rel=0.01)
    assert not decoded(record)[100, 125]
    mask = (official.root / 'out/original_masks/ISIC_0000001_segmentation.png').read_bytes()
    assert mask == official.mask_path(1).read_bytes()


def test_exif_orientation_is_applied_and_written_away(official: Official) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying on its side
    lying = jpeg(np.rot90(picture(1)).copy(), exif=exif)
    official.add(1, image=lying)
    record = convert(official)
    assert isinstance(record, Record)
    prepared = Image.open(official.root / 'out/images/ISIC_0000001.jpg')
    assert prepared.size == (80, 60)
    assert 0x0112 not in prepared.getexif()
    upright = np.rot90(np.asarray(Image.open(io.BytesIO(lying))), -1)
    assert np.abs(np.asarray(prepared).astype(int) - upright).mean() < 3


@pytest.mark.parametrize(
    ('contents', 'rule', 'kind', 'detail'),
    [
        ({'image': b'no image'}, 'none', 'unreadable image', 'ISIC_0000001.jpg: '),
        ({'image': jpeg(picture(1))[:-99]}, 'none', 'unreadable image', 'truncated'),
        ({'mask': b'no mask'}, 'none', 'unreadable mask', '_segmentation.png: '),
        ({'mask': png(lesion(80, 60))}, 'none', 'size mismatch', 'image 80 x 60, mask 60 x 80'),
        ({'mask': png(lesion() * 0)}, 'none', 'empty mask', 'the brightest is 0'),
        ({'mask': png(lesion() // 255)}, 'none', 'empty mask', 'the brightest is 1'),
        ({'mask': png(lesion(8, 8))}, 'max-side=1', 'lesion lost', 'survives max-side=1'),
    ],
)
def test_each_fault(
    official: Official, contents: dict[str, bytes], rule: str, kind: str, detail: str
) -> None:
    if kind == 'lesion lost':
        contents = {**contents, 'image': jpeg(picture(1, 8, 8))}
    official.add(1, **contents)
    fault = convert(official, rule)
    assert (fault.isic_id, fault.kind, fault.left_out) == (isic(1), kind, True)
    assert detail in fault.detail
    assert not (official.root / 'out').exists()


def test_only_the_asked_greys_are_lesion(official: Official) -> None:
    mask = lesion(hole=True)
    mask[20:30] //= 2
    mask[5:8, 70:74] = 254
    official.add(1, mask=png(mask))
    for foreground in (100, 129, 255):
        record = convert(official, foreground=foreground)
        expected = mask.astype(int) >= foreground
        assert np.array_equal(decoded(record), expected)
        assert record.area == expected.sum()
        assert record.share == pytest.approx(expected.mean(), abs=1e-6)
        assert record.bbox == list(cv2.boundingRect(expected.astype(np.uint8)))
        assert record.greys == ((mask > 0) & (mask < 255)).sum()
        copy = Image.open(official.root / 'out/original_masks/ISIC_0000001_segmentation.png')
        assert np.array_equal(np.asarray(copy) > 128, expected)
    official.add(1, mask=png(np.minimum(mask, 254)))
    fault = convert(official, foreground=255)
    assert fault.kind == 'empty mask'
    assert 'no pixel of 255 or more, the brightest is 254' in fault.detail


def test_the_key_changes_with_rule_and_files(official: Official) -> None:
    official.add(1)

    def key(rule: str, foreground: int = 129) -> str:
        pairs, _ = find_pairs(scan(2018, [official.root]))
        return pair_key(pairs[isic(1)], parse_rule(rule), foreground)

    first = key('none')
    assert key('none') == first
    official.mask_path(1).write_bytes(png(lesion(hole=True)))
    assert (
        len(
            {
                first,
                key('none'),
                key('seed'),
                key('max-side=5'),
                key('max-side=6'),
                key('none', 255),
            }
        )
        == 6
    )


def test_a_cut_or_missing_file_is_noticed(official: Official) -> None:
    official.add(1)
    record = convert(official)
    out = official.root / 'out'
    assert not dataclasses.replace(record, image_bytes=1).files_are_there(out)
    (out / 'original_masks/ISIC_0000001_segmentation.png').unlink()
    assert not record.files_are_there(out)
