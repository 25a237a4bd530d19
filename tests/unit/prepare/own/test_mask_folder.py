"""Own images and masks on their way to annotations, among them hostile ones."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from isic_mmdet.errors import InputError
from isic_mmdet.prepare.report import format_report
from tests.support.official_files import annotations, jpeg, lesion, picture, png, prepared_ids
from tests.support.own_files import add_pairs, prepare_own

NAMES = [f'{number:02d}' for number in range(20)]
EIGHT = 'abcdefgh'
LESION = lesion() > 0


def annotated(out: Path) -> dict[str, np.ndarray]:
    """Return the mask of every prepared image by its id."""
    found = {}
    for data in annotations(out).values():
        coco = json.loads(data)
        ids = {image['id']: image['isic_id'] for image in coco['images']}
        for entry in coco['annotations']:
            code = entry['segmentation']
            code['counts'] = code['counts'].encode()
            found[ids[entry['image_id']]] = coco_mask.decode(code) > 0
    return found


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def two(low: int, high: int, dtype: type = np.uint8) -> Image.Image:
    return Image.fromarray(np.where(LESION, high, low).astype(dtype))


def test_twenty_images_give_three_splits(tmp_path: Path) -> None:
    add_pairs(tmp_path, *NAMES, image='photos/clinic a/NAME.JPG', mask='masks/ü/NAME_Mask.png')
    report = prepare_own(tmp_path)
    ids = prepared_ids(tmp_path / 'out')
    assert {split: len(members) for split, members in ids.items()} == {
        'train': 14,
        'val': 3,
        'test': 3,
    }
    assert report['errors']['list'] == []
    for isic_id, mask in annotated(tmp_path / 'out').items():
        assert isic_id.startswith('clinic a/')
        assert np.array_equal(mask, LESION)
        assert (tmp_path / f'out/images/{isic_id}.jpg').is_file()
        stored = Image.open(tmp_path / f'out/original_masks/{isic_id}_segmentation.png')
        assert np.array_equal(np.asarray(stored) > 128, LESION)
    text = format_report(report)
    assert 'own images prepared in' in text
    assert 'note: 20 pairs: mask = image name + `_mask`' in text
    assert 'lesion in 20 masks: 255 of 0 and 255 (such as clinic a/00)' in text


def test_workers_and_a_second_run_do_not_change_a_byte(tmp_path: Path) -> None:
    for folder, workers in (('a', 1), ('b', 2)):
        add_pairs(tmp_path / folder, *NAMES[:8], value=1)
        prepare_own(tmp_path / folder, workers=workers)
    written = [annotations(tmp_path / folder / 'out') for folder in 'ab']
    assert written[0] == written[1]
    notes = prepare_own(tmp_path / 'a')['notes']
    assert '8 pairs were finished by an earlier run and kept' in notes
    assert annotations(tmp_path / 'a/out') == written[0]
    notes = prepare_own(tmp_path / 'a', threshold=1)['notes']
    assert any('8 pairs of an earlier run had another' in note for note in notes)


def test_near_duplicates_stay_in_one_split(tmp_path: Path) -> None:
    add_pairs(tmp_path, *NAMES)
    for name in NAMES[:5]:
        (tmp_path / f'photos/{name}.jpg').write_bytes(jpeg(picture(7, 120, 160)))
        (tmp_path / f'masks/{name}_mask.png').write_bytes(png(lesion(120, 160)))
    for seed in range(3):
        prepare_own(tmp_path, seed=seed)
        ids = prepared_ids(tmp_path / 'out')
        assert len({next(s for s in ids if name in ids[s]) for name in NAMES[:5]}) == 1


def masks_of_every_kind() -> dict[str, bytes]:
    palette = two(0, 1)
    palette.putpalette([255, 255, 255, 20, 40, 60] + [0] * 762)
    red = np.where(LESION[..., None], np.uint8((200, 0, 0)), np.uint8((0, 0, 0)))
    exif = Image.Exif()
    exif[0x0112] = 3
    return {
        '0 and 1': png(np.asarray(two(0, 1))),
        '1 bit': encoded(two(0, 255).convert('1'), 'PNG'),
        'BMP': encoded(two(0, 255), 'BMP'),
        'BMP of 1 bit': encoded(two(0, 255).convert('1'), 'BMP'),
        'TIFF': encoded(two(0, 255), 'TIFF', compression='tiff_lzw'),
        'WebP': encoded(two(0, 255).convert('RGB'), 'WEBP', lossless=True),
        'RGB': encoded(two(0, 255).convert('RGB'), 'PNG'),
        'opaque RGBA': encoded(two(0, 255).convert('RGBA'), 'PNG'),
        'two colors': encoded(Image.fromarray(red), 'PNG'),
        'interlaced text chunk': encoded(two(0, 255), 'PNG', pnginfo=None, optimize=True),
        '16 bits, 0 and 1': encoded(two(0, 1, np.uint16), 'PNG'),
        '16 bits, 0 and 65535': encoded(two(0, 65535, np.uint16), 'PNG'),
        'gray and white': png(np.asarray(two(100, 255))),
        'stored upside down': encoded(Image.fromarray(np.flip(lesion())), 'PNG', exif=exif),
    }


@pytest.mark.parametrize('kind', masks_of_every_kind())
def test_a_clear_mask_of_every_kind(tmp_path: Path, kind: str) -> None:
    add_pairs(tmp_path, *EIGHT)
    (tmp_path / 'masks/b_mask.png').write_bytes(masks_of_every_kind()[kind])
    report = prepare_own(tmp_path)
    assert report['errors']['list'] == []
    assert np.array_equal(annotated(tmp_path / 'out')['b'], LESION)


@pytest.mark.parametrize('quality', [40, 75, 95])
def test_a_jpeg_mask(tmp_path: Path, quality: int) -> None:
    add_pairs(tmp_path, *EIGHT)
    path = tmp_path / 'masks/b_mask.png'
    path.write_bytes(encoded(two(0, 255), 'JPEG', quality=quality))
    path.rename(path.with_suffix('.jpg'))
    report = prepare_own(tmp_path)
    assert report['errors']['list'] == []
    assert np.count_nonzero(annotated(tmp_path / 'out')['b'] != LESION) < 30
    assert report['lesion_rules'][1] == {
        'rule': 'gray 129 and more, of two groups of grays',
        'masks': 1,
        'example': 'b',
    }


def hostile_masks() -> dict[str, tuple[bytes, str]]:
    """Return files and the kind of the error that each has to be."""
    three = lesion()
    three[20:40, 30:50] = 128
    labels = lesion() // 255
    labels[:10] = 255
    labels_of_two = lesion() // 255
    labels_of_two[30:] *= 2
    clear = np.dstack([np.full_like(three, 255)] * 3 + [lesion()])
    good = png(lesion())
    same = two(0, 1)
    same.putpalette([255, 0, 0, 0, 130, 0] + [0] * 762)
    stack = encoded(two(0, 255), 'TIFF', save_all=True, append_images=[two(255, 0)])
    moving = encoded(two(0, 255), 'PNG', save_all=True, append_images=[two(255, 0)])
    noise = np.random.default_rng(0).integers(0, 256, (60, 80), np.uint8)
    rows = np.tile(np.linspace(0, 255, 80).astype(np.uint8), (60, 1))
    return {
        'empty file': (b'', 'unreadable mask'),
        'text': (b'not an image', 'unreadable mask'),
        'truncated': (good[:-30], 'unreadable mask'),
        'half': (good[: len(good) // 2], 'unreadable mask'),
        'header alone': (good[:33], 'unreadable mask'),
        'wrong checksum': (good[:50] + bytes([good[50] ^ 1]) + good[51:], 'unreadable mask'),
        'truncated JPEG': (encoded(two(0, 255), 'JPEG')[:-40], 'unreadable mask'),
        'truncated BMP': (encoded(two(0, 255), 'BMP')[:-400], 'unreadable mask'),
        'GIF': (encoded(two(0, 255), 'GIF'), 'unreadable mask'),
        'two pages': (stack, 'unreadable mask'),
        'animated': (moving, 'unreadable mask'),
        'CMYK': (encoded(Image.fromarray(picture(1)).convert('CMYK'), 'JPEG'), 'unreadable mask'),
        'floats': (encoded(Image.fromarray(LESION.astype(np.float32)), 'TIFF'), 'unreadable mask'),
        'empty': (png(lesion() * 0), 'empty mask'),
        'empty of 1 bit': (encoded(Image.new('1', (80, 60)), 'PNG'), 'empty mask'),
        'empty of 16 bits': (encoded(two(0, 0, np.uint16), 'PNG'), 'empty mask'),
        'empty RGB': (png(np.zeros((60, 80, 3), np.uint8)), 'empty mask'),
        'all gray 7': (png(np.full((60, 80), 7, np.uint8)), 'unclear mask'),
        'all red': (png(np.full((60, 80, 3), (255, 0, 0), np.uint8)), 'unclear mask'),
        'three grays': (png(three), 'unclear mask'),
        'labels 0, 1 and 255': (png(labels), 'unclear mask'),
        'labels 0, 1 and 2': (png(labels_of_two), 'unclear mask'),
        '0 and 2': (png(np.asarray(two(0, 2))), 'unclear mask'),
        'close grays': (png(np.asarray(two(100, 120))), 'unclear mask'),
        'ramp': (png(rows), 'unclear mask'),
        'photo': (png(picture(1)), 'unclear mask'),
        'gray photo': (png(picture(1)[..., 0]), 'unclear mask'),
        'JPEG photo': (jpeg(picture(1)), 'unclear mask'),
        'noise': (png(noise), 'unclear mask'),
        'transparent': (encoded(Image.fromarray(clear, 'RGBA'), 'PNG'), 'unclear mask'),
        'transparent gray': (encoded(two(0, 255), 'PNG', transparency=0), ''),
        'palette of equal brightness': (encoded(same, 'PNG'), 'unclear mask'),
        '16 bits of three values': (
            encoded(Image.fromarray(np.where(LESION, 900, 30).astype(np.uint16)), 'PNG'),
            'unclear mask',
        ),
        'turned': (png(lesion(80, 60)), 'size mismatch'),
        'half as large': (png(lesion(30, 40)), 'size mismatch'),
        'a row too many': (png(lesion(61, 80)), 'size mismatch'),
        '1 x 1': (png(np.full((1, 1), 255, np.uint8)), 'size mismatch'),
        'long and thin': (png(np.full((1, 4800), 255, np.uint8)), 'size mismatch'),
        'full': (png(np.full((60, 80), 255, np.uint8)), 'full mask'),
    }


@pytest.mark.parametrize('kind', [kind for kind in hostile_masks() if kind != 'transparent gray'])
def test_a_hostile_mask_is_named_and_the_others_are_prepared(tmp_path: Path, kind: str) -> None:
    data, expected = hostile_masks()[kind]
    add_pairs(tmp_path, *EIGHT)
    (tmp_path / 'masks/b_mask.png').write_bytes(data)
    report = prepare_own(tmp_path)
    (error,) = report['errors']['list']
    assert (error['isic_id'], error['kind']) == ('b', expected)
    found = annotated(tmp_path / 'out')
    assert sorted(found) == [*(EIGHT if expected == 'full mask' else EIGHT.replace('b', ''))]
    assert expected == 'full mask' or 'b_mask.png' in error['detail']
    assert expected != 'unclear mask' or (
        '--mask-threshold' in error['detail'] or 'save it with 0 and 255' in error['detail']
    )
    with pytest.raises(InputError, match=expected):
        prepare_own(tmp_path, strict=True)
    assert not list((tmp_path / 'out/annotations').glob('*.json'))


def test_grays_of_three_kinds_are_read_with_a_threshold(tmp_path: Path) -> None:
    add_pairs(tmp_path, *EIGHT)
    data, _ = hostile_masks()['three grays']
    (tmp_path / 'masks/b_mask.png').write_bytes(data)
    report = prepare_own(tmp_path, threshold=100)
    assert report['errors']['list'] == []
    truth = np.asarray(Image.open(io.BytesIO(data)))
    assert np.array_equal(annotated(tmp_path / 'out')['b'], truth >= 100)
    for wrong in (0, 256):
        with pytest.raises(InputError, match='gray value from 1 to 255'):
            prepare_own(tmp_path, threshold=wrong)


def turned_pairs(folder: Path, orientation: int, upright_mask: bool) -> None:
    """Write photos that a camera stored turned by 90 degrees, and their masks."""
    add_pairs(folder, *EIGHT)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.rot90(picture(5)).copy()
    mask = lesion()
    mask[:20, :30] = 255
    (folder / 'photos/b.jpg').write_bytes(jpeg(stored, exif=exif))
    (folder / 'masks/b_mask.png').write_bytes(png(mask if upright_mask else np.rot90(mask).copy()))


@pytest.mark.parametrize('upright_mask', [True, False])
def test_the_orientation_is_applied_where_it_fits(tmp_path: Path, upright_mask: bool) -> None:
    turned_pairs(tmp_path, 6, upright_mask)
    report = prepare_own(tmp_path)
    expected = lesion() > 0
    expected[:20, :30] = True
    assert np.array_equal(annotated(tmp_path / 'out')['b'], expected)
    (note,) = [note for note in report['notes'] if 'EXIF' in note]
    counted = '0 of their masks were turned upright, and 1 masks fitted the upright image'
    assert (counted if upright_mask else '1 of their masks were turned upright') in note


def test_inverted_masks_are_noted(tmp_path: Path) -> None:
    add_pairs(tmp_path, *EIGHT)
    (tmp_path / 'masks/b_mask.png').write_bytes(png(255 - lesion()))
    (note,) = [note for note in prepare_own(tmp_path)['notes'] if 'inverted' in note]
    assert 'in 1 of 8 masks more than half is lesion, up to the border, such as b' in note


HOSTILE_IMAGES: dict[str, Callable[[], bytes]] = {
    'empty file': lambda: b'',
    'text': lambda: b'no image',
    'truncated': lambda: jpeg(picture(1))[:-60],
    'gap': lambda: jpeg(picture(1))[:700] + bytes(5000) + jpeg(picture(1))[700:],
    'PNG cut off': lambda: png(picture(1))[:-60],
    'HEIC': lambda: b'\0\0\0\x18ftypheic' + bytes(99),
    'another size': lambda: jpeg(picture(1, 61, 80)),
    '12 bits in 16': lambda: png(picture(1)[..., 0].astype(np.uint16) << 4),
}


@pytest.mark.parametrize('kind', HOSTILE_IMAGES)
def test_a_hostile_image_is_named_and_the_others_are_prepared(tmp_path: Path, kind: str) -> None:
    add_pairs(tmp_path, *EIGHT)
    (tmp_path / 'photos/b.jpg').write_bytes(HOSTILE_IMAGES[kind]())
    report = prepare_own(tmp_path)
    (error,) = report['errors']['list']
    assert error['isic_id'] == 'b'
    assert error['kind'] == ('size mismatch' if kind == 'another size' else 'unreadable image')
    assert sorted(annotated(tmp_path / 'out')) == [*EIGHT.replace('b', '')]


def test_of_16_bits_the_upper_8_are_prepared_and_counted(tmp_path: Path) -> None:
    add_pairs(tmp_path, *EIGHT)
    deep = (picture(3)[..., 0].astype(np.uint16) << 8) | 0xA5
    (tmp_path / 'photos/b.jpg').write_bytes(png(deep))
    for _ in range(2):  # also if an earlier run prepared it
        report = prepare_own(tmp_path)
        assert not report['errors']['list']
        assert '1 images have 16 bits a color, such as b' in '\n'.join(report['notes'])
    prepared = np.asarray(Image.open(tmp_path / 'out/images/b.jpg')).astype(int)
    assert np.abs(prepared - picture(3)[..., :1]).mean() < 5


def test_nothing_usable_is_one_message(tmp_path: Path) -> None:
    add_pairs(tmp_path, 'a', 'b')
    (tmp_path / 'masks/a_mask.png').unlink()
    (tmp_path / 'photos/b.png').write_bytes(b'')
    with pytest.raises(InputError, match='--mask-suffix'):
        prepare_own(tmp_path)
    with pytest.raises(InputError, match='--images, or a published data set'):
        prepare_own(tmp_path, images=None)


def test_layouts_keep_a_lesion_in_one_split(tmp_path: Path) -> None:
    image = 'raw/HAM10000_images_part_1/NAME.jpg'
    mask = 'raw/HAM10000_segmentations_lesion_tschandl/NAME_segmentation.png'
    names = [f'ISIC_{number:07d}' for number in range(20)]
    add_pairs(tmp_path, *names, image=image, mask=mask)
    rows = [f'HAM_{number // 2},{name},nv,50,male' for number, name in enumerate(names)]
    (tmp_path / 'raw/HAM10000_metadata.csv').write_text(
        '\n'.join(['lesion_id,image_id,dx,age,sex', *rows])
    )
    prepare_own(tmp_path, images=None, masks=None, layout=('ham10000', tmp_path / 'raw'))
    ids = prepared_ids(tmp_path / 'out')
    groups = [{int(name[-2:]) // 2 for name in members} for members in ids.values()]
    assert sum(map(len, groups)) == 10
    image = json.loads((tmp_path / 'out/annotations/train.json').read_text())['images'][0]
    assert (image['diagnosis'], image['age'], image['sex']) == ('nv', 50, 'male')
