"""The one checker of JSON content.

A shape looks like the JSON that it describes: a dict of keys, a list with the shape of its items, a
tuple with the shapes of a list of that length, or a `Kind` for a single value. A key that ends with
`?` may be missing or null. `*` means all other keys; without it they are ignored.
"""

import math
import reprlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple, TypeAlias

from isic_mmdet.errors import InputError
from isic_mmdet.utils.files import read_json


class Kind(NamedTuple):
    """Name of a kind of value, and how to recognize it."""

    name: str
    fits: Callable[[Any], bool]


Shape: TypeAlias = 'Kind | dict[str, Shape] | list[Shape] | tuple[Shape, ...]'


def number(low: float = -math.inf, high: float = math.inf, whole: bool = False) -> Kind:
    """Return the kind of numbers from `low` to `high`, without NaN."""
    types = (int,) if whole else (int, float)
    name = f'{"whole " if whole else ""}number from {low} to {high}'
    return Kind(name, lambda value: type(value) in types and low <= value <= high)


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and value != '' and '\0' not in value


def _is_file_name(value: Any) -> bool:
    return _is_name(value) and value[0] != '/' and '..' not in PurePosixPath(value).parts


TEXT = Kind('text', lambda value: isinstance(value, str))
NAME = Kind('name', _is_name)
FILE_NAME = Kind('name of a file below its folder', _is_file_name)
NUMBER = Kind('number', lambda value: type(value) in (int, float))  # NaN is one
FLAG = Kind('true or false', lambda value: isinstance(value, bool))
COUNT = number(0, 2**53, whole=True)
PIXELS = number(1, 2**31 - 1, whole=True)
AGE = number(0, 150)

_REPR = reprlib.Repr()  # short, also for deeply nested values
_REPR.maxstring = 60


def read_checked_json(path: Path, shape: Shape, remedy: str) -> Any:
    """Return the content of a JSON file that has the given shape.

    Raises:
        InputError: as `read_json`, or the content has another shape; lists all errors.
    """
    content = read_json(path, remedy)
    if errors := shape_errors(content, shape):
        raise InputError(f'{path}: damaged, or another kind of file; {remedy}:', errors)
    return content


def shape_errors(value: Any, shape: Shape, name: str = '') -> list[str]:
    """Return one line for each part of a JSON value that does not have its shape."""
    if isinstance(shape, Kind):
        return [] if shape.fits(value) else [_error(name, value, shape.name)]
    if isinstance(shape, dict):
        return _dict_errors(value, shape, name)
    if not isinstance(value, list) or (isinstance(shape, tuple) and len(value) != len(shape)):
        length = f' of {len(shape)} items' if isinstance(shape, tuple) else ''
        return [_error(name, value, f'list{length}')]
    errors = []
    for index, item in enumerate(value):
        known_as = isinstance(item, dict) and item.get('isic_id', item.get('id'))
        place = f'{name}[{index}]' + (f' ({_REPR.repr(known_as)})' if known_as else '')
        errors += shape_errors(item, shape[index if isinstance(shape, tuple) else 0], place)
    return errors


def _dict_errors(value: Any, shape: dict[str, Shape], name: str) -> list[str]:
    if not isinstance(value, dict):
        return [_error(name, value, 'record')]
    named = {key.removesuffix('?') for key in shape}
    errors = []
    for key, part in shape.items():
        plain = key.removesuffix('?')
        for found in [other for other in value if other not in named] if plain == '*' else [plain]:
            place = f'{name}.{found}' if name else found
            if found not in value and key == plain:
                errors.append(f'{place} is missing')
            elif value.get(found) is not None or key == plain:
                errors += shape_errors(value[found], part, place)
    return errors


def _error(name: str, value: Any, kind: str) -> str:
    return f'{name or "the content"} is {_REPR.repr(value)}, expected: {kind}'
