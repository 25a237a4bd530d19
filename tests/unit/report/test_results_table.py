"""The results table: one row per recipe, every number from a file, a dash where there is none."""

import pytest

from isic_mmdet.report.results_table import recipe_rows, recipe_table, results_table

REPORT = {
    'metrics': {
        'lesion/iou': 0.82345,
        'lesion/iou_max': 0.8401,
        'lesion/iou_thr65': 0.7812,
        'lesion/dice': 0.8911,
        'lesion/missed': 0.0,
        'lesion/iou_ci_low': 0.8101,
        'lesion/iou_ci_high': 0.8366,
    },
    'images': 325,
    'config': 'isic2018_maskrcnn_lite',
    'data': 'isic2018',
    'split': 'test',
    'seed': 0,
    'command': 'python tools/test.py config.py best.pth',
    'tta': False,
    'training': {
        'weights': 'resnet18.pth',
        'hardware': '2 CPU cores',
        'command': 'python tools/train.py config.py',
        'seconds': 2850.0,
    },
}


def test_a_row_holds_the_numbers_of_the_file():
    (row,) = recipe_rows([REPORT])
    assert row == {
        'config': 'isic2018_maskrcnn_lite',
        'weights': 'resnet18.pth',
        'split': 'isic2018 test',
        'images': '325',
        '`iou`': '0.823',
        '95 % interval': '0.810 to 0.837',
        '`iou_max`': '0.840',
        '`iou_thr65`': '0.781',
        '`dice`': '0.891',
        '`missed`': '0.000',
        'training, minutes': '47.5',
        'training hardware': '2 CPU cores',
        'seed': '0',
    }


def test_each_recipe_has_a_row():
    table = recipe_table([REPORT, {**REPORT, 'config': 'another'}])
    assert table.startswith('| # | config | weights |')
    assert '| 1 | isic2018_maskrcnn_lite | resnet18.pth |' in table


def test_the_values_of_a_single_recipe_stand_below_each_other():
    table = recipe_table([REPORT])
    assert table.startswith('| # | 1 |\n| --- | --- |\n| config | isic2018_maskrcnn_lite |\n')


def test_the_table_ends_with_the_commands():
    assert results_table([REPORT]).endswith(
        '- 1: `python tools/train.py config.py`\n- 1: `python tools/test.py config.py CHECKPOINT`'
    )


SEVEN = ('akiec', 'bcc', 'bkl', 'df', 'mel', 'nv', 'vasc')
MATRIX = {'classes': SEVEN, 'counts': [[1] * 7] * 7, 'no_detection': [0] * 7, 'positive': 'mel'}
DIGEST = {'data_digest': 'a1b2c3d4' * 8}


@pytest.mark.parametrize(
    ('column', 'without', 'text', 'facts'),
    [
        ('`auc`', '—', '0.825', {'metrics': {'melanoma/auc': 0.8249}}),
        ('`auc`', '—', '0.830', {'metrics': {'mel/auc': 0.83}, 'confusion_matrix': MATRIX}),
        ('`balanced_accuracy`', '—', '0.710', {'metrics': {'classes/balanced_accuracy': 0.71}}),
        ('positive class', 'melanoma', 'mel', {'confusion_matrix': MATRIX}),
        ('training data', '—', 'a1b2c3d4', {'training': DIGEST}),
        (
            *('training data', '—', 'isic2018 train, 1457 images, a1b2c3d4'),
            {'training': {'data': 'isic2018 train', 'images': 1457, **DIGEST}},
        ),
    ],
)
def test_some_columns_are_shown_only_if_a_report_has_a_value(column, without, text, facts):
    assert column not in recipe_rows([REPORT])[0]
    assert [row[column] for row in recipe_rows([REPORT, REPORT | facts])] == [without, text]


def scored(seed: int, iou: float, settings: str = 'a1b2', **changes) -> dict:
    """Return the report of a trained model, each with its own checkpoint."""
    metrics = {**REPORT['metrics'], 'lesion/iou': iou, 'lesion/missed': None}
    training = {**REPORT['training'], 'settings_digest': settings}
    facts = {'seed': seed, 'metrics': metrics, 'training': training}
    return {**REPORT, 'checkpoint_sha256': f'{seed}{settings}', **facts, **changes}


def test_seeds_of_one_recipe_share_a_row_with_mean_and_spread():
    rows = recipe_rows([scored(0, 0.83), scored(2, 0.88, config='another'), scored(1, 0.81)])
    assert [row['config'] for row in rows] == ['isic2018_maskrcnn_lite', 'another']
    # NumPy: np.mean([.83, .81]), np.std([.83, .81], ddof=1)
    assert rows[0]['`iou`'] == '0.820 ± 0.014'
    assert rows[0]['`dice`'] == '0.891 ± 0.000'
    assert rows[0]['`missed`'] == rows[0]['95 % interval'] == '—'
    assert rows[0]['seed'] == '0, 1'


def test_test_time_augmentation_has_its_columns_in_the_row_of_the_recipe():
    both = [
        scored(0, 0.83),
        scored(0, 0.84, tta=True),
        scored(1, 0.81),
        scored(1, 0.82, tta=True),
    ]
    (row,) = recipe_rows(both)
    assert row['`iou`'] == '0.820 ± 0.014' and row['`iou`, `--tta`'] == '0.830 ± 0.014'
    (row,) = recipe_rows(both[:3])
    assert '`iou`, `--tta`' not in row, 'one seed lacks it'
    (row,) = recipe_rows(both[1:2])
    assert row['`iou`'] == '—' and row['`iou`, `--tta`'] == '0.840'


@pytest.mark.parametrize(
    'other',
    [
        {'settings': 'of another schedule'},
        {'data_digest': 'of other images'},
        {'split': 'val'},
        {'training': {'weights': 'resnet18.pth', 'hardware': '2 CPU cores'}},
        {'seed': 0},
        {'seed': 0, 'checkpoint_sha256': 'of a second run'},
    ],
)
def test_runs_that_differ_in_more_than_the_seed_share_no_row(other):
    assert len(recipe_rows([scored(0, 0.83), scored(1, 0.84)])) == 1
    rows = recipe_rows([scored(0, 0.83), scored(**{'seed': 1, 'iou': 0.84} | other)])
    assert [row['`iou`'] for row in rows] == ['0.830', '0.840']


def fold(
    number: int, iou: float, *, of_split: bool, digest: str = 'f01d', images: int = 20
) -> dict:
    """Return the report of a fold, on its own validation part or on the common test part."""
    facts = {'number': number, 'of': 3, 'digest': digest}
    report = scored(0, iou, checkpoint_sha256=str(number), images=images)
    report['training'] = {**report['training'], 'fold': facts, 'data_digest': f'train {number}'}
    if not of_split:
        return report
    return {**report, 'split': 'val', 'fold': facts, 'data_digest': f'val {number}'}


def test_folds_share_a_row_with_mean_and_spread():
    (row,) = recipe_rows([fold(k, 0.80 + k / 100, of_split=True, images=20 + k) for k in range(3)])
    assert (row['folds'], row['images'], row['seed']) == ('3 of 3', '63', '0')
    assert row['`iou`'] == '0.810 ± 0.010'
    (row,) = recipe_rows([fold(k, 0.80, of_split=False) for k in range(2)])
    assert (row['folds'], row['images']) == ('2 of 3', '20')


def test_folds_of_two_draws_share_no_row():
    first, second = fold(0, 0.8, of_split=True), fold(1, 0.9, of_split=True, digest='another')
    assert [row['`iou`'] for row in recipe_rows([first, second])] == ['0.800', '0.900']


def test_data_sets_that_were_evaluated_together_have_a_row_each():
    part = {'metrics': {'lesion/iou': 0.7}, 'images': 9, 'split': 'test', 'data_digest': 'd'}
    both = {'first_test': {**part, 'data': 'first'}, 'second_test': {**part, 'data': 'second'}}
    rows = recipe_rows([scored(0, 0.8, data='first + second', images=18, data_sets=both)])
    assert [(row['split'], row['images'], row['`iou`']) for row in rows] == [
        ('first + second test', '18', '0.800'),
        ('first test', '9', '0.700'),
        ('second test', '9', '0.700'),
    ]


def test_what_is_missing_is_a_dash():
    rows = recipe_rows([{'metrics': {'lesion/iou': None}}, REPORT])
    assert set(rows[0].values()) == {'—'}
    assert rows[1]['`iou`'] == '0.823'
    assert '| a\\|b |' in recipe_table([{**REPORT, 'training': {'weights': 'a|b'}}])
