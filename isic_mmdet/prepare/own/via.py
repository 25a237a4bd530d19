"""Reads the JSON files of the VGG Image Annotator (VIA), versions 1 to 3.

Versions 1 and 2 save a project, or export the annotations alone. Version 3 saves a project of
another layout. None of them records the size of an image. A region has any number of attributes;
one of them is the class.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from isic_mmdet.errors import InputError
from isic_mmdet.prepare.own.outlines import (
    COORDINATE,
    LABEL,
    NO_CATEGORY,
    AnnotatedImage,
    Ellipse,
    Export,
    ExportError,
    Lesion,
    Part,
    Polygon,
    read_export,
)
from isic_mmdet.utils.schema import NAME, Kind, Shape, shape_errors

_REMEDY = 'give the project file, or the annotations as JSON, that VIA saves'
_RECORD = Kind('record', lambda value: isinstance(value, dict))
_REGIONS = Kind('list or record', lambda value: isinstance(value, (list, dict)))
_ID = Kind('number or text', lambda value: type(value) in (int, str))
_FILE_2: dict[str, Shape] = {'*': {'filename': NAME, 'regions': _REGIONS}}
_REGION_2: dict[str, Shape] = {'shape_attributes': {'name': NAME}, 'region_attributes?': _RECORD}
_FILE_3: dict[str, Shape] = {
    'file': {'*': {'fname': NAME}},
    'view': {'*': {'fid_list': [_ID]}},
    'attribute': {'*': {'aname': LABEL, 'options?': _RECORD}},
    'metadata': {'*': {'vid': _ID, 'xy': [COORDINATE], 'av': _RECORD}},
}
# The coordinates of a shape by its name.
_SHAPES: dict[str, dict[str, Shape]] = {
    'polygon': {'all_points_x': [COORDINATE], 'all_points_y': [COORDINATE]},
    'rect': dict.fromkeys(('x', 'y', 'width', 'height'), COORDINATE),
    'circle': dict.fromkeys(('cx', 'cy', 'r'), COORDINATE),
    'ellipse': {**dict.fromkeys(('cx', 'cy', 'rx', 'ry'), COORDINATE), 'theta?': COORDINATE},
}
_SHAPES['polyline'] = _SHAPES['polygon']  # closed
# The shape of a region in VIA 3 by its first number.
_NAMES_3 = dict(enumerate(('point', 'rect', 'circle', 'ellipse', 'line', 'polyline', 'polygon'), 1))

#: Regions of one image: their shapes as in VIA 2, and the values of their attributes.
_Regions = list[tuple[Any, dict[str, str]]]


def read_via(path: Path, attribute: str | None = None) -> Export:
    """Return the images of a VIA file.

    Args:
        path: project file, or annotations exported as JSON.
        attribute: of a region, which is its class; None if there is only one, or none.

    Raises:
        InputError: the file is not of VIA, or it is unclear which attribute is the class.
    """
    content = read_export(path, _REMEDY)
    is_third = isinstance(content, dict) and {'metadata', 'file', 'view'} <= content.keys()
    images = _images_3(path, content) if is_third else _images_2(path, content)
    chosen = _class_attribute(path, images, attribute)
    export = Export()
    for name, regions in images:
        try:
            lesions = [_lesion(shape, values, chosen) for shape, values in regions]
        except ValueError as error:
            export.errors.append(ExportError(name, 'bad outline', f'{path}: {error}'))
            continue
        if lesions:
            export.images.append(AnnotatedImage(name, None, tuple(lesions)))
        else:
            detail = f'{path} has no outline for it; draw it, or remove the image'
            export.errors.append(ExportError(name, 'no outline', detail))
    export.keep_sound()
    return export


def _images_2(path: Path, content: Any) -> list[tuple[str, _Regions]]:
    if isinstance(content, dict):
        content = content.get('_via_img_metadata', content)
    if errors := shape_errors(content, _FILE_2):
        shown = [f'{error:.150}' for error in errors]
        raise InputError(f'{path}: damaged, or another kind of file; {_REMEDY}:', shown)
    images = []
    for image in content.values():
        regions = image['regions']
        regions = list(regions.values()) if isinstance(regions, dict) else regions
        found: _Regions = []
        for region in regions:
            errors = shape_errors(region, _REGION_2)
            shape = errors[0] if errors else region['shape_attributes']
            values = {} if errors else region.get('region_attributes') or {}
            found.append((shape, {name: _text(value) for name, value in values.items()}))
        images.append((image['filename'], found))
    return images


def _images_3(path: Path, content: Any) -> list[tuple[str, _Regions]]:
    errors = shape_errors(content, _FILE_3)
    errors = errors or [
        f'view {name}: its file is none of the files'
        for name, view in content['view'].items()
        if not view['fid_list'] or str(view['fid_list'][0]) not in content['file']
    ]
    errors = errors or [
        f'metadata {name}: vid {region["vid"]!r} is none of the views'
        for name, region in content['metadata'].items()
        if str(region['vid']) not in content['view']
    ]
    if errors:
        raise InputError(f'{path}: damaged, or another kind of file; {_REMEDY}:', errors)
    regions: defaultdict[str, _Regions] = defaultdict(list)
    for region in content['metadata'].values():
        if not region['xy']:
            continue  # an attribute of the image
        kind, *numbers = region['xy']
        values = {}
        for key, value in region['av'].items():
            attribute = content['attribute'].get(key, {})
            name, options = attribute.get('aname', key), attribute.get('options') or {}
            values[name] = _text(options.get(value, value) if isinstance(value, str) else value)
        shape: Any = {'name': _NAMES_3.get(kind, f'shape of number {kind:g}')}
        keys = [key.removesuffix('?') for key in _SHAPES.get(shape['name'], ())]
        if 'all_points_x' in keys:
            shape |= {'all_points_x': numbers[::2], 'all_points_y': numbers[1::2]}
        else:
            shape |= dict(zip(keys, numbers, strict=False))
        regions[str(region['vid'])].append((shape, values))
    return [
        (content['file'][str(view['fid_list'][0])]['fname'], regions[name])
        for name, view in content['view'].items()
    ]


def _text(value: Any) -> str:
    """Return the value of an attribute; of a group of check boxes the one that is checked."""
    if isinstance(value, dict):
        value = ', '.join(sorted(name for name, checked in value.items() if checked is True))
    return str(value).strip() if isinstance(value, (str, int)) else ''


def _class_attribute(
    path: Path, images: Sequence[tuple[str, _Regions]], wanted: str | None
) -> str | None:
    """Return which attribute is the class; None if no region has a value of any."""
    names = sorted(
        {name for _, found in images for _, values in found for name in values if values[name]}
    )
    listed = ', '.join(names) or 'none'
    if wanted is not None and wanted not in names:
        raise InputError(
            f'{path}: no region has the attribute {wanted!r}; correct --class-attribute, its '
            f'regions have: {listed}'
        )
    if wanted is None and len(names) > 1:
        raise InputError(
            f'{path}: its regions have several attributes ({listed}); name the one that is the '
            'class with --class-attribute'
        )
    return wanted or (names[0] if names else None)


def _lesion(shape: Any, values: Mapping[str, str], attribute: str | None) -> Lesion:
    """Return a region as a lesion; what is wrong with it is a `ValueError`."""
    category = values.get(attribute, '') if attribute else NO_CATEGORY
    part = _part(shape)
    if not category:
        raise ValueError(f'a region has no {attribute}; set it')
    if shape_errors(category, LABEL):
        raise ValueError(f'{attribute} {category!r:.60} is no name; correct it')
    return Lesion(category, (part,))


def _part(shape: Any) -> Part:
    if isinstance(shape, str):
        raise ValueError(f'a region is damaged: {shape}; save it again')
    name = shape['name']
    if name not in _SHAPES:
        raise ValueError(f'a {name} has no area; draw a polygon, or remove it')
    if errors := shape_errors(shape, _SHAPES[name], name):
        raise ValueError(f'a region is damaged: {errors[0]}; save it again')
    if name in ('polygon', 'polyline'):
        x, y = shape['all_points_x'], shape['all_points_y']
        if len(x) != len(y):
            raise ValueError(f'a {name} has {len(x)} x and {len(y)} y; save it again')
        return Polygon(tuple(float(value) for point in zip(x, y, strict=True) for value in point))
    if name == 'rect':
        left, top = shape['x'], shape['y']
        right, bottom = left + shape['width'], top + shape['height']
        return Polygon(tuple(map(float, (left, top, right, top, right, bottom, left, bottom))))
    rx, ry = (shape['r'],) * 2 if name == 'circle' else (shape['rx'], shape['ry'])
    angle = shape.get('theta') or 0.0
    return Ellipse(*map(float, (shape['cx'], shape['cy'], rx, ry, angle)))
