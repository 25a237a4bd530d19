"""Small exports as annotation tools write them, of two images of 60 x 40 and 40 x 60 pixels."""

import base64
import copy
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

#: A triangle, a square and a square with a hole, as height x width masks know them.
TRIANGLE = [10.0, 5.0, 40.0, 5.0, 10.0, 30.0]
SQUARE = [5, 10, 25, 10, 25, 30, 5, 30]


def ring() -> np.ndarray:
    mask = np.zeros((60, 40), np.bool_)
    mask[10:50, 5:35] = True
    mask[20:30, 10:20] = False
    return mask


def uncompressed(mask: np.ndarray) -> list[int]:
    """Return COCO's run lengths, counted pixel by pixel."""
    counts, value = [0], False
    for pixel in mask.T.ravel():
        if pixel != value:
            counts.append(0)
            value = pixel
        counts[-1] += 1
    return counts


def coco() -> dict[str, Any]:
    """As CVAT exports it: a polygon with categories from 1, and a painted mask as a crowd."""
    return {
        'licenses': [{'name': '', 'id': 0, 'url': ''}],
        'info': {'contributor': '', 'date_created': '', 'description': '', 'year': ''},
        'categories': [
            {'id': 1, 'name': 'nevus', 'supercategory': ''},
            {'id': 2, 'name': 'melanoma', 'supercategory': ''},
        ],
        'images': [
            {'id': 1, 'width': 60, 'height': 40, 'file_name': 'a/one.jpg', 'license': 0},
            {'id': 2, 'width': 40, 'height': 60, 'file_name': 'two.png', 'license': 0},
        ],
        'annotations': [
            {
                'id': 1,
                'image_id': 1,
                'category_id': 1,
                'segmentation': [TRIANGLE],
                'area': 375.0,
                'bbox': [10.0, 5.0, 30.0, 25.0],
                'iscrowd': 0,
                'attributes': {'occluded': False},
            },
            {
                'id': 2,
                'image_id': 2,
                'category_id': 2,
                'segmentation': {'counts': uncompressed(ring()), 'size': [60, 40]},
                'area': 1100.0,
                'bbox': [5.0, 10.0, 30.0, 40.0],
                'iscrowd': 1,
                'attributes': {'occluded': False},
            },
        ],
    }


def labelme() -> dict[str, dict[str, Any]]:
    """Two files by name: a polygon, and a painted mask with a circle that touches no other."""
    png = io.BytesIO()
    Image.fromarray(ring()[10:50, 5:35]).save(png, 'PNG')

    def shape(kind: str, points: list[list[float]], **more: Any) -> dict[str, Any]:
        given = {'label': 'nevus', 'points': points, 'group_id': None, 'shape_type': kind}
        return {**given, 'flags': {}, 'description': '', **more}

    points = [list(point) for point in zip(TRIANGLE[::2], TRIANGLE[1::2], strict=True)]
    painted = base64.b64encode(png.getvalue()).decode()
    shapes = [
        [shape('polygon', points)],
        [shape('mask', [[5, 10], [34, 49]], mask=painted, label='melanoma')],
    ]
    return {
        f'{name}.json': {
            'version': '5.5.0',
            'flags': {},
            'shapes': own,
            'imagePath': path,
            'imageData': None,
            'imageHeight': height,
            'imageWidth': width,
        }
        for name, path, own, height, width in (
            ('one', 'one.jpg', shapes[0], 40, 60),
            ('two', '..\\photos\\two.png', shapes[1], 60, 40),
        )
    }


def via2() -> dict[str, Any]:
    """A project of VIA 2."""

    def region(attributes: dict[str, Any], name: str) -> dict[str, Any]:
        return {'shape_attributes': attributes, 'region_attributes': {'diagnosis': name}}

    square = {'name': 'polygon', 'all_points_x': SQUARE[::2], 'all_points_y': SQUARE[1::2]}
    circle = {'name': 'circle', 'cx': 30, 'cy': 20, 'r': 10.5}
    return {
        '_via_settings': {'project': {'name': 'lesions'}},
        '_via_img_metadata': {
            'one.jpg1234': {
                'filename': 'one.jpg',
                'size': 1234,
                'regions': [region(circle, 'nevus')],
                'file_attributes': {},
            },
            'two.png99': {
                'filename': 'two.png',
                'size': 99,
                'regions': [region(square, 'melanoma')],
                'file_attributes': {},
            },
        },
        '_via_attributes': {'region': {'diagnosis': {'type': 'text'}}, 'file': {}},
    }


def via3() -> dict[str, Any]:
    """The same as a project of VIA 3."""
    return {
        'project': {'pid': '__VIA_PROJECT_ID__', 'pname': 'lesions', 'vid_list': ['1', '2']},
        'config': {'file': {'loc_prefix': {'1': '', '2': '', '3': '', '4': ''}}},
        'attribute': {
            '1': {
                'aname': 'diagnosis',
                'anchor_id': 'FILE1_Z0_XY1',
                'type': 4,
                'options': {'0': 'nevus', '1': 'melanoma'},
                'default_option_id': '',
            }
        },
        'file': {
            '1': {'fid': '1', 'fname': 'one.jpg', 'type': 2, 'loc': 1, 'src': ''},
            '2': {'fid': '2', 'fname': 'two.png', 'type': 2, 'loc': 1, 'src': ''},
        },
        'view': {'1': {'fid_list': ['1']}, '2': {'fid_list': ['2']}},
        'metadata': {
            '1_a': {'vid': '1', 'flg': 0, 'z': [], 'xy': [3, 30, 20, 10.5], 'av': {'1': '0'}},
            '2_b': {'vid': '2', 'flg': 0, 'z': [], 'xy': [7, *SQUARE], 'av': {'1': '1'}},
        },
    }


def write(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


#: What a damaged or hand-edited file may hold where something else belongs.
HOSTILE: list[Any] = [
    *(None, True, '', '\0', 'x' * 5000, [], {}, [[]], [None], float('nan'), float('inf')),
    *(-1e300, 1e300, 10**30, -7, '../../etc/passwd'),
]


def mutations(content: Any) -> Iterator[tuple[str, Any]]:
    """Yield a name and a copy of a JSON value, with one value after the other made hostile."""
    for number, path in enumerate(_paths(content)):
        for turn in range(3):
            value = HOSTILE[(number + 5 * turn) % len(HOSTILE)]
            changed = copy.deepcopy(content)
            node = changed
            for key in path[:-1]:
                node = node[key]
            node[path[-1]] = value
            yield f'{".".join(map(str, path))}={value!r:.20}', changed


def _paths(content: Any) -> Iterator[list[Any]]:
    items = content.items() if isinstance(content, dict) else enumerate(content)
    for key, value in items:
        yield [key]
        if isinstance(value, (dict, list)):
            for path in _paths(value):
                yield [key, *path]
