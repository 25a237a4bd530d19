"""Reads the JSON files of LabelMe, one for each image.

Shapes with the same `group_id` are parts of one lesion. The image in `imageData` is not read.
"""

import base64
import binascii
import io
import math
import posixpath
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from isic_mmdet.errors import InputError
from isic_mmdet.images.decoding import MAX_PIXELS
from isic_mmdet.images.formats import DECODE_ERRORS
from isic_mmdet.masks.run_lengths import encode_run_lengths
from isic_mmdet.prepare.own.outlines import (
    COORDINATE,
    LABEL,
    AnnotatedImage,
    Ellipse,
    Export,
    ExportError,
    Lesion,
    Part,
    Polygon,
    RunLengths,
    read_export,
)
from isic_mmdet.utils.schema import NAME, PIXELS, Kind, Shape, shape_errors

_REMEDY = 'save it again in LabelMe, or remove it'
_GROUP = Kind('number or text', lambda value: type(value) in (int, str))
_RECORD = Kind('record', lambda value: isinstance(value, dict))
_FILE: dict[str, Shape] = {
    'imagePath': NAME,
    'imageHeight?': PIXELS,
    'imageWidth?': PIXELS,
    'shapes': [_RECORD],
}
_SHAPE: dict[str, Shape] = {
    'label': LABEL,
    'points': [(COORDINATE, COORDINATE)],
    'group_id?': _GROUP,
    'shape_type?': NAME,
}


def read_labelme(folder: Path) -> Export:
    """Return the images of all JSON files of LabelMe below a folder.

    Raises:
        InputError: there is none.
    """
    if not folder.is_dir():
        raise InputError(f'{folder}: no such folder; give the one with the JSON files of LabelMe')
    paths = sorted(path for path in folder.rglob('*.json') if not path.name.startswith('.'))
    if not paths:
        raise InputError(f'{folder} holds no JSON file; give the folder with those of LabelMe')
    export = Export()
    for path in paths:
        _add(path, path.relative_to(folder).as_posix(), export)
    export.keep_sound()
    if not export.images and all(error.kind == 'not of LabelMe' for error in export.errors):
        details = [f'{error.file_name}: {error.detail}' for error in export.errors]
        raise InputError(f'{folder} holds no JSON file of LabelMe:', details)
    return export


def _add(path: Path, name: str, export: Export) -> None:
    try:
        content = read_export(path, _REMEDY)
    except InputError as error:
        export.errors.append(ExportError(name, 'not of LabelMe', str(error)))
        return
    if errors := shape_errors(content, _FILE):
        detail = f'{path}: {"; ".join(errors[:2])}; {_REMEDY}'
        export.errors.append(ExportError(name, 'not of LabelMe', detail))
        return
    image = posixpath.normpath(
        posixpath.join(posixpath.dirname(name), content['imagePath'].replace('\\', '/'))
    )
    height, width = content.get('imageHeight'), content.get('imageWidth')
    size = (height, width) if height and width else None
    if not content['shapes']:
        detail = f'{path} has no outline; draw it, or remove the file'
        export.errors.append(ExportError(image, 'no outline', detail))
        return
    groups: defaultdict[Any, list[tuple[str, Part]]] = defaultdict(list)
    for index, shape in enumerate(content['shapes']):
        found = _part(shape, size)
        if isinstance(found, str):
            detail = f'{path}, shape {index + 1}: {found}'
            export.errors.append(ExportError(image, 'bad outline', detail))
            return
        group = shape.get('group_id')
        key = ('single', index) if group is None else ('group', group)
        groups[key].append((shape['label'].strip(), found))
    lesions = []
    for parts in groups.values():
        labels = sorted({label for label, _ in parts})
        if len(labels) > 1:
            detail = f'{path}: a group has the labels {labels}; give all its shapes one label'
            export.errors.append(ExportError(image, 'two labels', detail))
            return
        lesions.append(Lesion(labels[0], tuple(part for _, part in parts)))
    export.images.append(AnnotatedImage(image, size, tuple(lesions)))


def _part(shape: dict[str, Any], size: tuple[int, int] | None) -> Part | str:
    """Return the outline of a shape, or what is wrong with it."""
    if errors := shape_errors(shape, _SHAPE):
        return f'{errors[0]}; {_REMEDY}'
    kind, points = shape.get('shape_type') or 'polygon', shape['points']
    if kind == 'polygon':
        return Polygon(tuple(float(value) for point in points for value in point))
    if kind not in ('rectangle', 'circle', 'mask'):
        return f'a {kind} has no area; draw a polygon, or remove it'
    if kind == 'rectangle' and len(points) == 4:
        return Polygon(tuple(float(value) for point in points for value in point))
    if len(points) != 2:
        return f'a {kind} has {len(points)} points, expected 2; {_REMEDY}'
    (left, top), (right, bottom) = points
    if kind == 'rectangle':
        return Polygon(tuple(map(float, (left, top, right, top, right, bottom, left, bottom))))
    if kind == 'circle':
        radius = math.hypot(right - left, bottom - top)
        return Ellipse(float(left), float(top), radius, radius)
    return _painted(shape.get('mask'), points, size)


def _painted(
    text: Any, points: Sequence[Sequence[float]], size: tuple[int, int] | None
) -> RunLengths | str:
    """Return a painted mask, whose PNG fills the box from the first point to the second."""
    if size is None:
        return f'a mask needs imageHeight and imageWidth; {_REMEDY}'
    if size[0] * size[1] > MAX_PIXELS:
        return f'an image of {size[1]} x {size[0]} has more than {MAX_PIXELS} pixels; {_REMEDY}'
    try:
        with Image.open(io.BytesIO(base64.b64decode(text, validate=True)), formats=['PNG']) as png:
            pixels = np.asarray(png.convert('L')) > 0
    except (TypeError, binascii.Error, *DECODE_ERRORS) as error:
        return f'its mask is no PNG ({error or type(error).__name__}); {_REMEDY}'
    left, top = round(points[0][0]), round(points[0][1])
    bottom, right = top + pixels.shape[0], left + pixels.shape[1]
    if left < 0 or top < 0 or bottom > size[0] or right > size[1]:
        return f'its mask reaches outside the image of {size[1]} x {size[0]} pixels; {_REMEDY}'
    mask = np.zeros(size, np.bool_)
    mask[top:bottom, left:right] = pixels
    return RunLengths(list(size), encode_run_lengths(mask))
