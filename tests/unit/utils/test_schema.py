"""The checker of JSON content: every shape accepts what it describes and names what differs."""

import pytest

from isic_mmdet.errors import InputError
from isic_mmdet.utils.schema import (
    AGE,
    COUNT,
    FILE_NAME,
    FLAG,
    NAME,
    NUMBER,
    PIXELS,
    TEXT,
    number,
    read_checked_json,
    shape_errors,
)

IMAGE = {'isic_id': NAME, 'height': PIXELS, 'age?': AGE}


@pytest.mark.parametrize(
    ('kind', 'right', 'wrong'),
    [
        (TEXT, ['', 'a'], [None, 1, []]),
        (NAME, ['a'], ['', 'a\0', 1]),
        (FILE_NAME, ['a.jpg', 'a/b.jpg'], ['/a.jpg', '../a.jpg', 'a/../../b.jpg', '', 'a\0', 1]),
        (NUMBER, [1, 0.5, float('nan')], [True, '1', None]),
        (FLAG, [True, False], [0, 'true', None]),
        (COUNT, [0, 2**53], [-1, 1.0, True, 2**53 + 1]),
        (PIXELS, [1], [0, 2**31]),
        (AGE, [0, 62.5, 150], [-1, 151, float('nan'), True, 10**400]),
        (number(0.5, 1), [0.5, 1], [0.4]),
        (number(3, 4, whole=True), [3, 4], [2, 5, 3.5]),
    ],
)
def test_kinds(kind, right, wrong):
    assert [value for value in right if shape_errors(value, kind)] == []
    assert [value for value in wrong if not shape_errors(value, kind)] == []


@pytest.mark.parametrize(
    ('shape', 'value', 'errors'),
    [
        (IMAGE, {'isic_id': 'a', 'height': 2, 'unknown': []}, []),
        (IMAGE, {'isic_id': 'a', 'height': 2, 'age': None}, []),
        (IMAGE, {'height': 0, 'age': 'old'}, ['isic_id', 'height', 'age']),
        (IMAGE, [], ['the content']),
        ([IMAGE], [{'isic_id': 'a', 'height': None}, 1], ["[0] ('a').height", '[1]']),
        ({'images': [IMAGE]}, {'images': 0}, ['images']),
        ({'images': [IMAGE]}, {'images': [{'height': 1}]}, ['images[0].isic_id']),
        ((COUNT, COUNT), [1, 2], []),
        ((COUNT, COUNT), [1], ['the content']),
        ((COUNT, COUNT), [1, 'a'], ['[1]']),
        ({'a?': TEXT, '*': NUMBER}, {'a': None, 'b': 1, 'c': None}, ['c']),
        ({'*?': NUMBER}, {'a': None, 'b': 'c'}, ['b']),
    ],
)
def test_shapes(shape, value, errors):
    found = shape_errors(value, shape)
    assert len(found) == len(errors)
    assert all(line.startswith(f'{name} is ') for line, name in zip(found, errors, strict=True))


def test_messages_are_short_for_long_and_deep_values():
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    assert all(len(shape_errors(value, COUNT)[0]) < 200 for value in ('a' * 10_000, deep))


def test_a_file_is_named_with_all_its_errors(tmp_path):
    path = tmp_path / 'a.json'
    path.write_text('[{"isic_id": "a", "height": 2}, {"height": 0}]')
    assert read_checked_json(path, [{}], 'fix it')[1] == {'height': 0}
    with pytest.raises(InputError, match='fix it') as caught:
        read_checked_json(path, [IMAGE], 'fix it')
    assert str(path) in str(caught.value) and len(caught.value.errors) == 2
