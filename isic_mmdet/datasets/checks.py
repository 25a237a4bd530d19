"""What is looked at before the first iteration; each function returns faults, one line each."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

if TYPE_CHECKING:
    from mmengine.dataset import BaseDataset

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


def annotation_faults(
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
        return ['no such file; tools/prepare_isic.py writes it, see data/README.md']
    try:
        coco = json.loads(ann_file.read_text(encoding='utf-8'))
    except ValueError as error:
        return [f'not valid JSON: {error}']
    missing_keys = [key for key in ('images', 'annotations', 'categories') if key not in coco]
    if missing_keys:
        return [f'not a COCO annotation file: no {", ".join(missing_keys)}']

    faults = _category_faults([category['name'] for category in coco['categories']], classes)
    if not coco['images']:
        faults.append('holds no image')
    annotated = {annotation['image_id'] for annotation in coco['annotations']}
    for image in coco['images']:
        lacking = [key for key in ('isic_id', 'original_mask') if key not in image]
        if lacking:
            faults.append(f'{image["file_name"]}: its record has no {", ".join(lacking)}')
            continue
        if not (image_folder / image['file_name']).is_file():
            faults.append(f'{image["isic_id"]}: no image file {image_folder / image["file_name"]}')
        if not (data_root / image['original_mask']).is_file():
            faults.append(
                f'{image["isic_id"]}: no official mask {data_root / image["original_mask"]}'
            )
        if image['id'] not in annotated:
            faults.append(f'{image["isic_id"]}: no lesion is annotated')
    sizes = {image['id']: (image['height'], image['width']) for image in coco['images']}
    names = {image['id']: image.get('isic_id', image['file_name']) for image in coco['images']}
    category_ids = {category['id'] for category in coco['categories']}
    for annotation in coco['annotations']:
        fault = _dropped_fault(annotation, category_ids)
        fault = fault or _shape_fault(annotation, sizes.get(annotation['image_id']))
        if fault:
            name = names.get(annotation['image_id'], f'annotation {annotation["id"]}')
            faults.append(f'{name}: {fault}')
    return faults


def _category_faults(found: Sequence[str], wanted: Sequence[str]) -> list[str]:
    # CocoDataset drops the annotations of unknown categories without a word.
    faults = [
        f"class '{name}' is not among the file's categories {list(found)}"
        for name in wanted
        if name not in found
    ]
    faults += [
        f"the file's category '{name}' is not among the classes {list(wanted)}"
        for name in found
        if name not in wanted
    ]
    if not faults and list(found) != list(wanted):
        # CocoDataset numbers labels by category id, whatever the order of the class names.
        faults.append(f'the categories {list(found)} are in another order than {list(wanted)}')
    return faults


def _dropped_fault(annotation: dict, category_ids: set[int]) -> str | None:
    """Return why CocoDataset would pass over an annotation without a word, or None."""
    if annotation['category_id'] not in category_ids:
        return f'its category id {annotation["category_id"]} is unknown'
    if annotation.get('area', 0) <= 0:
        return f'its area is {annotation.get("area")}'
    if annotation.get('ignore') or annotation.get('iscrowd'):
        return 'its lesion is marked to be ignored'
    return None


def _shape_fault(annotation: dict, size: tuple[int, int] | None) -> str | None:
    if size is None:
        return f'its image id {annotation["image_id"]} is unknown'
    x, y, width, height = annotation['bbox']
    if width < 1 or height < 1 or x < 0 or y < 0 or x + width > size[1] or y + height > size[0]:
        return f'box {annotation["bbox"]} does not fit an image of {size[1]} x {size[0]} pixels'
    segmentation = annotation.get('segmentation')
    if not segmentation:
        return 'the lesion has no mask'
    if isinstance(segmentation, dict) and tuple(segmentation['size']) != size:
        return f'its mask is {segmentation["size"]}, its image {list(size)} (height, width)'
    return None


def truth_faults(dataset: 'BaseDataset') -> list[str]:
    """Return the images whose truth mask a data set's pipeline loses.

    Follows the truth of every image through every transform that can change it, over a blank
    image, so nothing is decoded. (mmdet drops run-length masks in silence when
    `poly2mask=False`, and then trains with a mask loss of zero.)
    """
    transforms = [t for t in dataset.pipeline.transforms if not _changes_pixels_only(t)]
    state = np.random.get_state()
    faults = []
    for index in tqdm(range(len(dataset)), 'checking the truth', unit='image', leave=False):
        record = dataset.get_data_info(index)
        fault = _lost_truth(record, transforms)
        if fault:
            faults.append(f'{record["isic_id"]}: {fault}')
    np.random.set_state(state)
    return faults


def _changes_pixels_only(transform: Any) -> bool:
    parts = getattr(transform, 'transforms', None)  # of SomeOf and its like
    if parts:
        return all(map(_changes_pixels_only, parts))
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


def class_count_faults(model: dict, classes: Sequence[str], where: str = 'model') -> list[str]:
    """Return every head of a model config whose `num_classes` differs from the data set's.

    Args:
        model: the config of a detector, nested dicts and lists.
        classes: class names of the data set.
        where: path of `model` inside the config, for the message.
    """
    faults = []
    for key, value in model.items():
        place = f'{where}.{key}'
        if key == 'num_classes' and not where.endswith('rpn_head') and value != len(classes):
            faults.append(
                f'{place} is {value}, but the data set has {len(classes)} classes {list(classes)}'
            )
        children = value if isinstance(value, (list, tuple)) else [value]
        for child in children:
            if isinstance(child, dict):
                faults += class_count_faults(child, classes, place)
    return faults
