import pytest

from isic_mmdet.errors import InputError
from isic_mmdet.prepare.own.classes import image_classes
from isic_mmdet.prepare.own.label_table import LabelTable

IDS = ['a', 'b', 'c']
CATEGORIES = {'a': ['mel'], 'b': ['nv'], 'c': ['mel', 'nv']}


def test_without_labels_all_images_show_a_lesion():
    found = image_classes(IDS, LabelTable(), {}, None)
    assert (found.classes, set(found.class_of.values())) == (('lesion',), {'lesion'})


def test_categories_of_outlines_are_classes_and_two_in_an_image_are_an_error():
    found = image_classes(IDS, LabelTable(), CATEGORIES, None)
    assert found.classes == ('mel', 'nv')
    assert found.class_of == {'a': 'mel', 'b': 'nv'}
    assert [(error.isic_id, error.kind) for error in found.errors] == [('c', 'two classes')]


def test_rules_may_join_the_categories_of_an_image():
    found = image_classes(IDS, LabelTable(), CATEGORIES, '*=lesion')
    assert found.class_of == dict.fromkeys(IDS, 'lesion')
    assert not found.errors


def test_labels_of_the_table_come_before_categories():
    table = LabelTable(label_of={'a': 'x', 'c': 'y'}, errors={'b': 'no dx'})
    found = image_classes(IDS, table, CATEGORIES, 'x=one,y=two')
    assert found.classes == ('one', 'two')
    assert found.class_of == {'a': 'one', 'c': 'two'}
    assert [(error.isic_id, error.kind) for error in found.errors] == [('b', 'bad label')]


def test_an_image_with_a_contradictory_group_is_skipped():
    table = LabelTable(group_of={'a': 'p'}, errors={'b': 'two patients'})
    assert set(image_classes(IDS, table, {}, None).class_of) == {'a', 'c'}
    assert set(image_classes(IDS, table, CATEGORIES, None).class_of) == {'a'}


def test_an_image_without_any_category_is_an_error():
    found = image_classes(IDS, LabelTable(), {'a': ['mel'], 'b': ['nv']}, '*=lesion')
    assert set(found.class_of) == {'a', 'b'}
    assert [(error.isic_id, error.kind) for error in found.errors] == [('c', 'label missing')]


def test_rules_without_labels_are_refused():
    with pytest.raises(InputError, match='there are no labels'):
        image_classes(IDS, LabelTable(), {}, 'mel=melanoma,*=benign')
