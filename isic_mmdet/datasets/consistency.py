"""Whether annotations fit themselves, the official masks and each other.

All of it takes at most milliseconds per image, so it can run before every training.
"""

import reprlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from isic_mmdet.errors import InputError
from isic_mmdet.masks.mask_files import read_mask
from isic_mmdet.masks.resize import resize_mask
from isic_mmdet.masks.run_lengths import run_lengths_problem
from isic_mmdet.utils.schema import NUMBER, shape_errors

#: Pixels by which an edge of a box may miss the mask: tools differ in whether the last one counts.
BOX_TOLERANCE = 1.0
#: Share of the mask's pixels. Half the border of its box is added, because polygons differ by that
#: from the pixels inside them.
AREA_TOLERANCE = 0.02
#: IoU of annotation and official mask below which they cannot belong together.
LEAST_OVERLAP = 0.5
#: Official masks that are compared with their annotations before every run, spread over the file:
#: enough to notice that all masks are rotated, inverted, or of 0 and 1.
COMPARED_MASKS = 12

Annotation = Mapping[str, Any]


def annotation_problem(
    annotation: Annotation, height: int, width: int, names: Mapping[int, str]
) -> str | None:
    """Return what is wrong with the annotation of an image of this size, or None.

    Args:
        annotation: of the shape that `checks` requires.
        height: in pixels.
        width: in pixels.
        names: category id to class name.
    """
    if annotation['category_id'] not in names:
        return f'its category id {annotation["category_id"]} is unknown'
    # CocoDataset skips these without a message.
    if annotation['area'] <= 0:
        return f'its area is {annotation["area"]}'
    if annotation.get('ignore') or annotation.get('iscrowd'):
        return 'its lesion is marked to be ignored'
    x, y, box_width, box_height = annotation['bbox']
    if min(box_width, box_height) < 1 or min(x, y) < 0:
        return f'its box {annotation["bbox"]} does not fit an image'
    if x + box_width > width or y + box_height > height:
        return f'box {annotation["bbox"]} does not fit an image of {width} x {height} pixels'
    segmentation = annotation.get('segmentation')
    if not segmentation:
        return 'the lesion has no mask'
    if isinstance(segmentation, dict):
        problem = run_lengths_problem(segmentation, height, width)
    else:
        problem = _polygon_problem(segmentation, height, width)
    return problem or mask_problem(annotation, height, width)


def _polygon_problem(polygons: Any, height: int, width: int) -> str | None:
    # A border may run half a pixel or so outside; far away, drawing it would never end.
    if not shape_errors(polygons, [[NUMBER]]) and all(
        len(polygon) >= 6
        and len(polygon) % 2 == 0
        and all(-1 <= x <= width + 1 for x in polygon[::2])
        and all(-1 <= y <= height + 1 for y in polygon[1::2])
        for polygon in polygons
    ):
        return None
    return f'its mask is no list of polygons inside the image: {reprlib.repr(polygons)}'


def run_lengths(annotation: Annotation, height: int, width: int) -> dict[str, Any]:
    """Return the mask of a sound annotation as one compressed run-length code of COCO."""
    segmentation = annotation['segmentation']
    if isinstance(segmentation, list):
        return coco_mask.merge(coco_mask.frPyObjects(segmentation, height, width))
    if isinstance(segmentation['counts'], list):
        return coco_mask.frPyObjects(segmentation, height, width)
    return {'size': [height, width], 'counts': segmentation['counts'].encode()}


def mask_problem(annotation: Annotation, height: int, width: int) -> str | None:
    """Return how box or area of an annotation contradicts its mask, or None."""
    code = run_lengths(annotation, height, width)
    pixels, tight = int(coco_mask.area(code)), np.array(coco_mask.toBbox(code))
    if not pixels:
        return 'its mask has no pixel'
    box = np.array(annotation['bbox'], np.float64)
    if isinstance(annotation['segmentation'], list):
        points = np.concatenate([np.reshape(part, (-1, 2)) for part in annotation['segmentation']])
        points = np.clip(points, 0, (width, height))
        tight = np.concatenate([points.min(axis=0), np.ptp(points, axis=0)])
    edges, wanted = (np.concatenate([each[:2], each[:2] + each[2:]]) for each in (box, tight))
    if np.abs(edges - wanted).max() > BOX_TOLERANCE + 1e-6:
        return (
            f'its box {annotation["bbox"]} is not that of its mask, {tight.round(1).tolist()} '
            f'(x, y, width, height; an edge may be off by {BOX_TOLERANCE:g} px)'
        )
    tolerance = AREA_TOLERANCE * pixels + tight[2] + tight[3]
    # Some tools write the area of the box.
    if all(abs(annotation['area'] - true) > tolerance for true in (pixels, box[2] * box[3])):
        return f'its area is {annotation["area"]:g}, its mask has {pixels} pixels'
    return None


def repeated_problem(annotations: Sequence[Annotation], names: Mapping[int, str]) -> str | None:
    """Return what is wrong with several annotations of one image, or None.

    Args:
        annotations: of one image, at least one.
        names: category id to class name.
    """
    classes = sorted({names[each['category_id']] for each in annotations})
    if len(classes) > 1:
        return f'its annotations are of the classes {classes}; an image has one true class'
    lesions = Counter((*each['bbox'], str(each['segmentation'])) for each in annotations)
    if max(lesions.values()) > 1:
        return 'the same lesion is annotated twice; remove one of the two'
    return None


def official_mask_errors(
    images: Sequence[Mapping[str, Any]],
    annotations: Mapping[int, Sequence[Annotation]],
    data_root: Path,
) -> list[str]:
    """Compare some official masks, spread over all images, with their annotations.

    Args:
        images: of an annotation file, with sound records.
        annotations: sound ones, by image id.
        data_root: folder that `original_mask` is relative to.
    """
    step = max(1, len(images) // COMPARED_MASKS)
    errors = []
    for image in images[::step][:COMPARED_MASKS]:
        path = data_root / image['original_mask']
        annotated = annotated_mask(annotations[image['id']], image['height'], image['width'])
        try:
            problem = official_mask_problem(read_mask(path), annotated)
        except InputError as error:
            errors.append(f'{image["isic_id"]}: {error}')
        else:
            if problem:
                errors.append(f'{image["isic_id"]}: the official mask {path} {problem}')
    return errors


def annotated_mask(annotations: Sequence[Annotation], height: int, width: int) -> NDArray[np.bool_]:
    """Return the union of the masks of one image, (height, width) bool."""
    codes = [run_lengths(each, height, width) for each in annotations]
    return coco_mask.decode(coco_mask.merge(codes)) > 0


def official_mask_problem(official: NDArray[np.bool_], annotated: NDArray[np.bool_]) -> str | None:
    """Return how an official mask contradicts the annotation, or None.

    Args:
        official: (H, W) bool.
        annotated: (h, w) bool, not empty.
    """
    if not official.any():
        return (
            'has no gray above 128, as the challenge marks lesions: every prediction would score '
            'as for an empty lesion; save it with 0 and 255'
        )
    resized = resize_mask(official, *annotated.shape)
    overlap = np.count_nonzero(resized & annotated) / np.count_nonzero(resized | annotated)
    if overlap < LEAST_OVERLAP:
        return (
            f'and the annotation have an IoU of {overlap:.2f}: one of them is rotated, inverted, '
            'or of another image'
        )
    return None


def shared_images(splits: Mapping[str, Mapping[str, Path]]) -> list[str]:
    """Return one sentence for each two splits that have images in common.

    An image is the same if its id, its path or its content is the same.

    Args:
        splits: name to the image files by id.
    """
    by_size: defaultdict[int, list[tuple[str, str, Path]]] = defaultdict(list)
    for split, files in splits.items():
        for name, path in files.items():
            by_size[path.stat().st_size].append((split, name, path))
    common: defaultdict[frozenset[str], set[str]] = defaultdict(set)
    for first, second in combinations(splits, 2):
        common[frozenset((first, second))] |= splits[first].keys() & splits[second].keys()
    for entries in by_size.values():
        if len({split for split, _, _ in entries}) < 2:
            continue  # only files of the same size are read
        by_content: defaultdict[int, list[tuple[str, str]]] = defaultdict(list)
        for split, name, path in entries:
            by_content[crc32(path.read_bytes())].append((split, name))
        for same in by_content.values():
            for (split, name), (other, twin) in combinations(same, 2):
                if split != other:
                    label = name if name == twin else f'{name} and {twin}'
                    common[frozenset((split, other))].add(label)
    return [
        f'{len(common[key])} images are in {first} and in {second} (such as '
        f'{sorted(common[key])[0]}): the scores on them say little about other images'
        for first, second in combinations(splits, 2)
        if common[key := frozenset((first, second))]
    ]
