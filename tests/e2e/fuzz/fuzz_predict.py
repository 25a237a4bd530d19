"""What is hostile on its way through a prediction, with a network that finds the darker half."""

import csv
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

import isic_mmdet.register  # noqa: F401 - before mmdet's own
from isic_mmdet.deploy.predict.run import predict
from isic_mmdet.deploy.predict.settings import FolderSettings
from isic_mmdet.deploy.segmentation import Segmentation
from isic_mmdet.errors import InputError
from isic_mmdet.images.frame import Frame
from isic_mmdet.masks.paste import BoxCells
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

# What a third of the scenes writes, too.
EVERYTHING: dict[str, Any] = {
    'overlay': True,
    'probabilities': 16,
    'crops': 0.1,
    'largest_region': True,
    'formats': ('coco', 'labelme'),
}


class HalfFinder:
    """Takes the left half of every image for its lesion, and remembers what it was shown."""

    classes = ('lesion',)
    calibration = None
    on_gpu = False

    def __init__(self, step: int) -> None:
        self.preparation = self
        self.step = step
        self.shown: list[tuple[np.ndarray, Frame]] = []

    def reduction(self, height: int, width: int) -> int:
        return self.step

    def prepare(self, image: np.ndarray, frame: Frame) -> Frame:
        self.shown.append((image, frame))
        return frame

    def predict(self, prepared: Sequence[Frame]) -> list[Segmentation]:
        return [self._half(frame) for frame in prepared]

    def _half(self, frame: Frame) -> Segmentation:
        height, width = frame.shape
        # Cells fade at the border of their box, so only its right side lies in the image.
        view = BoxCells(np.ones((28, 28)), (-width, -9.0 * height, width / 2, 10.0 * height))
        box = (0.0, 0.0, width / 2, float(height))
        return Segmentation(frame.shape, (view,), 1, 0.5, 0.9, 'lesion', box)

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


def _predict(scene: Scene, inputs: list[str], hostile: dict[str, Path], sound: str = SOUND) -> str:
    out = scene.folder / 'out'
    finder = HalfFinder((1, 4)[scene.odd % 2])
    settings = FolderSettings(out, overlay=False, batch_size=2, workers=1)
    if scene.odd % 3 == 0:
        settings = replace(settings, **EVERYTHING)
    try:
        watched(predict, finder, inputs, settings)
        refused = ''
    except InputError as error:
        refused = str(error)
        check_message(refused)
        if not out.exists():
            return 'refused'  # before any work
    check_complete(out)
    with (out / 'predictions.csv').open(newline='', encoding='utf-8') as file:
        rows = {row['image']: row for row in csv.DictReader(file)}
    check(sound in rows, 'the sound image is lost')
    listed = [line for line in refused.splitlines() if line.startswith('  - ')]
    for name, path in hostile.items():
        if name in rows:
            _check_predicted(out, name, path, finder)
        else:
            lines = [line for line in listed if path.name in line or repr(path.name)[1:-1] in line]
            check(len(lines) == 1, f'{len(lines)} errors of {path.name!r}: {refused[:300]}')
    check(len(listed) == len(hostile.keys() - rows.keys()), f'too many errors: {listed}')
    check(bool(refused) == bool(hostile.keys() - rows.keys()), 'refused, and nothing is missing')
    return 'refused' if refused else 'right'


def _check_predicted(out: Path, name: str, path: Path, finder: HalfFinder) -> None:
    data = reading.content(path)
    seen = reading.pictures(data)
    check(seen != [], f'{path.name} is predicted, and neither Pillow nor OpenCV can read it')
    found = reading.lesion((out / f'{name}_segmentation.png').read_bytes(), {'L'})
    if found is None:
        raise Wrong('a mask that is no mask')
    # Each upright image, with the mask that belongs to it.
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
        for pixels, frame in finder.shown:
            if frame.shape == picture.shape[:2]:
                if frame.step > 1 and min(pixels.shape[:2]) > 8:
                    size = pixels.shape[1::-1]
                    picture_small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
                    offs.append(reading.far(pixels, picture_small) - 16)
                elif frame.step == 1:
                    offs.append(reading.far(pixels, picture) - 3)
                else:
                    offs.append(-1.0)
    check(bool(offs) and min(offs) < 0, f'{path.name}: another image: {offs}')


def predict_names(scene: Scene, put: tuple[str, str]) -> str:
    image, _ = scene.official()
    path = image.rename(image.with_name(put[0]))
    hostile = {path.stem: path} if path.suffix.lower() in ('.jpg', '.jpeg', '.png') else {}
    if path.name.startswith('.'):
        hostile = {}
    sound = SOUND
    if path.stem == SOUND and hostile:  # masks of both are named by the complete names
        sound, hostile = f'{SOUND}.jpg', {path.name: path}
    inputs = [[str(image.parent)], [str(path), str(path.with_name(f'{SOUND}.jpg'))]]
    if not hostile:
        inputs = inputs[:1]
    return _predict(scene, inputs[scene.odd % len(inputs)], hostile, sound)


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
        check_complete(out)
        return 'refused'
    check_complete(out)
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
    check_complete(out)
    for pixels, _ in finder.shown:
        offs = [reading.far(pixels, reading.pictures(pair.jpeg)[0]) for pair in scene.pairs]
        check(min(offs) < 3, f'another image: {offs}')
    return 'refused' if refused else 'right'
