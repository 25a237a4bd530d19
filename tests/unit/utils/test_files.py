"""Files: places that cannot be written are refused before the work, JSON is read strictly."""

import os

import pytest

from isic_mmdet.errors import InputError
from isic_mmdet.evaluation.metrics_file import write_metrics
from isic_mmdet.utils.files import read_json, require_text, require_writable, write_json


def test_a_place_for_a_file_is_made_and_left_empty(tmp_path):
    require_writable(tmp_path / 'new/deep/a.json', None)
    assert list((tmp_path / 'new/deep').iterdir()) == []


def test_a_place_behind_a_file_is_refused(tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(InputError, match=r'file/a\.json cannot be written'):
        require_writable(tmp_path / 'file/a.json')


def test_names_that_are_text_in_no_locale_are_refused():
    require_text('ä b', None)
    with pytest.raises(InputError, match='PYTHONUTF8=1'):
        require_text(os.fsdecode(b'a\xff'))


def test_what_was_written_is_read(tmp_path):
    (tmp_path / 'a.json').write_text('{"ä": [1, null]}', encoding='utf-8')
    assert read_json(tmp_path / 'a.json', 'write it again') == {'ä': [1, None]}


@pytest.mark.parametrize(
    'content',
    [b'', b'{', b'\xff\xfe{}', b'[' * 200_000, b'9' * 5000, b'\xef\xbb\xbf{}'],
    ids=['empty', 'cut off', 'encoding', 'deep', 'long number', 'mark'],
)
def test_what_is_no_json_is_named_with_its_remedy(tmp_path, content):
    (tmp_path / 'a.json').write_bytes(content)
    with pytest.raises(InputError, match=r'a\.json: not JSON \(.*\); write it again$'):
        read_json(tmp_path / 'a.json', 'write it again')


@pytest.mark.parametrize('name', ['gone.json', '.'])
def test_what_is_no_file_is_named_with_its_remedy(tmp_path, name):
    with pytest.raises(InputError, match=r'cannot be read \(.*\); write it again$'):
        read_json(tmp_path / name, 'write it again')


@pytest.mark.parametrize('write', [write_json, write_metrics])
def test_paths_that_are_no_text_are_written_and_read(tmp_path, write):
    write(tmp_path / 'a.json', {'source': '/data/L\udce4sionen ä'})
    assert read_json(tmp_path / 'a.json', '') == {'source': '/data/L\udce4sionen ä'}
