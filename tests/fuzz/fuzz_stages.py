"""The four ways into the package, each with its judge.

A stage puts something hostile among sound files, calls what the command-line tool calls, and
returns `right` if the result agrees with an independent reading, or `refused` if there was one
clear error. Anything else raises `Wrong`, or is an exception that a user would see a traceback of.
"""

import csv
import json
import math
import re
import shutil
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import fuzz_reading as reading
import numpy as np
from hostile_pictures import Pair
from PIL import Image

import isic_mmdet.register  # noqa: F401 - before mmdet's own
from isic_mmdet.challenge.convert import prepare
from isic_mmdet.datasets.lesion_dataset import LesionDataset
from isic_mmdet.errors import InputError
from isic_mmdet.geometry.paste import BoxCells
from isic_mmdet.geometry.placement import Placement
from isic_mmdet.inference.folder import FolderSettings
from isic_mmdet.inference.run import predict
from isic_mmdet.inference.segmentation import Segmentation
from isic_mmdet.metrics.image_row import image_row
from isic_mmdet.report.html.page import write_report
from isic_mmdet.scoring.evaluate import Request, evaluate
from isic_mmdet.training.batch_faults import loading_fault

SOUND, HOSTILE = 'ISIC_0000001', 'ISIC_0000002'
IMAGES, MASKS = 'ISIC2018_Task1-2_Training_Input', 'ISIC2018_Task1_Training_GroundTruth'
PIPELINE = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
    dict(type='PackLesionInputs'),
]
# Words by which a message tells what to do.
_REMEDY = re.compile(
    r'\b(use|give|get|put|name|choose|mend|remove|write|run|prepare|check|correct|keep|rename|save|'
    r'fetch|download|delete|unpack|free|change|leave|make|set|replace|take|pass|export|expected|add|correct|rename)\b',
    re.IGNORECASE,
)
_ADDRESS = re.compile(r'0x[0-9a-f]{6,}')

Put = Callable[[Path], None]


class Wrong(Exception):  # noqa: N818 - no error of the package's
    """The package did something that it must not do."""


@dataclass(frozen=True)
class Scene:
    """Where a stage works, and with what.

    Attributes:
        folder: empty.
        pairs: two sound pairs; the second makes room for what is hostile.
        odd: settings that differ from variant to variant, so that all are tried.
    """

    folder: Path
    pairs: Sequence[Pair]
    odd: int

    def official(self) -> tuple[Path, Path]:
        """Write both pairs as the challenge does; return the paths of the second."""
        source = self.folder / 'source'
        for name, pair in zip((SOUND, HOSTILE), self.pairs, strict=True):
            image = source / IMAGES / f'{name}.jpg'
            mask = source / MASKS / f'{name}_segmentation.png'
            for path, data in ((image, pair.jpeg), (mask, pair.png)):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
        return image, mask


class Meter:
    """How much memory and time the package takes, without the judges."""

    def __init__(self) -> None:
        self.megabytes = 0
        self.seconds = 0.0

    def __call__(self, function: Callable, *args: Any, **more: Any) -> Any:
        """Call a function of the package."""
        base, start = forget_peak(), time.perf_counter()
        try:
            return function(*args, **more)
        finally:
            self.seconds += time.perf_counter() - start
            self.megabytes = max(self.megabytes, memory('VmHWM') - base)


#: Of the variant that is tried; see `fuzz_run`.
watched = Meter()


def memory(name: str) -> int:
    """Return one of the kernel's numbers about the memory of this process, in MB."""
    for line in Path('/proc/self/status').read_text().splitlines():
        if line.startswith(f'{name}:'):
            return int(line.split()[1]) // 1024
    return 0


def forget_peak() -> int:
    """Start anew to look for the peak, and return what is taken now, in MB."""
    try:
        Path('/proc/self/clear_refs').write_text('5')
    except OSError:
        return memory('VmHWM')
    return memory('VmRSS')


def check(told: bool, what: str) -> None:
    if not told:
        raise Wrong(what)


def check_message(text: str, *names: str, remedy: bool = True) -> None:
    """Check that an error names a file, and what to do, and is fit to be read."""
    if names:
        check(any(name in text for name in names), f'names none of {names}: {text[:500]}')
    check('Traceback' not in text, f'a traceback: {text[:500]}')
    check(not _ADDRESS.search(text), f'an address in memory: {text[:500]}')
    check(len(text) < 20_000, f'{len(text)} characters: {text[:500]}')
    if remedy:
        check(bool(_REMEDY.search(text)), f'no remedy: {text[:500]}')


def check_whole(folder: Path) -> None:
    """Check that every file below a folder is whole, and none a temporary one."""
    for path in sorted(folder.rglob('*')):
        if not path.is_file():
            continue
        check('.part' not in path.name, f'{path.name} is left behind')
        if path.suffix == '.json':
            json.loads(path.read_text(encoding='utf-8'), parse_constant=_refuse_constant)
        elif path.suffix in ('.png', '.jpg'):
            Image.open(path).load()
        elif path.suffix == '.csv':
            widths = {len(row) for row in csv.reader(path.read_text().splitlines()) if row}
            check(len(widths) <= 1, f'{path.name} is ragged')


def _refuse_constant(text: str) -> None:
    raise Wrong(f'{text} in a JSON file')


# Prepare


def prepare_image(scene: Scene, put: Put) -> str:
    image, mask = scene.official()
    image.unlink()
    put(image)
    return _prepare(scene, image, mask)


def prepare_mask(scene: Scene, put: Put) -> str:
    image, mask = scene.official()
    mask.unlink()
    put(mask)
    return _prepare(scene, image, mask)


def _prepare(scene: Scene, image: Path, mask: Path) -> str:
    out = scene.folder / 'out'
    rule = ('none', 'max-side=48')[scene.odd % 2]
    report = watched(
        prepare, 2018, [scene.folder / 'source'], out, workers=1, resize=rule, show_progress=False
    )
    check_whole(out)
    names = [entry['isic_id'] for entry in _annotations(out)['images']]
    check(SOUND in names, 'the sound pair is lost')
    faults = [f for f in report['faults']['list'] if f['isic_id'] == HOSTILE and f['left_out']]
    if HOSTILE not in names:
        check(len(faults) == 1, f'{len(faults)} faults for one pair: {faults}')
        check_message(faults[0]['detail'], image.name, mask.name)
        return 'refused'
    check(not faults, f'in the annotations, and a fault: {faults}')
    _check_prepared(out, image, mask, whole=rule == 'none')
    return 'right'


def _annotations(out: Path, split: str = 'train') -> dict[str, Any]:
    return json.loads((out / 'annotations' / f'{split}.json').read_text())


def _check_prepared(out: Path, image: Path, mask: Path, whole: bool) -> None:
    coco = _annotations(out)
    (number,) = [e['id'] for e in coco['images'] if e['isic_id'] == HOSTILE]
    (record,) = [e for e in coco['images'] if e['id'] == number]
    (entry,) = [e for e in coco['annotations'] if e['image_id'] == number]
    seen = reading.pictures(reading.content(image))
    truth = reading.lesion(reading.content(mask), {'L', '1', 'P'})
    if truth is None:
        raise Wrong('a mask is prepared that Pillow cannot read')
    height, width = truth.shape
    check(seen != [], 'an image is prepared that neither Pillow nor OpenCV can read')
    check((record['original_height'], record['original_width']) == truth.shape, 'another size')
    prepared, *others = reading.pictures((out / 'images' / record['file_name']).read_bytes())
    check(prepared.shape[:2] == (record['height'], record['width']), 'image and record differ')
    check(all(reading.far(prepared, o) < 3 for o in others), 'readers differ in what was prepared')
    # Not where a side is so short that averaging leaves hardly anything of the picture.
    if whole or min(prepared.shape[:2]) > 8:
        size = prepared.shape[1::-1]
        offs = [
            reading.far(prepared, cv2.resize(s, size, interpolation=cv2.INTER_AREA))
            for s in seen
            if s.shape[:2] == (height, width)
        ]
        check(bool(offs) and min(offs) < (8 if whole else 16), f'another picture: {offs}')
    kept = reading.lesion((out / record['original_mask']).read_bytes(), {'L', '1'})
    check(kept is not None and np.array_equal(kept, truth), 'the stored mask is another one')
    lesion = reading.unfold(entry['segmentation'])
    rows, columns = np.nonzero(lesion)
    box = [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]
    check(entry['bbox'] == box, f'box {entry["bbox"]} of a lesion in {box}')
    check(entry['area'] == len(rows), 'another area')
    if whole:
        check(np.array_equal(lesion, truth), 'the annotated mask is another one')


def prepare_names(scene: Scene, put: tuple[str, str]) -> str:
    """Prepare a second pair whose two files have other names."""
    image, mask = scene.official()
    for path, name in zip((image, mask), put, strict=True):
        path.rename(path.with_name(name))
    out = scene.folder / 'out'
    report = watched(prepare, 2018, [scene.folder / 'source'], out, workers=1, show_progress=False)
    check_whole(out)
    images = {e['isic_id']: e for e in _annotations(out)['images']} if report['splits'] else {}
    faults = report['faults']['list']
    for fault in faults:
        check_message(fault['detail'])
    told = json.dumps(report, ensure_ascii=False)
    check(SOUND in images or any(f['isic_id'] == SOUND for f in faults), 'a sound pair is lost')
    check(set(images) <= {SOUND, HOSTILE}, f'strange ids: {set(images)}')
    if HOSTILE in images:
        _check_prepared(out, image.with_name(put[0]), mask.with_name(put[1]), whole=True)
        return 'right'
    hidden = put[0].startswith('.')
    check(bool(faults) or 'unknown names' in told or hidden, 'passed over without a word')
    return 'refused'


def prepare_zip(scene: Scene, make: Callable[[dict[str, bytes]], bytes]) -> str:
    image, mask = scene.official()
    folder = (image, mask)[scene.odd % 2].parent
    members = {f'{folder.name}/{path.name}': path.read_bytes() for path in folder.iterdir()}
    shutil.rmtree(folder)
    path = folder.parent / f'{folder.name}.zip'
    path.write_bytes(make(dict(sorted(members.items()))))
    out = scene.folder / 'out'
    report = watched(prepare, 2018, [scene.folder / 'source'], out, workers=1, show_progress=False)
    check_whole(out)
    faults = report['faults']['list']
    for fault in faults:
        check_message(fault['detail'])
    coco = _annotations(out)
    told = {f['isic_id'] for f in faults} | {e['isic_id'] for e in coco['images']}
    notes = json.dumps(report['notes'])
    check(told == {SOUND, HOSTILE} or 'unknown names' in notes, 'passed over without a word')
    for entry in coco['annotations']:
        record = coco['images'][entry['image_id'] - 1]
        pair = scene.pairs[record['isic_id'] == HOSTILE]
        lesion = reading.unfold(entry['segmentation'])
        check(np.array_equal(lesion, pair.mask > 128), 'another mask')
        prepared = reading.pictures((out / 'images' / record['file_name']).read_bytes())[0]
        check(reading.far(prepared, pair.image) < 8, 'another picture')
    return 'refused' if faults or len(coco['images']) < 2 else 'right'


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
    report = watched(prepare, 2017, [source], out, workers=1, show_progress=False)
    check_whole(out)
    for fault in report['faults']['list']:
        check_message(fault['detail'])
    coco = _annotations(out)
    text = table.read_bytes().decode('utf-8-sig')
    for entry in coco['annotations']:
        name = coco['images'][entry['image_id'] - 1]['isic_id']
        values = _melanoma(text, name)
        check(values != set(), f'{name} has a class and no row')
        check(values == {entry['category_id'] == 2}, f'{name}: {values}')
    told = {f['isic_id'] for f in report['faults']['list']}
    told |= {e['isic_id'] for e in coco['images']}
    check(told >= {SOUND, HOSTILE}, 'passed over without a word')
    return 'refused' if report['faults']['list'] else 'right'


def _melanoma(text: str, name: str) -> set[bool]:
    """Return what the rows of an image say, read by the names of the columns."""
    header, *lines = [line.split(',') for line in text.replace('"', '').splitlines() if line]
    place = {column: index for index, column in reversed(list(enumerate(header)))}
    found = set()
    for cells in lines:
        cells = [*cells, *[''] * len(header)]
        if cells[place['image_id']].strip().upper() == name:
            try:
                found.add(float(cells[place['melanoma']]) == 1)
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
    report = watched(
        prepare, 2018, [scene.folder / 'source'], out, split=lists, workers=1, show_progress=False
    )
    check_whole(out)
    for fault in report['faults']['list']:
        check_message(fault['detail'])
    for split in report['splits']:
        listed = (lists / f'{split}.txt').read_bytes().decode('utf-8-sig').upper()
        for entry in _annotations(out, split)['images']:
            check(entry['isic_id'] in listed, f'{entry["isic_id"]} is in {split} unasked')
    return 'refused' if report['faults']['list'] else 'right'


# Data set


@cache
def _prepared_once(folder: Path, key: tuple[bytes, ...]) -> Path:
    pairs = [Pair(np.empty(0), np.empty(0), key[i], key[i + 1]) for i in (0, 2)]
    out = folder / f'prepared-{zlib.crc32(b"".join(key))}'
    scene = Scene(out / 'work', pairs, 0)
    scene.official()
    data = out / 'data'
    prepare(2018, [scene.folder / 'source'], data, workers=1, show_progress=False)
    return data


def prepared_copy(scene: Scene) -> Path:
    """Return a prepared data set of both pairs that may be spoilt."""
    key = tuple(data for pair in scene.pairs for data in (pair.jpeg, pair.png))
    once = _prepared_once(scene.folder.parent / 'once', key)
    return Path(shutil.copytree(once, scene.folder / 'data'))


def build(data: Path, test_mode: bool = False) -> LesionDataset:
    return LesionDataset(
        data_root=str(data),
        ann_file='annotations/train.json',
        data_prefix=dict(img='images/'),
        pipeline=PIPELINE,
        test_mode=test_mode,
    )


def load_image(scene: Scene, put: Put) -> str:
    data = prepared_copy(scene)
    path = data / 'images' / f'{HOSTILE}.jpg'
    path.unlink()
    put(path)
    dataset = watched(build, data, bool(scene.odd % 2))
    return _load_items(dataset, data)


def _load_items(dataset: LesionDataset, data: Path) -> str:
    coco = _annotations(data)
    ids = {image['isic_id'] for image in coco['images']}
    known = {image['isic_id']: image for image in coco['images']}
    truths = {e['image_id']: e for e in coco['annotations']}
    check(len(dataset) == len(coco['images']) == len(ids), 'an image is lost')
    outcome = 'right'
    for index in range(len(dataset)):
        try:
            item = watched(dataset.__getitem__, index)
        except Exception as error:
            # Training says so, with the id of the image; `loading_fault` is how.
            fault = loading_fault(error)
            check_message(f'{fault}. {fault.remedy}')
            outcome = 'refused'
            continue
        sample = item['data_samples']
        record = known[sample.isic_id]
        path = data / 'images' / record['file_name']
        seen = reading.pictures(reading.content(path))
        loaded = item['inputs'].numpy().transpose(1, 2, 0)[..., ::-1]
        offs = [reading.far(loaded, picture) for picture in seen]
        check(bool(offs) and min(offs) < 3, f'another picture of {path.name}: {offs}')
        entry = truths[record['id']]
        masks = sample.gt_instances.masks.masks
        if isinstance(entry['segmentation'], dict):
            truth = reading.unfold(entry['segmentation'])
            check(np.array_equal(masks[0].astype(bool), truth), 'another mask')
        check(masks.shape[1:] == loaded.shape[:2], 'mask and image differ in size')
        x, y, width, height = entry['bbox']
        box = sample.gt_instances.bboxes.tensor.numpy()[0]
        check(bool(np.allclose(box, [x, y, x + width, y + height], atol=0.01)), 'another box')
        check(sample.gt_label == 0, 'another label')
    return outcome


def load_mask(scene: Scene, put: Put) -> str:
    """Score a prediction against a hostile official mask, as validation and test do."""
    data = prepared_copy(scene)
    path = data / 'original_masks' / f'{HOSTILE}_segmentation.png'
    path.unlink()
    put(path)
    dataset = watched(build, data, test_mode=True)
    pair = scene.pairs[1]
    predicted = np.roll(pair.mask > 128, 3, axis=1)
    (index,) = [i for i in range(len(dataset)) if dataset.get_data_info(i)['isic_id'] == HOSTILE]
    record = dataset.get_data_info(index)
    sample = {
        'isic_id': HOSTILE,
        'ori_shape': (record['height'], record['width']),
        'original_mask': record['original_mask'],
        'gt_label': 0,
        'pred_instances': {'scores': [0.9], 'labels': [0], 'masks': predicted[None]},
    }
    row = watched(image_row, sample, ('lesion',))
    truth = reading.lesion(reading.content(path), {'L', '1', 'P'})
    if truth is None:
        raise Wrong('a mask is scored against that Pillow cannot read')
    check((row['height'], row['width']) == truth.shape, 'another size')
    check(truth.shape == predicted.shape, 'a mask of another size is scored against')
    wanted = reading.jaccard(truth, predicted)
    check(math.isclose(row['iou'], wanted, abs_tol=1e-9), f'{row["iou"]}, not {wanted}')
    return 'right'


def load_annotations(scene: Scene, make: Callable[[dict[str, Any]], bytes]) -> str:
    data = prepared_copy(scene)
    path = data / 'annotations' / 'train.json'
    path.write_bytes(make(_annotations(data)))
    return _load_items(watched(build, data, bool(scene.odd % 3 == 0)), data)


# Predict


class HalfFinder:
    """Takes the left half of every image for its lesion, and remembers what it was shown."""

    def __init__(self, step: int) -> None:
        self.step = step
        self.shown: list[tuple[np.ndarray, Placement]] = []

    def reduction(self, height: int, width: int) -> int:
        return self.step

    def prepare(self, image: np.ndarray, placement: Placement) -> Placement:
        self.shown.append((image, placement))
        return placement

    def predict(self, prepared: Sequence[Placement]) -> list[Segmentation]:
        return [self._half(placement) for placement in prepared]

    def _half(self, placement: Placement) -> Segmentation:
        height, width = placement.shape
        # Cells fade at the border of their box, so only its right side lies in the image.
        view = BoxCells(np.ones((28, 28)), (-width, -9.0 * height, width / 2, 10.0 * height))
        box = (0.0, 0.0, width / 2, float(height))
        return Segmentation(placement.shape, (view,), 1, 0.5, 0.9, 'lesion', box)

    def load(self) -> 'HalfFinder':
        return self

    def facts(self) -> dict[str, Any]:
        return {'model': 'half'}


def predict_image(scene: Scene, put: Put) -> str:
    image, _ = scene.official()
    image.unlink()
    put(image)
    # A folder is no image, whatever its name; what is in it counts.
    hostile = {} if image.is_dir() else {HOSTILE: image}
    return _predict(scene, [str(image.parent)], hostile)


def _predict(scene: Scene, inputs: list[str], hostile: dict[str, Path]) -> str:
    out = scene.folder / 'out'
    finder = HalfFinder((1, 4)[scene.odd % 2])
    settings = FolderSettings(out, overlay=scene.odd % 3 == 0, batch_size=2, workers=1)
    try:
        watched(predict, finder, inputs, settings)
        refused = ''
    except InputError as error:
        refused = str(error)
        check_message(refused)
        if not out.exists():
            return 'refused'  # before any work
    check_whole(out)
    with (out / 'predictions.csv').open(newline='', encoding='utf-8') as file:
        rows = {row['image']: row for row in csv.DictReader(file)}
    check(SOUND in rows, 'the sound image is lost')
    told = [line for line in refused.splitlines() if line.startswith('  - ')]
    for name, path in hostile.items():
        if name in rows:
            _check_predicted(out, name, path, finder)
        else:
            lines = [line for line in told if path.name in line or repr(path.name)[1:-1] in line]
            check(len(lines) == 1, f'{len(lines)} faults of {path.name!r}: {refused[:300]}')
    check(len(told) == len(hostile.keys() - rows.keys()), f'too many faults: {told}')
    check(bool(refused) == bool(hostile.keys() - rows.keys()), 'refused, and nothing is missing')
    return 'refused' if refused else 'right'


def _check_predicted(out: Path, name: str, path: Path, finder: HalfFinder) -> None:
    data = reading.content(path)
    seen = reading.pictures(data)
    check(seen != [], f'{path.name} is predicted, and neither Pillow nor OpenCV can read it')
    found = reading.lesion((out / f'{name}_segmentation.png').read_bytes(), {'L'})
    if found is None:
        raise Wrong('a mask that is no mask')
    # Each upright picture, with the mask that belongs to it.
    right = False
    for picture in seen:
        height, width = picture.shape[:2]
        half = np.zeros((height, width), np.uint8)
        half[:, np.arange(width) + 0.5 < width / 2] = 255
        turn = reading.orientation(data)
        if turn != 1:
            half = np.asarray(Image.fromarray(half).transpose(reading.UNDO[turn]))
        tiff = data is not None and data[:4] in (b'II*\0', b'MM\0*')
        right |= np.array_equal(half > 128, found) or (tiff and half.shape == found.shape[::-1])
    check(right, f'{path.name}: another mask, {found.shape} of {[s.shape for s in seen]}')
    offs = []
    for picture in seen:
        for pixels, placement in finder.shown:
            if placement.shape == picture.shape[:2]:
                if placement.step > 1 and min(pixels.shape[:2]) > 8:
                    size = pixels.shape[1::-1]
                    picture_small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
                    offs.append(reading.far(pixels, picture_small) - 16)
                elif placement.step == 1:
                    offs.append(reading.far(pixels, picture) - 3)
                else:
                    offs.append(-1.0)
    check(bool(offs) and min(offs) < 0, f'{path.name}: another picture: {offs}')


def predict_names(scene: Scene, put: tuple[str, str]) -> str:
    image, _ = scene.official()
    path = image.rename(image.with_name(put[0]))
    hostile = {path.stem: path} if path.suffix.lower() in ('.jpg', '.jpeg', '.png') else {}
    if path.name.startswith('.'):
        hostile = {}
    inputs = [[str(image.parent)], [str(path), str(path.with_name(f'{SOUND}.jpg'))]]
    if not hostile:
        inputs = inputs[:1]
    return _predict(scene, inputs[scene.odd % len(inputs)], hostile)


def predict_list(scene: Scene, make: Callable[[str], bytes]) -> str:
    """Predict what a text file lists."""
    image, _ = scene.official()
    path = scene.folder / 'list.txt'
    path.write_bytes(make(f'{image}\n{image.with_name(SOUND)}.jpg\n'))
    out = scene.folder / 'out'
    finder = HalfFinder(1)
    settings = FolderSettings(out, overlay=False, batch_size=2, workers=1)
    try:
        watched(predict, finder, [str(path)], settings)
    except InputError as error:
        check_message(str(error))
        check_whole(out)
        return 'refused'
    check_whole(out)
    return 'right'


def predict_zip(scene: Scene, make: Callable[[dict[str, bytes]], bytes]) -> str:
    image, _ = scene.official()
    members = {f'photos/{path.name}': path.read_bytes() for path in image.parent.iterdir()}
    path = scene.folder / 'photos.zip'
    path.write_bytes(make(dict(sorted(members.items()))))
    out = scene.folder / 'out'
    finder = HalfFinder(1)
    try:
        watched(predict, finder, [str(path)], FolderSettings(out, False, 2, 1))
        refused = False
    except InputError as error:
        check_message(str(error), path.name)
        refused = True
    check_whole(out)
    for pixels, _ in finder.shown:
        offs = [reading.far(pixels, reading.pictures(pair.jpeg)[0]) for pair in scene.pairs]
        check(min(offs) < 3, f'another picture: {offs}')
    return 'refused' if refused else 'right'


# Score


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
    try:
        return watched(
            evaluate, Request(predictions, truth, out=out, workers=1, show_progress=False, **more)
        )
    except InputError as error:
        check_message(str(error), *names)
        check(not out.parent.exists(), 'something is written of what was refused')
        raise


def _check_rows(out: Path, wanted: dict[str, float]) -> None:
    check_whole(out.parent)
    with out.with_name('per_image.csv').open(newline='', encoding='utf-8') as file:
        rows = {row['image_id']: float(row['iou']) for row in csv.DictReader(file)}
    check(rows.keys() == wanted.keys(), f'{rows.keys()} scored, not {wanted.keys()}')
    for name, iou in rows.items():
        check(math.isclose(iou, wanted[name], abs_tol=1e-9), f'{name}: {iou}, not {wanted[name]}')
    told = json.loads(out.read_text())['metrics']['lesion/iou']
    check(math.isclose(told, np.mean(list(rows.values())), abs_tol=1e-9), 'another mean')


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
    check(content['extra_predictions'] == (len(names) == 1), 'a file is passed over uncounted')
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
    check(content['images'] == 2 or not scene.odd % 2, 'a truth is passed over')
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
        content = watched(evaluate, Request(path, show_progress=False))
    except InputError as error:
        check_message(str(error), path.name)
        return 'refused'
    lines = path.read_bytes().decode('utf-8-sig').replace('"', '').splitlines()
    header, *rows = [line.split(',') for line in lines if line.strip()]
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
    lines = path.read_bytes().decode('utf-8-sig').replace('"', '').splitlines()
    header, *rows = [line.split(',') for line in lines if line.strip()]
    rows = [[*row, *[''] * len(header)] for row in rows]  # of a row that was cut off
    known = {row[header.index('image')]: row[header.index('score')] for row in rows}
    wanted = [float(known[name]) for name in known if known[name]]
    lowest = min(bin_['score_low'] for bin_ in calibration['bins'])
    check(math.isclose(lowest, min(wanted), abs_tol=1e-9) or len(wanted) > 2, 'another score')
    return 'right'


def score_annotations(scene: Scene, make: Callable[[dict[str, Any]], bytes]) -> str:
    """Score masks in groups that an annotation file tells."""
    data = prepared_copy(scene)
    folder = data / 'original_masks'
    coco = _annotations(data)
    for image in coco['images']:
        image |= {'diagnosis': 'nevus', 'age': 55, 'sex': 'female'}
    path = scene.folder / 'train.json'
    path.write_bytes(make(coco))
    out = scene.folder / 'out' / 'scores.json'
    content = _score(folder, folder, out, path.name, annotations=path, groups=True)
    check_whole(out.parent)
    for groups in content['groups'].values():
        check(sum(group['images'] for group in groups) == 2, 'an image in no group, or two')
    return 'right'


# Report


def _finished_test(scene: Scene, data: Path) -> Path:
    """Write what a test on a prepared data set leaves."""
    folder = scene.folder / 'test'
    folder.mkdir()
    iou = [0.5, 0.25, 0.0]
    facts = {'metrics': {'lesion/iou': float(np.mean(iou[:2]))}, 'data': 'tiny', 'split': 'train'}
    (folder / 'metrics.json').write_text(json.dumps(facts))
    (folder / 'per_image.csv').write_text('\n'.join(SCORES.splitlines()[:3]) + '\n')
    coco = _annotations(data)
    detections = [
        {
            'isic_id': image['isic_id'],
            'score': score,
            'segmentation': coco['annotations'][image['id'] - 1]['segmentation'],
        }
        for image, score in zip(coco['images'], (0.99, 0.5), strict=True)
    ]
    (folder / 'detections.json').write_text(json.dumps(detections))
    return folder


def _report(folder: Path, data: Path | None, *names: str) -> str:
    out = folder.parent / 'out' / 'report.html'
    try:
        watched(write_report, folder, out, data, None, False)
    except InputError as error:
        check_message(str(error), *names)
        check(not out.exists(), 'a report is written of what was refused')
        return 'refused'
    page = out.read_text(encoding='utf-8')
    check(page.rstrip().endswith('</html>'), 'half of a page')
    if b'nan' not in (folder / 'per_image.csv').read_bytes().lower():
        check('nan' not in re.findall('>([^<]*)<', page.lower()), 'NaN on the page')
    return 'right'


def report_table(scene: Scene, make: Callable[[str], bytes]) -> str:
    """Draw a report from a table of scores per image."""
    folder = _finished_test(scene, prepared_copy(scene))
    text = (folder / 'per_image.csv').read_text()
    (folder / 'per_image.csv').write_bytes(make(text))
    return _report(folder, None, 'per_image.csv')


def report_annotations(scene: Scene, make: Callable[[dict[str, Any]], bytes]) -> str:
    """Draw a report with pictures from an annotation file."""
    data = prepared_copy(scene)
    folder = _finished_test(scene, data)
    path = data / 'annotations' / 'train.json'
    path.write_bytes(make(_annotations(data)))
    return _report(folder, data, 'train.json', str(data))
