"""Hostile annotation files in COCO's JSON."""

import copy
import json
from collections.abc import Callable
from typing import Any

from tests.e2e.fuzz.hostile_images import (
    Random,
    pick,
    truncated,
    with_flipped_bits,
    with_other_bytes,
)

Make = Callable[[Random, dict[str, Any]], bytes]
JUNK: list[Any] = [
    *(None, True, -1, 0, 1, 0.5, 2**40, 10**400, 1e308, float('nan'), float('inf')),
    *('', '1', 'ISIC_9999999', '../../../../etc/passwd', '/etc/passwd', 'ä\x00b'),
    *([], [1], [[]], {}, {'a': 1}),
]


def dumped(coco: Any) -> bytes:
    return json.dumps(coco).encode()


def nodes(value: Any, path: tuple = ()) -> list[tuple]:
    """Return the path of every value in a JSON document."""
    found = [path] if path else []
    if isinstance(value, dict):
        for key, item in value.items():
            found += nodes(item, (*path, key))
    if isinstance(value, list):
        for key, item in enumerate(value):
            found += nodes(item, (*path, key))
    return found


def other_value(rng: Random, coco: dict[str, Any]) -> bytes:
    """Replace, remove or double one value anywhere, most often outside of `info`."""
    paths = [path for path in nodes(coco) if path[0] != 'info']
    *above, key = pick(rng, paths)
    place: Any = coco
    for step in above:
        place = place[step]
    kind = rng.random()
    if kind < 0.75:
        place[key] = copy.deepcopy(pick(rng, JUNK))
    elif kind < 0.9:
        del place[key]
    elif isinstance(place, list):
        place.append(copy.deepcopy(place[key]))
    return dumped(coco)


def categories(rng: Random, coco: dict[str, Any]) -> bytes:
    first, *others = coco['categories']
    name = {'name': first['name']}
    choices = [
        [first, *others, {'id': 2, 'name': 'naevus'}],
        [first, *others, first],
        [first, *others, {'id': first['id'], 'name': 'other'}],
        [],
        [first | {'name': 'Lesion'}, *others],
        [first | {'id': 7}, *others],
        [first, *others, {'id': 2} | name],
    ]
    return dumped(coco | {'categories': pick(rng, choices)})


def run_lengths(rng: Random, coco: dict[str, Any]) -> bytes:
    entry = coco['annotations'][int(rng.integers(len(coco['annotations'])))]
    code = entry['segmentation']
    height, width = code['size']
    counts = code['counts']

    def other_letter() -> str:
        place = int(rng.integers(len(counts)))
        return counts[:place] + chr(int(rng.integers(32, 127))) + counts[place + 1 :]

    polygons = [
        *([[1, 1, 9, 1, 9, 9]], [[1, 1]], [[]], [['a'] * 6], [[1, 1, 9, 1, float('nan'), 9]]),
        *([[0, 0, 1e12, 0, 1e12, 1e12]], 'polygon'),
    ]
    choices: list[Callable[[], Any]] = [
        lambda: code | {'size': [width + 1, height]},
        lambda: code | {'size': [60_000, 60_000]},
        lambda: code | {'size': [height]},
        lambda: code | {'counts': ''},
        lambda: code | {'counts': counts[: int(rng.integers(len(counts)))]},
        lambda: code | {'counts': counts + counts},
        lambda: code | {'counts': other_letter()},
        lambda: code | {'counts': 'o' * int(rng.integers(1, 100_000))},
        lambda: code | {'counts': [0, height * width]},
        lambda: code | {'counts': [height * width + 5, -5]},
        lambda: code | {'counts': [1, 2, 3]},
        lambda: code | {'counts': 'ä' + counts},
        lambda: pick(rng, polygons),
        lambda: code | {'counts': [0, 0, 0, height * width]},
    ]
    entry['segmentation'] = pick(rng, choices)()
    return dumped(coco)


def boxes(rng: Random, coco: dict[str, Any]) -> bytes:
    entry = coco['annotations'][int(rng.integers(len(coco['annotations'])))]
    x, y, width, height = entry['bbox']
    choices: list[Any] = [
        [-5, y, width, height],
        [x, y, 10_000, height],
        [x, y, -width, height],
        [x, y, 0, 0],
        [x, y, width],
        [x, y, width, height, 1],
        ['a', y, width, height],
        [float('nan')] * 4,
        [x + width, y, width, height],
        {'x': x},
        [1e300, 1e300, 1, 1],
        [x, y, 0.4, height],
    ]
    entry['bbox'] = pick(rng, choices)
    return dumped(coco)


def records(rng: Random, coco: dict[str, Any]) -> bytes:
    image, other = coco['images'][:2]
    entry = coco['annotations'][0]
    changes: list[Callable[[], Any]] = [
        lambda: image.update(id=other['id']),
        lambda: coco['images'].append(dict(image)),
        lambda: coco['annotations'].append(dict(entry)),
        lambda: coco['annotations'].append({**entry, 'id': 99}),
        lambda: image.update(isic_id=other['isic_id']),
        lambda: image.update(file_name=other['file_name']),
        lambda: image.update(file_name='../images/' + image['file_name']),
        lambda: image.update(file_name='/etc/passwd'),
        lambda: image.update(file_name=''),
        lambda: image.update(file_name='.'),
        lambda: image.update(height=60_000, width=60_000),
        lambda: image.update(height=image['height'] + 1),
        lambda: image.update(width='64'),
        lambda: image.update(original_height=1),
        lambda: image.update(original_mask=other['original_mask']),
        lambda: image.update(original_mask='../../../etc/passwd'),
        lambda: entry.update(image_id=99),
        lambda: entry.update(image_id=other['id']),
        lambda: entry.update(category_id=9),
        lambda: entry.update(iscrowd=1),
        lambda: entry.update(area=0),
        lambda: coco.update(images=[]),
        lambda: coco.update(annotations=[]),
        lambda: coco.update(images=None),
        lambda: coco.pop('categories'),
    ]
    pick(rng, changes)()
    return dumped(coco)


def no_annotations(rng: Random, coco: dict[str, Any]) -> bytes:
    text = dumped(coco)
    contents = [
        b'',
        b'[]',
        b'null',
        b'"text"',
        b'{}',
        b'[' * 200_000,
        b'{"a":' * 100_000,
        b'\xff\xfe' + text,
        text.decode().encode('utf-16'),
        b'\xef\xbb\xbf' + text,
        text + text,
        b'{"images": 1, "annotations": 2, "categories": 3}',
        b'{"images": {}, "annotations": {}, "categories": {}}',
        b'9' * 5000,
        text.replace(b'"id": 1', b'"id": 1, "id": 2'),
        b'\x80\x04\x95cposix\nsystem\n.',
    ]
    return pick(rng, contents)


#: Name of the kind, how many of a hundred variants, how to make one.
ANNOTATIONS: dict[str, tuple[int, Make]] = {
    'JSON with another value': (60, other_value),
    'JSON with a category too many': (7, categories),
    'RLE of the wrong size': (24, run_lengths),
    'box outside the image': (12, boxes),
    'JSON with other records': (25, records),
    'no JSON of COCO': (14, no_annotations),
    'truncated JSON': (5, lambda rng, coco: truncated(dumped(coco), rng)),
    'bit-flipped JSON': (20, lambda rng, coco: with_flipped_bits(dumped(coco), rng)),
    'overwritten JSON': (6, lambda rng, coco: with_other_bytes(dumped(coco), rng)),
}
