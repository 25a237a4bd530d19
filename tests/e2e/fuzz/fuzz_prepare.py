"""What is hostile on its way through the preparation; see `fuzz_judge.Scene`."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import isic_mmdet.register  # noqa: F401 - before mmdet's own
from isic_mmdet.prepare.official import prepare
from tests.e2e.fuzz import fuzz_reading as reading
from tests.e2e.fuzz.fuzz_judge import (
    HOSTILE,
    SOUND,
    Put,
    Scene,
    Wrong,
    check,
    check_complete,
    check_message,
    watched,
)
from tests.e2e.fuzz.fuzz_prepared import annotations

SILENT = 'skipped without a message'


def prepare_image(scene: Scene, put: Put) -> str:
    image, mask = scene.official()
    image.unlink()
    put(image)
    return _prepare_pair(scene, image, mask)


def prepare_mask(scene: Scene, put: Put) -> str:
    image, mask = scene.official()
    mask.unlink()
    put(mask)
    return _prepare_pair(scene, image, mask)


def _prepare(scene: Scene, year: int = 2018, **settings: Any) -> dict[str, Any]:
    """Prepare into `out`, check the messages, and return the report."""
    out = scene.folder / 'out'
    report = watched(prepare, year, [scene.folder / 'source'], out, workers=1, **settings)
    check_complete(out)
    for problem in report['errors']['list']:
        check_message(problem['detail'], remedy=problem['left_out'])
    return report


def _prepare_pair(scene: Scene, image: Path, mask: Path) -> str:
    out = scene.folder / 'out'
    rule = ('none', 'max-side=48')[scene.odd % 2]
    report = _prepare(scene, resize=rule)
    names = [entry['isic_id'] for entry in annotations(out)['images']]
    check(SOUND in names, 'the sound pair is lost')
    errors = [f for f in report['errors']['list'] if f['isic_id'] == HOSTILE and f['left_out']]
    if HOSTILE not in names:
        check(len(errors) == 1, f'{len(errors)} errors for one pair: {errors}')
        check_message(errors[0]['detail'], image.name, mask.name)
        return 'refused'
    check(not errors, f'in the annotations, and an error: {errors}')
    _check_prepared(out, image, mask, full_size=rule == 'none')
    return 'right'


def _check_prepared(out: Path, image: Path, mask: Path, full_size: bool) -> None:
    coco = annotations(out)
    (number,) = [e['id'] for e in coco['images'] if e['isic_id'] == HOSTILE]
    (record,) = [e for e in coco['images'] if e['id'] == number]
    (entry,) = [e for e in coco['annotations'] if e['image_id'] == number]
    seen = reading.pictures(reading.content(image))
    truth = reading.lesion(reading.content(mask), {'L', '1', 'P'})
    if truth is None:
        raise Wrong('a mask is prepared that Pillow cannot read')
    # Upright by the mask's own file, else as the image is turned where the shape does not object.
    own = reading.upright(truth, reading.content(mask))
    turned = reading.upright(truth, reading.content(image))
    size = record['original_height'], record['original_width']
    kept = reading.lesion((out / record['original_mask']).read_bytes(), {'L', '1'})
    sound = [each for each in (own, turned, truth) if each.shape == size]
    truth = next((each for each in sound if np.array_equal(each, kept)), truth)
    height, width = truth.shape
    check(seen != [], 'an image is prepared that neither Pillow nor OpenCV can read')
    check((record['original_height'], record['original_width']) == truth.shape, 'another size')
    prepared, *others = reading.pictures((out / 'images' / record['file_name']).read_bytes())
    check(prepared.shape[:2] == (record['height'], record['width']), 'image and record differ')
    check(all(reading.far(prepared, o) < 3 for o in others), 'readers differ in what was prepared')
    # Not where a side is so short that averaging leaves hardly anything of the image.
    if full_size or min(prepared.shape[:2]) > 8:
        size = prepared.shape[1::-1]
        offs = [
            reading.far(prepared, cv2.resize(s, size, interpolation=cv2.INTER_AREA))
            for s in seen
            if s.shape[:2] == (height, width)
        ]
        check(bool(offs) and min(offs) < (8 if full_size else 16), f'another image: {offs}')
    check(kept is not None and np.array_equal(kept, truth), 'the stored mask is another one')
    lesion = reading.unfold(entry['segmentation'])
    rows, columns = np.nonzero(lesion)
    box = [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]
    check(entry['bbox'] == box, f'box {entry["bbox"]} of a lesion in {box}')
    check(entry['area'] == len(rows), 'another area')
    if full_size:
        check(np.array_equal(lesion, truth), 'the annotated mask is another one')


def prepare_names(scene: Scene, put: tuple[str, str]) -> str:
    """Prepare a second pair whose two files have other names."""
    image, mask = scene.official()
    for path, name in zip((image, mask), put, strict=True):
        path.rename(path.with_name(name))
    out = scene.folder / 'out'
    report = _prepare(scene)
    images = {e['isic_id']: e for e in annotations(out)['images']} if report['splits'] else {}
    errors = report['errors']['list']
    text = json.dumps(report, ensure_ascii=False)
    check(SOUND in images or any(f['isic_id'] == SOUND for f in errors), 'a sound pair is lost')
    check(set(images) <= {SOUND, HOSTILE}, f'strange ids: {set(images)}')
    if HOSTILE in images:
        _check_prepared(out, image.with_name(put[0]), mask.with_name(put[1]), full_size=True)
        return 'right'
    hidden = put[0].startswith('.')
    check(bool(errors) or 'unknown names' in text or hidden, SILENT)
    return 'refused'


def prepare_zip(scene: Scene, make: Callable[[dict[str, bytes]], bytes]) -> str:
    image, mask = scene.official()
    folder = (image, mask)[scene.odd % 2].parent
    members = {f'{folder.name}/{path.name}': path.read_bytes() for path in folder.iterdir()}
    shutil.rmtree(folder)
    path = folder.parent / f'{folder.name}.zip'
    path.write_bytes(make(dict(sorted(members.items()))))
    out = scene.folder / 'out'
    report = _prepare(scene)
    errors = report['errors']['list']
    coco = annotations(out)
    known = {f['isic_id'] for f in errors} | {e['isic_id'] for e in coco['images']}
    notes = json.dumps(report['notes'])
    check(known == {SOUND, HOSTILE} or 'unknown names' in notes, SILENT)
    for entry in coco['annotations']:
        record = coco['images'][entry['image_id'] - 1]
        pair = scene.pairs[record['isic_id'] == HOSTILE]
        lesion = reading.unfold(entry['segmentation'])
        check(np.array_equal(lesion, pair.mask > 128), 'another mask')
        prepared = reading.pictures((out / 'images' / record['file_name']).read_bytes())[0]
        check(reading.far(prepared, pair.image) < 8, 'another image')
    return 'refused' if errors or len(coco['images']) < 2 else 'right'


LABELS = (
    'image_id,melanoma,seborrheic_keratosis\n'
    'ISIC_0000001,0.0,0.0\nISIC_0000002,1.0,0.0\nISIC_0000003,0.0,1.0\n'
)


def prepare_labels(scene: Scene, make: Callable[[str], bytes]) -> str:
    """Prepare two pairs of 2017 with a table of diagnoses."""
    image, mask = scene.official()
    source = image.parent.parent
    image.parent.rename(source / 'ISIC-2017_Training_Data')
    mask.parent.rename(source / 'ISIC-2017_Training_Part1_GroundTruth')
    table = source / 'ISIC-2017_Training_Part3_GroundTruth.csv'
    table.write_bytes(make(LABELS))
    out = scene.folder / 'out'
    report = _prepare(scene, 2017)
    coco = annotations(out)
    for entry in coco['annotations']:
        name = coco['images'][entry['image_id'] - 1]['isic_id']
        values = _melanoma(table.read_bytes(), name)
        check(values != set(), f'{name} has a class and no row')
        check(values == {entry['category_id'] == 2}, f'{name}: {values}')
    errors = report['errors']['list']
    known = {f['isic_id'] for f in errors} | {e['isic_id'] for e in coco['images']}
    check(known >= {SOUND, HOSTILE}, SILENT)
    return 'refused' if errors else 'right'


def _melanoma(data: bytes, name: str) -> set[bool]:
    """Return what the rows of an image say, read by the names of the columns."""
    columns, rows = reading.table(data)
    place = {column: index for index, column in reversed(list(enumerate(columns)))}
    named = next(place[c] for c in ('image_id', 'image', 'isic_id', 'image_name') if c in place)
    found = set()
    for cells in rows:
        if cells[named].strip().upper() == name:
            value = cells[place['melanoma']].strip().lower().replace(',', '.')
            words = {'true': True, 'yes': True, 'false': False, 'no': False}
            try:
                found.add(words[value] if value in words else float(value) == 1)
            except ValueError:
                continue
    return found


def prepare_lists(scene: Scene, make: Callable[[str], bytes]) -> str:
    """Prepare by lists of ids."""
    scene.official()
    lists = scene.folder / 'lists'
    lists.mkdir()
    text = f'{SOUND}\n{HOSTILE}\nISIC_0000003\n'
    (lists / ('train.txt', 'val.txt')[scene.odd % 2]).write_bytes(make(text))
    if scene.odd % 2:
        (lists / 'train.txt').write_text(f'{SOUND}\n')
    out = scene.folder / 'out'
    report = _prepare(scene, split=lists)
    for split in report['splits']:
        listed = reading.text((lists / f'{split}.txt').read_bytes()).upper()
        for entry in annotations(out, split)['images']:
            check(
                entry['isic_id'] in listed, f'{entry["isic_id"]} is in {split} but not in its list'
            )
    return 'refused' if report['errors']['list'] else 'right'
