"""Reads COCO files, as CVAT, Label Studio, Roboflow and most other annotation tools export them.

An outline is a list of polygons, whose union it is, or a run-length code, which may have holes. The
flag `iscrowd` is ignored, because CVAT sets it for every mask that was painted with a brush.
"""

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from isic_mmdet.errors import InputError
from isic_mmdet.prepare.own.outlines import (
    COORDINATE,
    LABEL,
    AnnotatedImage,
    Export,
    ExportError,
    Lesion,
    Part,
    Polygon,
    RunLengths,
    read_export,
)
from isic_mmdet.utils.schema import COUNT, NAME, PIXELS, Kind, Shape, shape_errors

_REMEDY = 'give the COCO file with outlines that the annotation tool exports'
_ID = Kind('number or text', lambda value: type(value) in (int, str))
_ANY = Kind('record', lambda value: isinstance(value, dict))
_FILE: dict[str, Shape] = {
    'images': [{'id': _ID, 'file_name': NAME, 'height?': PIXELS, 'width?': PIXELS}],
    'annotations': [_ANY],
    'categories': [{'id': _ID, 'name': LABEL}],
}
_ANNOTATION: dict[str, Shape] = {'image_id': _ID, 'category_id': _ID}
_CODE: dict[str, Shape] = {'size': [COUNT]}


def read_coco(path: Path) -> Export:
    """Return the images of a COCO file.

    Raises:
        InputError: the file is no COCO file, or two of its images or categories have the same id.
    """
    content = read_export(path, _REMEDY)
    if errors := shape_errors(content, _FILE) or _repeated_ids(content):
        raise InputError(f'{path}: damaged, or another kind of file; {_REMEDY}:', errors)
    names = {category['id']: category['name'].strip() for category in content['categories']}
    images = {image['id']: image for image in content['images']}
    export = Export()
    lesions: defaultdict[Any, list[Lesion]] = defaultdict(list)
    for number, annotation in enumerate(content['annotations'], 1):
        image = images.get(annotation.get('image_id')) if _has_ids(annotation) else None
        name = image['file_name'] if image else f'annotation {annotation.get("id", number)}'
        problem = _annotation_problem(annotation, image, names)
        if problem:
            kind, detail = problem
            export.errors.append(ExportError(name, kind, f'{path}: {detail}'))
            continue
        lesion = Lesion(names[annotation['category_id']], _parts(annotation['segmentation']))
        lesions[annotation['image_id']].append(lesion)
    wrong = {error.file_name for error in export.errors}
    for image in content['images']:
        name, height, width = image['file_name'], image.get('height'), image.get('width')
        if found := lesions[image['id']]:
            size = (height, width) if height and width else None
            export.images.append(AnnotatedImage(name, size, tuple(found)))
        elif name not in wrong:
            detail = f'{path} has no outline for it; draw it, or remove the image'
            export.errors.append(ExportError(name, 'no outline', detail))
    export.keep_sound()
    return export


def _repeated_ids(content: Any) -> list[str]:
    return [
        f'{part}: id {value!r} comes {count} times'
        for part in ('images', 'categories')
        for value, count in Counter(record['id'] for record in content[part]).items()
        if count > 1
    ]


def _has_ids(annotation: dict[str, Any]) -> bool:
    return not shape_errors(annotation, _ANNOTATION)


def _annotation_problem(
    annotation: dict[str, Any], image: Any, names: dict[Any, str]
) -> tuple[str, str] | None:
    if errors := shape_errors(annotation, _ANNOTATION):
        return 'bad annotation', f'{errors[0]}; export it again'
    if image is None:
        text = f'image_id {annotation["image_id"]!r} is none of the images; export it again'
        return 'unknown image', text
    if annotation['category_id'] not in names:
        text = f'category_id {annotation["category_id"]!r} is none of the categories'
        return 'unknown category', f'{text}; export it again'
    outline = annotation.get('segmentation')
    if not outline:
        return 'no outline', 'an annotation has no outline (only a box?); export polygons or masks'
    if isinstance(outline, dict):
        errors = shape_errors(outline, _CODE)
        if not errors and len(outline['size']) != 2:
            errors = [f'size is {outline["size"]}, expected: height and width']
        kind = 'bad run lengths'
    else:
        errors, kind = shape_errors(outline, [[COORDINATE]], 'segmentation'), 'bad outline'
        if not errors and any(len(ring) % 2 for ring in outline):
            errors = ['a polygon has an odd number of coordinates']
    return (kind, f'{errors[0]}; export it again') if errors else None


def _parts(outline: Any) -> tuple[Part, ...]:
    if isinstance(outline, dict):
        return (RunLengths(outline['size'], outline.get('counts')),)
    return tuple(Polygon(tuple(map(float, ring))) for ring in outline)
