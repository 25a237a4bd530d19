import pytest

from isic_mmdet.errors import InputError
from isic_mmdet.prepare.own.class_rules import class_rules

LABELS = ['nv', 'mel', 'bkl', 'nv']


def test_rules_give_classes_in_their_order():
    found = class_rules(LABELS, 'mel=melanoma, *=benign')
    assert found.classes == ('melanoma', 'benign')
    assert found.class_of == {'nv': 'benign', 'mel': 'melanoma', 'bkl': 'benign'}


def test_without_rules_the_labels_are_the_classes():
    found = class_rules(LABELS, None)
    assert found.classes == ('bkl', 'mel', 'nv')
    assert found.class_of['nv'] == 'nv'


@pytest.mark.parametrize(
    ('rules', 'text'),
    [
        ('mel=melanoma,xyz=other,*=benign', 'xyz=other matches no label'),
        ('mel=a,nv=b,bkl=b,*=c', r'\*=c matches no label'),
        ('mel=a,nv=b', "'bkl' has no rule"),
        ('mel=a,mel=b,*=c', 'mel has two classes, a and b'),
        ('mel', "'mel' is no rule"),
        ('', "'' is no rule"),
        ('mel=a=b,*=c', 'is no rule'),
    ],
)
def test_wrong_rules_are_listed(rules, text):
    with pytest.raises(InputError, match=text):
        class_rules(LABELS, rules)


def test_labels_that_differ_in_letter_case_alone_are_refused():
    with pytest.raises(InputError, match='letter case'):
        class_rules(['Mel', 'mel'], None)
