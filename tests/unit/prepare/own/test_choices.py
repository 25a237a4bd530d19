from pathlib import Path

import pytest

from isic_mmdet.errors import InputError
from isic_mmdet.images.sources import SourceFile
from isic_mmdet.prepare.convert import Sample
from isic_mmdet.prepare.own.choices import Choices, own_plan
from isic_mmdet.prepare.truth import Outlines

IDS = [f'img{number}' for number in range(10)]
SAMPLES = {
    name: Sample(name, SourceFile(Path(name), None, 1, 1), Outlines('e', 'e', lambda h, w: []))
    for name in IDS
}


@pytest.fixture
def table(tmp_path):
    rows = [
        'image_id;dx;patient',
        *(f'{name};{"nm"[i % 2]};{i // 2}' for i, name in enumerate(IDS)),
    ]
    (tmp_path / 'labels.csv').write_text('\n'.join(rows))
    return tmp_path / 'labels.csv'


def test_labels_rules_and_groups_decide(table):
    choices = Choices(table, label_column='dx', group_column='patient', classes='m=mel,*=benign')
    plan = own_plan('mine', SAMPLES, choices)
    assert plan.classes == ('mel', 'benign')
    assert plan.class_of['img1'] == 'mel'
    assert list(plan.samples) == IDS
    found = plan.assign(IDS, [])
    assert found.split_of['img0'] == found.split_of['img1']
    assert plan.settings['groups'] == 'patient'


def test_images_without_a_label_are_skipped_with_an_error(table):
    table.write_text(table.read_text().replace('img3;m', 'img3;'))
    plan = own_plan('mine', SAMPLES, Choices(table, label_column='dx'))
    assert 'img3' not in plan.samples
    assert [(error.isic_id, error.kind) for error in plan.errors] == [('img3', 'bad label')]


@pytest.mark.parametrize(
    ('choices', 'text'),
    [
        (Choices(label_column='dx'), '--label-column needs a table'),
        (Choices(group_column='patient'), '--group-column needs a table'),
        (Choices(classes='a=b'), 'there are no labels'),
        (Choices(split='70/20'), 'add up to 100'),
        (
            Choices(split='nowhere'),
            'does not exist: --split takes shares such as 70/15/15, or a folder',
        ),
    ],
)
def test_choices_that_do_not_fit_are_refused(choices, text):
    with pytest.raises(InputError, match=text):
        own_plan('mine', SAMPLES, choices)


def test_a_table_without_columns_is_refused(table):
    with pytest.raises(InputError, match='--label-column, or that of the groups'):
        own_plan('mine', SAMPLES, Choices(table))
