"""What is hostile on its way through the scoring."""

import csv
import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import isic_mmdet.register  # noqa: F401 - before mmdet's own
from isic_mmdet.errors import InputError
from isic_mmdet.evaluation.mask_evaluation import evaluate
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
from tests.e2e.fuzz.fuzz_prepared import annotations, prepared_copy


def score_mask(scene: Scene, put: Put) -> str:
    """Score a hostile mask, as prediction or as truth."""
    folders = scene.folder / 'predictions', scene.folder / 'truth'
    for folder in folders:
        folder.mkdir()
        for name, pair in zip((SOUND, HOSTILE), scene.pairs, strict=True):
            (folder / f'{name}_segmentation.png').write_bytes(pair.png)
    path = folders[scene.odd % 2] / f'{HOSTILE}_segmentation.png'
    path.unlink()
    put(path)
    out = scene.folder / 'out' / 'scores.json'
    _score(*folders, out, path.name)
    found = reading.lesion(reading.content(path), {'L', '1'})
    if found is None:
        raise Wrong('a mask is scored that Pillow cannot read')
    sound = reading.lesion(scene.pairs[1].png, {'L'})
    check(found.shape == sound.shape, 'a mask of another size is scored')
    _check_rows(out, {SOUND: 1.0, HOSTILE: reading.jaccard(found, sound)})
    return 'right'


def _score(predictions: Path, truth: Path, out: Path, *names: str, **more: Any) -> dict[str, Any]:
    options = {'out': out, 'workers': 1, 'show_progress': False, 'strict': True, **more}
    try:
        return watched(evaluate, predictions, truth, **options)
    except InputError as error:
        check_message(str(error), *names)
        check(not out.parent.exists(), 'something is written of what was refused')
        raise


def _check_rows(out: Path, wanted: dict[str, float]) -> None:
    check_complete(out.parent)
    with out.with_name('per_image.csv').open(newline='', encoding='utf-8') as file:
        rows = {row['image_id']: float(row['iou']) for row in csv.DictReader(file)}
    check(rows.keys() == wanted.keys(), f'{rows.keys()} scored, not {wanted.keys()}')
    for name, iou in rows.items():
        check(math.isclose(iou, wanted[name], abs_tol=1e-9), f'{name}: {iou}, not {wanted[name]}')
    mean = json.loads(out.read_text())['metrics']['lesion/iou']
    check(math.isclose(mean, np.mean(list(rows.values())), abs_tol=1e-9), 'another mean')


def score_names(scene: Scene, put: tuple[str, str]) -> str:
    folders = scene.folder / 'predictions', scene.folder / 'truth'
    for folder in folders:
        folder.mkdir()
        (folder / f'{SOUND}_segmentation.png').write_bytes(scene.pairs[0].png)
    both = scene.odd % 3 == 0
    for folder in folders if both else folders[scene.odd % 2 :][:1]:
        (folder / put[1]).write_bytes(scene.pairs[1].png)
    out = scene.folder / 'out' / 'scores.json'
    content = _score(*folders, out)
    names = {SOUND}
    digits = re.search('ISIC_([0-9]{7})', put[1])
    if digits and digits[0] != SOUND and (both or scene.odd % 2):
        names.add(digits[0])
    _check_rows(out, dict.fromkeys(names, 1.0))
    check(
        content['extra_predictions'] == (len(names) == 1), 'a file is skipped without being counted'
    )
    return 'right'


def score_zip(scene: Scene, make: Callable[[dict[str, bytes]], bytes]) -> str:
    members = {
        f'{name}_segmentation.png': pair.png
        for name, pair in zip((SOUND, HOSTILE), scene.pairs, strict=True)
    }
    folder = scene.folder / 'sound'
    folder.mkdir()
    for name, data in members.items():
        (folder / name).write_bytes(data)
    path = scene.folder / 'masks.zip'
    path.write_bytes(make(members))
    out = scene.folder / 'out' / 'scores.json'
    sides = (path, folder) if scene.odd % 2 else (folder, path)
    content = _score(*sides, out, path.name, HOSTILE, SOUND)
    names = {row for row in (SOUND, HOSTILE) if content['images'] == 2 or row == SOUND}
    if content['images'] == 1:
        names = {row['image_id'] for row in csv.DictReader(out.with_name('per_image.csv').open())}
    check(content['images'] == 2 or not scene.odd % 2, 'a truth is skipped')
    _check_rows(out, dict.fromkeys(names, 1.0))
    return 'right'


SCORES = (
    'image_id,iou,iou_max,dice,pixel_accuracy,sensitivity,specificity,score,label,'
    'predicted_label,detections,height,width\n'
    'ISIC_0000001,0.5,0.5,0.6,0.9,0.7,0.8,0.99,lesion,lesion,1,60,80\n'
    'ISIC_0000002,0.25,0.5,0.4,0.9,0.7,0.8,0.5,lesion,lesion,2,60,80\n'
    'ISIC_0000003,0.0,0.0,0.0,0.9,0.0,1.0,,lesion,,0,60,80\n'
)


def score_table(scene: Scene, make: Callable[[str], bytes]) -> str:
    """Score a table of scores per image."""
    path = scene.folder / 'per_image.csv'
    path.write_bytes(make(SCORES))
    try:
        content = watched(evaluate, path, show_progress=False)
    except InputError as error:
        check_message(str(error), path.name)
        return 'refused'
    header, rows = reading.table(path.read_bytes())
    values = [float(row[header.index('iou')]) for row in rows]
    mean = content['metrics']['lesion/iou']
    check(content['images'] == len(values), f'{content["images"]} of {len(values)} rows')
    check(math.isclose(mean, float(np.mean(values)), abs_tol=1e-9), f'{mean} of {values}')
    return 'right'


def score_score_table(scene: Scene, make: Callable[[str], bytes]) -> str:
    """Score masks with a table of the detector's scores."""
    folder = scene.folder / 'masks'
    folder.mkdir()
    for name, pair in zip((SOUND, HOSTILE), scene.pairs, strict=True):
        (folder / f'{name}_segmentation.png').write_bytes(pair.png)
    path = scene.folder / 'predictions.csv'
    path.write_bytes(make('image,label,score\nISIC_0000001,lesion,0.75\nISIC_0000002,lesion,0.5\n'))
    out = scene.folder / 'out' / 'scores.json'
    content = _score(folder, folder, out, path.name, scores=path)
    calibration = content.get('calibration')
    if calibration is None:
        return 'right'
    header, rows = reading.table(path.read_bytes())
    known = {row[header.index('image')]: row[header.index('score')] for row in rows}
    # A flipped bit may name an image without a mask; what follows an id does not count.
    ids = (SOUND, HOSTILE)
    wanted = [float(known[name]) for name in known if name.upper().startswith(ids) and known[name]]
    lowest = min(bin_['low'] for bin_ in calibration['score']['bins'])
    check(math.isclose(lowest, min(wanted), abs_tol=1e-9), 'another score')
    return 'right'


def score_annotations(scene: Scene, make: Callable[[dict[str, Any]], bytes]) -> str:
    """Score masks in groups that an annotation file tells."""
    data = prepared_copy(scene)
    folder = data / 'original_masks'
    coco = annotations(data)
    for image in coco['images']:
        image |= {'diagnosis': 'nevus', 'age': 55, 'sex': 'female'}
    path = scene.folder / 'train.json'
    path.write_bytes(make(coco))
    out = scene.folder / 'out' / 'scores.json'
    content = _score(folder, folder, out, path.name, annotations=path, groups=())
    check_complete(out.parent)
    for groups in content['groups'].values():
        check(sum(group['images'] for group in groups) == 2, 'an image in no group, or two')
    return 'right'
