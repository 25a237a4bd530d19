"""Places that are refused before a long work whose result could not be kept there."""

import os

import pytest

from isic_mmdet.errors import InputError
from isic_mmdet.utils.files import require_text, require_writable


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
