"""What is hostile on its way through the preparation of own data; see `fuzz_judge.Scene`."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from isic_mmdet.errors import InputError
from isic_mmdet.masks.resize import ResizeRule
from isic_mmdet.prepare.own.choices import Choices
from isic_mmdet.prepare.own.mask_folder import MaskSource, prepare_masks
from isic_mmdet.prepare.run import Options
from tests.e2e.fuzz import fuzz_reading as reading
from tests.e2e.fuzz.fuzz_judge import Put, Scene, check, check_complete, check_message, watched
from tests.support.official_files import jpeg, lesion, picture, png

HOSTILE = 'clinic/2'
#: Ids of the sound pairs: as many as make three splits.
SOUND = [f'clinic/{name}' for name in 'abcdefg']


def own_image(scene: Scene, put: Put) -> str:
    image, mask = _write(scene)
    image.unlink()
    put(image)
    return _prepare_pair(scene, image, mask)


def own_mask(scene: Scene, put: Put) -> str:
    image, mask = _write(scene)
    mask.unlink()
    put(mask)
    return _prepare_pair(scene, image, mask)


def own_zip(scene: Scene, make: Callable[[dict[str, bytes]], bytes]) -> str:
    image, mask = _write(scene)
    folder = (image, mask)[scene.odd % 2].parents[1]
    members = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob('*')
        if path.is_file()
    }
    shutil.rmtree(folder)
    folder.with_suffix('.zip').write_bytes(make(dict(sorted(members.items()))))
    sources = {path.stem: path for path in (scene.folder / 'source').iterdir()}
    report = _prepare(scene, sources['photos'], sources['masks'])
    for mask in _annotated(scene.folder / 'out').values():
        sound = (scene.pairs[1].mask, lesion())
        check(any(np.array_equal(mask, each > 128) for each in sound), 'another mask')
    return 'refused' if report['errors']['list'] else 'right'


def _write(scene: Scene) -> tuple[Path, Path]:
    """Write some sound pairs and one more; return the paths of the last."""
    source = scene.folder / 'source'
    hostile = scene.pairs[1]
    for number, name in enumerate([*SOUND, HOSTILE]):
        image, mask = source / f'photos/{name}.jpg', source / f'masks/{name}_mask.png'
        files = {image: jpeg(picture(number)), mask: png(lesion())}
        if name == HOSTILE:
            files = {image: hostile.jpeg, mask: hostile.png}
        for path, data in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    return image, mask


def _prepare(scene: Scene, images: Path, masks: Path) -> dict[str, Any]:
    out = scene.folder / 'out'
    options = Options(ResizeRule('none'), workers=1)
    try:
        report = watched(prepare_masks, MaskSource(images, masks), out, Choices(), options)
    except InputError as error:
        check_message(str(error))
        raise
    check_complete(out)
    for problem in report['errors']['list']:
        check_message(problem['detail'], remedy=problem['left_out'])
    return report


def _prepare_pair(scene: Scene, image: Path, mask: Path) -> str:
    report = _prepare(scene, image.parents[1], mask.parents[1])
    found = _annotated(scene.folder / 'out')
    check({*SOUND} <= found.keys(), 'a sound pair is lost')
    errors = [f for f in report['errors']['list'] if f['left_out']]
    if HOSTILE not in found:
        check(len(errors) >= 1, 'skipped without a message')
        check_message(errors[0]['detail'], image.name, mask.name)
        return 'refused'
    check(not errors, f'in the annotations, and an error: {errors}')
    _check_lesion(found[HOSTILE], mask, image)
    return 'right'


def _check_lesion(found: np.ndarray, mask: Path, image: Path) -> None:
    """Check that the lesion is all that is brighter than some gray, as Pillow reads the file."""
    stored = Image.open(mask)
    grays = np.asarray(stored if stored.mode[0] == 'I' else stored.convert('L'))
    brighter = [grays >= gray for gray in np.unique(grays)]
    for each in [each for each in brighter if np.count_nonzero(each) == np.count_nonzero(found)]:
        views = [each, *(reading.upright(each, reading.content(path)) for path in (mask, image))]
        if any(np.array_equal(view, found) for view in views):
            return
    check(False, 'the lesion is not the brighter part of its mask')


def _annotated(out: Path) -> dict[str, np.ndarray]:
    found = {}
    for path in out.glob('annotations/*.json'):
        coco = json.loads(path.read_text())
        ids = {image['id']: image['isic_id'] for image in coco['images']}
        for entry in coco['annotations']:
            found[ids[entry['image_id']]] = reading.unfold(entry['segmentation'])
    return found
