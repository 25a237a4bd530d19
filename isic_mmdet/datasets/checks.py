"""Data checks before the first iteration; each function returns errors, one line each."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from isic_mmdet.datasets.consistency import (
    annotation_problem,
    official_mask_errors,
    repeated_problem,
)
from isic_mmdet.images.decoding import MAX_PIXELS, UnreadableError, stored_layout
from isic_mmdet.images.sources import SourceFile
from isic_mmdet.utils.schema import COUNT, FILE_NAME, NAME, PIXELS, Shape, number, shape_errors

if TYPE_CHECKING:
    from mmengine.dataset import BaseDataset

_FINITE = number(-1e15, 1e15)
_SHAPE: dict[str, Shape] = {
    'images': [
        {
            'id': COUNT,
            'file_name': FILE_NAME,
            'height': PIXELS,
            'width': PIXELS,
            'isic_id': NAME,
            'original_mask': NAME,
            'original_height?': PIXELS,
            'original_width?': PIXELS,
            'image_bytes?': COUNT,
        }
    ],
    'annotations': [
        {
            'id': COUNT,
            'image_id': COUNT,
            'category_id': COUNT,
            'area': _FINITE,
            'bbox': (_FINITE, _FINITE, _FINITE, _FINITE),
        }
    ],
    'categories': [{'id': COUNT, 'name': NAME}],
}
_UNIQUE = (
    *(('images', key) for key in ('id', 'isic_id', 'file_name')),
    ('annotations', 'id'),
    *(('categories', key) for key in ('id', 'name')),
)

# Transforms that change pixels but never the truth. Without them, the check of a complete training
# split takes seconds.
PIXEL_TRANSFORMS = (
    'LoadImageFromFile',
    'PhotoMetricDistortion',
    'BytePhotoMetricDistortion',
    'GaussianBlur',
    'ChannelBrightness',
    'CutOut',
    'Sharpness',
    'PackLesionInputs',
)


@dataclass(frozen=True)
class AnnotationFile:
    """A COCO JSON file as written by `tools/prepare_isic.py`, and what it refers to.

    Attributes:
        path: of the file.
        data_root: folder that `original_mask` is relative to.
        image_folder: folder that `file_name` is relative to.
        classes: names of the data set's classes, in the order of the labels.
    """

    path: Path
    data_root: Path
    image_folder: Path
    classes: Sequence[str] | str


def annotation_errors(file: AnnotationFile) -> list[str]:
    """Return what makes an annotation file unfit for training or testing."""
    if isinstance(file.classes, str):
        return [f"classes is the string '{file.classes}', not a tuple: write ('{file.classes}',)"]
    if not file.path.is_file():
        return [_missing(file.path)]
    try:
        coco = json.loads(file.path.read_text(encoding='utf-8'))
    except (OSError, ValueError, RecursionError) as error:
        return [f'not valid JSON: {error}']
    errors = shape_errors(coco, _SHAPE) or _repeated_errors(coco)
    if errors:
        return errors

    names = {category['id']: category['name'] for category in coco['categories']}
    errors = _category_errors(list(names.values()), file.classes)
    if not coco['images']:
        errors.append('holds no image')
    annotations = defaultdict(list)
    for annotation in coco['annotations']:
        annotations[annotation['image_id']].append(annotation)
    for unknown in annotations.keys() - {image['id'] for image in coco['images']}:
        errors.append(f'annotation {annotations[unknown][0]["id"]}: image id {unknown} is unknown')
    for image in coco['images']:
        of_image = annotations[image['id']]
        found = _file_errors(image, file)
        if not of_image:
            found.append('no lesion is annotated')
        for annotation in of_image:
            problem = annotation_problem(annotation, image['height'], image['width'], names)
            if problem:
                found.append(problem)
        if not found and (problem := repeated_problem(of_image, names)):
            found.append(problem)
        errors += [f'{image["isic_id"]}: {problem}' for problem in found]
    return errors or official_mask_errors(coco['images'], annotations, file.data_root)


def _missing(path: Path) -> str:
    others = sorted(other.name for other in path.parent.glob('*.json'))
    if not others:
        return (
            'no such file; prepare the data first (official files: tools/prepare_isic.py, your '
            'own: tools/prepare_folder.py, synthetic ones: tools/quickstart.py), or name other '
            'prepared data with --data-root'
        )
    return (
        f'no such file, only {", ".join(others)}: the data were prepared without this split; '
        'prepare them again with all parts in --src, or with --split ratio'
    )


def _repeated_errors(coco: Mapping[str, Any]) -> list[str]:
    """Return values that must be unique and are not: COCO's own reader takes the last of each."""
    return [
        f'{part}: {key} {value!r} comes {count} times'
        for part, key in _UNIQUE
        for value, count in Counter(record[key] for record in coco[part]).items()
        if count > 1
    ]


def _category_errors(found: Sequence[str], wanted: Sequence[str]) -> list[str]:
    # CocoDataset drops annotations of unknown categories without a message.
    errors = [
        f"class '{name}' is not among the file's categories {found}"
        for name in wanted
        if name not in found
    ]
    errors += [
        f"the file's category '{name}' is not among the classes {list(wanted)}"
        for name in found
        if name not in wanted
    ]
    if not errors and found != list(wanted):
        # CocoDataset numbers labels by category id, whatever the order of the class names.
        errors.append(f'the categories {found} are in another order than {list(wanted)}')
    return errors


def _file_errors(image: Mapping[str, Any], file: AnnotationFile) -> list[str]:
    """Return how the headers of an image and its official mask contradict its record."""
    path = file.image_folder / image['file_name']
    height, width = image['height'], image['width']
    if height * width > MAX_PIXELS:
        return [f'{width} x {height} pixels are more than {MAX_PIXELS}']
    original = image.get('original_height'), image.get('original_width')
    checked = (
        _header_problem(path, 'image file', (height, width)),
        _header_problem(file.data_root / image['original_mask'], 'official mask', original),
    )
    found = [problem for problem in checked if problem]
    expected = image.get('image_bytes')
    if not found and expected is not None and path.stat().st_size != expected:
        found.append(
            f'the image file {path} was changed since it was prepared: it has '
            f'{path.stat().st_size} bytes instead of {expected}; prepare the data again'
        )
    return found


def _header_problem(path: Path, noun: str, size: tuple[int | None, int | None]) -> str | None:
    try:
        if not path.is_file():
            return f'no {noun} {path}'
        width, height, is_upright = stored_layout(SourceFile(path, None, 0, 0))
    except (OSError, ValueError, UnreadableError) as error:
        return f'the {noun} {path} cannot be read: {error}'
    if None not in size and (height, width) != size:
        return (
            f'the {noun} {path} has {width} x {height} pixels, its record {size[1]} x {size[0]} '
            '(width x height)'
        )
    if not is_upright:
        return f'the {noun} {path} is stored rotated, or its EXIF data are damaged'
    return None


def truth_errors(dataset: 'BaseDataset') -> list[str]:
    """Return the images whose truth mask is lost in a data set's pipeline.

    The truth of every image goes through every transform that can change it, over a blank image,
    so no image is decoded. (mmdet drops run-length masks without a message if `poly2mask=False`,
    and then trains with a mask loss of zero.)
    """
    transforms = [t for t in dataset.pipeline.transforms if not changes_pixels_only(t)]
    state = np.random.get_state()
    errors = []
    look: dict[str, Any] = {'unit': 'image', 'leave': False, 'disable': None}  # only on a terminal
    for index in tqdm(range(len(dataset)), 'checking the truth', **look):
        record = dataset.get_data_info(index)
        problem = _lost_truth(record, transforms)
        if problem:
            errors.append(f'{record["isic_id"]}: {problem}')
    np.random.set_state(state)
    return errors


def changes_pixels_only(transform: Any) -> bool:
    """Return whether a transform, or every transform inside it, changes only `img`."""
    parts = getattr(transform, 'transforms', None)  # of SomeOf and similar ones
    if parts:
        return all(map(changes_pixels_only, parts))
    return type(transform).__name__ in PIXEL_TRANSFORMS


def _lost_truth(record: Mapping[str, Any], transforms: Sequence[Any]) -> str | None:
    number_of_lesions = len(record['instances'])
    if number_of_lesions == 0:
        return 'mmdet skips its lesion'
    shape = record['height'], record['width']
    blank = np.zeros((*shape, 3), np.uint8)
    results = {**record, 'img': blank, 'img_shape': shape, 'ori_shape': shape}
    for transform in transforms:
        name = type(transform).__name__
        transformed = transform(results)
        if transformed is None:
            return f'{name} filters it out'
        results = transformed
        masks = results.get('gt_masks')
        if masks is not None and (len(masks) < number_of_lesions or not np.all(masks.areas > 0)):
            if name == 'LoadAnnotations' and not transform.poly2mask:
                return f'{name} loses its lesion mask; run-length masks need poly2mask=True'
            return f'{name} loses its lesion mask'
    if 'gt_masks' not in results:
        return 'no transform loads its mask; add LoadAnnotations(with_bbox=True, with_mask=True)'
    return None


def class_count_errors(
    model: Mapping[str, Any], classes: Sequence[str], where: str = 'model'
) -> list[str]:
    """Return every head of a model config whose number of classes differs from the data set's.

    If a `diagnosis_head` distinguishes the classes, the other heads have one class.

    Args:
        model: the config of a detector, nested dicts and lists.
        classes: class names of the data set.
        where: path of `model` inside the config, for the message.
    """
    errors = []
    for key, value in model.items():
        place = f'{where}.{key}'
        is_count = key in ('num_classes', 'num_things_classes') and not where.endswith('rpn_head')
        if is_count and value != len(classes):
            errors.append(
                f'{place} is {value}, but the data set has {len(classes)} classes {list(classes)}'
            )
        known = ['lesion'] if 'diagnosis_head' in model and key != 'diagnosis_head' else classes
        for child in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(child, dict):
                errors += class_count_errors(child, known, place)
    return errors
