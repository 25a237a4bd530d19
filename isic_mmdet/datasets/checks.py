"""What is looked at before the first iteration; each function returns errors, one line each."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from isic_mmdet.datasets.consistency import mask_problem, official_mask_errors, repeated_problem
from isic_mmdet.images.decoding import MAX_PIXELS, UnreadableError, stored_layout
from isic_mmdet.images.sources import SourceFile
from isic_mmdet.masks.run_lengths import run_lengths_problem

if TYPE_CHECKING:
    from mmengine.dataset import BaseDataset


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 < value < 2**31


def _is_id(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 1e15  # not so NaN


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != '' and '\0' not in value


def _is_path(value: Any) -> bool:
    return _is_text(value) and not Path(value).is_absolute() and '..' not in Path(value).parts


_NUMBER_OF_PIXELS = ('number of pixels', _is_count)
_NUMBER_OF_BYTES = ('number of bytes', _is_count)
_ID = ('whole number', _is_id)
_TEXT = ('text', _is_text)
# What the three lists of a file have to hold, and how to tell.
_LISTS: dict[str, dict[str, tuple[str, Callable[[Any], bool]]]] = {
    'images': {
        'id': _ID,
        'file_name': ('name below the image folder', _is_path),
        'height': _NUMBER_OF_PIXELS,
        'width': _NUMBER_OF_PIXELS,
        'isic_id': _TEXT,
        'original_mask': _TEXT,
        'original_height': _NUMBER_OF_PIXELS,
        'original_width': _NUMBER_OF_PIXELS,
        'image_bytes': _NUMBER_OF_BYTES,
    },
    'annotations': {
        'id': _ID,
        'image_id': _ID,
        'category_id': _ID,
        'area': ('number', _is_number),
        'bbox': (
            'list of four numbers',
            lambda box: isinstance(box, list) and len(box) == 4 and all(map(_is_number, box)),
        ),
    },
    'categories': {'id': _ID, 'name': _TEXT},
}
_NEEDED = {'id', 'file_name', 'height', 'width', 'image_id', 'category_id', 'area', 'bbox', 'name'}
_UNIQUE = {
    'images': ('id', 'isic_id', 'file_name'),
    'annotations': ('id',),
    'categories': ('id', 'name'),
}

# Transforms that change pixels but never the truth; skipped when the truth alone is followed,
# which makes the check of a whole training split a matter of seconds.
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


def annotation_errors(
    ann_file: Path, data_root: Path, image_folder: Path, classes: Sequence[str] | str
) -> list[str]:
    """Return what makes an annotation file unfit for training or testing.

    Args:
        ann_file: COCO JSON as written by `tools/prepare_isic.py`.
        data_root: folder that `original_mask` is relative to.
        image_folder: folder that `file_name` is relative to.
        classes: class names the data set carries, in the order of the labels.
    """
    if isinstance(classes, str):
        return [f"classes is the string '{classes}', not a tuple: write ('{classes}',)"]
    if not ann_file.is_file():
        return [_absent_problem(ann_file)]
    try:
        coco = json.loads(ann_file.read_text(encoding='utf-8'))
    except (OSError, ValueError, RecursionError) as error:
        return [f'not valid JSON: {error}']
    if not isinstance(coco, dict):
        return ['not a COCO annotation file: no images, annotations, categories']
    missing_keys = [key for key in _LISTS if key not in coco]
    if missing_keys:
        return [f'not a COCO annotation file: no {", ".join(missing_keys)}']
    errors = _kind_errors(coco) or _repeated_errors(coco)
    if errors:
        return errors

    errors = _category_errors([category['name'] for category in coco['categories']], classes)
    if not coco['images']:
        errors.append('holds no image')
    annotations = defaultdict(list)
    for annotation in coco['annotations']:
        annotations[annotation['image_id']].append(annotation)
    for image in coco['images']:
        lacking = [key for key in ('isic_id', 'original_mask') if key not in image]
        if lacking:
            errors.append(f'{image["file_name"]}: its record has no {", ".join(lacking)}')
            continue
        found = _file_errors(image, data_root, image_folder)
        if image['id'] not in annotations:
            found.append('no lesion is annotated')
        errors += [f'{image["isic_id"]}: {problem}' for problem in found]
    sizes = {image['id']: (image['height'], image['width']) for image in coco['images']}
    names = {image['id']: image.get('isic_id', image['file_name']) for image in coco['images']}
    category_ids = {category['id'] for category in coco['categories']}
    for annotation in coco['annotations']:
        size = sizes.get(annotation['image_id'])
        problem = _dropped_problem(annotation, category_ids) or _shape_problem(annotation, size)
        if problem is None and size is not None:
            problem = mask_problem(annotation, *size)
        if problem:
            name = names.get(annotation['image_id'], f'annotation {annotation["id"]}')
            errors.append(f'{name}: {problem}')
    if errors:
        return errors
    category_names = {category['id']: category['name'] for category in coco['categories']}
    for image in coco['images']:
        problem = repeated_problem(annotations[image['id']], category_names)
        if problem:
            errors.append(f'{image["isic_id"]}: {problem}')
    return errors + official_mask_errors(coco['images'], annotations, data_root)


def _absent_problem(ann_file: Path) -> str:
    others = sorted(path.name for path in ann_file.parent.glob('*.json'))
    if not others:
        return 'no such file; tools/prepare_isic.py writes it, see data/README.md'
    return (
        f'no such file, only {", ".join(others)}: the data were prepared without this split; '
        'prepare them again with all parts in --src, or with --split ratio'
    )


def _kind_errors(coco: dict) -> list[str]:
    """Return which values are missing, or of another kind than they have to be."""
    errors = []
    for part, kinds in _LISTS.items():
        if not isinstance(coco[part], list):
            errors.append(f'{part} is not a list')
            continue
        for number, record in enumerate(coco[part]):
            if not isinstance(record, dict):
                errors.append(f'{part}[{number}] is no record')
                continue
            name = f'{part}[{number}] ({_spoken(record.get("isic_id", record.get("id")))})'
            errors += [
                f'{name}: its {key} is {_spoken(record.get(key))}, no {kind}'
                for key, (kind, is_kind) in kinds.items()
                if (key in record or key in _NEEDED) and not is_kind(record.get(key))
            ]
    return errors


def _repeated_errors(coco: dict) -> list[str]:
    """Return what comes twice: COCO's own reader would take the last of each."""
    errors = []
    for part, keys in _UNIQUE.items():
        for key in keys:
            counts = Counter(record[key] for record in coco[part] if key in record)
            errors += [
                f'{part}: {key} {_spoken(value)} comes {count} times'
                for value, count in counts.items()
                if count > 1
            ]
    return errors


def _file_errors(image: dict, data_root: Path, image_folder: Path) -> list[str]:
    """Return what the headers of an image and its official mask say against its record."""
    path, mask = image_folder / image['file_name'], data_root / image['original_mask']
    size = image['height'], image['width']
    if size[0] * size[1] > MAX_PIXELS:
        return [f'{size[1]} x {size[0]} pixels are more than {MAX_PIXELS}']
    official = image.get('original_height'), image.get('original_width')
    checked = (
        _header_problem(path, 'image file', size),
        _header_problem(mask, 'official mask', None if None in official else official),
    )
    found = [problem for problem in checked if problem]
    wanted = image.get('image_bytes')
    if not found and wanted is not None and path.stat().st_size != wanted:
        found.append(
            f'the image file {path} was changed since it was prepared: it has '
            f'{path.stat().st_size} bytes instead of {wanted}; prepare the data again'
        )
    return found


def _header_problem(path: Path, noun: str, size: tuple | None) -> str | None:
    try:
        if not path.is_file():
            return f'no {noun} {path}'
        width, height, is_upright = stored_layout(SourceFile(path, None, 0, 0))
    except (OSError, ValueError, UnreadableError) as error:
        return f'the {noun} {path} cannot be read: {error}'
    if size is not None and (height, width) != size:
        return (
            f'the {noun} {path} has {width} x {height} pixels, its record {size[1]} x {size[0]} '
            '(width x height)'
        )
    if not is_upright:
        return f'the {noun} {path} is stored turned, or its EXIF data are damaged'
    return None


def _spoken(value: Any) -> str:
    """Return a value in so few letters that a message of it can be read."""
    text = repr(value)
    return text if len(text) <= 60 else f'{text[:60]}...'


def _category_errors(found: Sequence[str], wanted: Sequence[str]) -> list[str]:
    # CocoDataset drops the annotations of unknown categories without a word.
    errors = [
        f"class '{name}' is not among the file's categories {list(found)}"
        for name in wanted
        if name not in found
    ]
    errors += [
        f"the file's category '{name}' is not among the classes {list(wanted)}"
        for name in found
        if name not in wanted
    ]
    if not errors and list(found) != list(wanted):
        # CocoDataset numbers labels by category id, whatever the order of the class names.
        errors.append(f'the categories {list(found)} are in another order than {list(wanted)}')
    return errors


def _dropped_problem(annotation: dict, category_ids: set[int]) -> str | None:
    """Return why CocoDataset would pass over an annotation without a word, or None."""
    if annotation['category_id'] not in category_ids:
        return f'its category id {annotation["category_id"]} is unknown'
    if annotation.get('area', 0) <= 0:
        return f'its area is {annotation.get("area")}'
    if annotation.get('ignore') or annotation.get('iscrowd'):
        return 'its lesion is marked to be ignored'
    return None


def _shape_problem(annotation: dict, size: tuple[int, int] | None) -> str | None:
    if size is None:
        return f'its image id {annotation["image_id"]} is unknown'
    x, y, width, height = annotation['bbox']
    if width < 1 or height < 1 or x < 0 or y < 0 or x + width > size[1] or y + height > size[0]:
        return f'box {annotation["bbox"]} does not fit an image of {size[1]} x {size[0]} pixels'
    segmentation = annotation.get('segmentation')
    if not segmentation:
        return 'the lesion has no mask'
    if isinstance(segmentation, dict):
        return run_lengths_problem(segmentation, *size)
    return _polygon_problem(segmentation, *size)


def _polygon_problem(polygons: Any, height: int, width: int) -> str | None:
    problem = f'its mask is no list of polygons inside the image: {_spoken(polygons)}'
    if not isinstance(polygons, list):
        return problem
    for polygon in polygons:
        if not isinstance(polygon, list) or len(polygon) < 6 or len(polygon) % 2:
            return problem
        if not all(_is_number(value) for value in polygon):
            return problem
        # A border may run half a pixel or so outside; far away, drawing it would never end.
        columns, rows = polygon[::2], polygon[1::2]
        if min(polygon) < -1 or max(columns) > width + 1 or max(rows) > height + 1:
            return problem
    return None


def truth_errors(dataset: 'BaseDataset') -> list[str]:
    """Return the images whose truth mask a data set's pipeline loses.

    Follows the truth of every image through every transform that can change it, over a blank
    image, so nothing is decoded. (mmdet drops run-length masks in silence when
    `poly2mask=False`, and then trains with a mask loss of zero.)
    """
    transforms = [t for t in dataset.pipeline.transforms if not changes_pixels_only(t)]
    state = np.random.get_state()
    errors = []
    for index in tqdm(range(len(dataset)), 'checking the truth', unit='image', leave=False):
        record = dataset.get_data_info(index)
        problem = _lost_truth(record, transforms)
        if problem:
            errors.append(f'{record["isic_id"]}: {problem}')
    np.random.set_state(state)
    return errors


def changes_pixels_only(transform: Any) -> bool:
    """Return whether a transform, or every transform inside it, changes only `img`."""
    parts = getattr(transform, 'transforms', None)  # of SomeOf and its like
    if parts:
        return all(map(changes_pixels_only, parts))
    return type(transform).__name__ in PIXEL_TRANSFORMS


def _lost_truth(record: dict, transforms: Sequence) -> str | None:
    wanted = len(record['instances'])
    if wanted == 0:
        return 'mmdet passes over its lesion'
    height, width = record['height'], record['width']
    results = {
        **record,
        'img': np.zeros((height, width, 3), np.uint8),
        'img_shape': (height, width),
        'ori_shape': (height, width),
    }
    for transform in transforms:
        name = type(transform).__name__
        transformed = transform(results)
        if transformed is None:
            return f'{name} filters it out'
        results = transformed
        masks = results.get('gt_masks')
        if masks is not None and (len(masks) < wanted or not np.all(masks.areas > 0)):
            hint = (
                '; run-length masks need poly2mask=True'
                if name == 'LoadAnnotations' and not transform.poly2mask
                else ''
            )
            return f'{name} loses its lesion mask{hint}'
    if 'gt_masks' not in results:
        return 'no transform loads its mask; add LoadAnnotations(with_bbox=True, with_mask=True)'
    return None


def class_count_errors(model: dict, classes: Sequence[str], where: str = 'model') -> list[str]:
    """Return every head of a model config whose `num_classes` differs from the data set's.

    Where a `diagnosis_head` tells the classes apart, the heads next to it know only lesions.

    Args:
        model: the config of a detector, nested dicts and lists.
        classes: class names of the data set.
        where: path of `model` inside the config, for the message.
    """
    errors = []
    for key, value in model.items():
        place = f'{where}.{key}'
        if key == 'num_classes' and not where.endswith('rpn_head') and value != len(classes):
            errors.append(
                f'{place} is {value}, but the data set has {len(classes)} classes {list(classes)}'
            )
        known = ['lesion'] if 'diagnosis_head' in model and key != 'diagnosis_head' else classes
        children = value if isinstance(value, (list, tuple)) else [value]
        for child in children:
            if isinstance(child, dict):
                errors += class_count_errors(child, known, place)
    return errors
