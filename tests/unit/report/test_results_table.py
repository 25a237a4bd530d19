"""The results table: every number from a file, an em dash where there is none."""

import pytest

from isic_mmdet.errors import InputError
from isic_mmdet.report.results_table import BEGIN, END, results_table, with_block

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


def cells(table: str, row: int = 0) -> dict[str, str]:
    """Return one row of a Markdown table under the names of its columns."""
    lines = [line.strip('| ').split(' | ') for line in table.splitlines() if line.startswith('|')]
    return dict(zip(lines[0], lines[2 + row], strict=True))


def test_a_command_names_no_folder_outside_the_checkout():
    command = 'python tools/test.py configs/a.py /home/me/best.pth --cfg-options w=../../x/w.pth'
    (line,) = results_table([{**REPORT, 'training': {}, 'command': command}]).splitlines()[-1:]
    assert line == '1. `python tools/test.py configs/a.py best.pth --cfg-options w=w.pth`'


def test_row_holds_the_numbers_of_the_file():
    table = results_table([REPORT])
    assert cells(table) == {
        '#': '1',
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
    commands = (
        '1. `python tools/train.py config.py`, then `python tools/test.py config.py best.pth`'
    )
    assert table.endswith(commands)


SEVEN = ('akiec', 'bcc', 'bkl', 'df', 'mel', 'nv', 'vasc')
MATRIX = {'classes': SEVEN, 'counts': [[1] * 7] * 7, 'no_detection': [0] * 7, 'positive': 'mel'}
DIGEST = {'data_digest': 'a1b2c3d4' * 8}


@pytest.mark.parametrize(
    ('column', 'without', 'text', 'facts'),
    [
        ('`--tta`', 'no', 'yes', {'tta': True}),
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
    assert column not in cells(results_table([REPORT]))
    table = results_table([REPORT, REPORT | facts])
    assert [cells(table, row)[column] for row in range(2)] == [without, text]


def scored(seed: int, iou: float, settings: str = 'a1b2', **changes) -> dict:
    metrics = {**REPORT['metrics'], 'lesion/iou': iou, 'lesion/missed': None}
    training = {**REPORT['training'], 'settings_digest': settings}
    return {**REPORT, 'seed': seed, 'metrics': metrics, 'training': training, **changes}


def test_seeds_of_one_run_have_their_mean_and_spread():
    other = scored(0, 0.84, tta=True), scored(2, 0.88, config='another')
    table = results_table([scored(0, 0.83), other[0], scored(1, 0.81), other[1]])
    assert table.count('mean of') == 1
    row = cells(table, 4)
    # NumPy: np.mean([.83, .81]), np.std([.83, .81], ddof=1)
    assert row['`iou`'] == '0.820 ± 0.014'
    assert row['`dice`'] == '0.891 ± 0.000'
    assert row['`missed`'] == row['95 % interval'] == '—'
    assert row['#'] == 'mean of 1, 3'
    assert row['seed'] == '0, 1'
    assert row['config'] == 'isic2018_maskrcnn_lite'
    assert row['`--tta`'] == 'no'


@pytest.mark.parametrize(
    'other',
    [
        {'settings': 'of another schedule'},
        {'data_digest': 'of other images'},
        {'training': {'weights': 'resnet18.pth', 'hardware': '2 CPU cores'}},
        {'tta': True},
        {'seed': 0},
    ],
)
def test_runs_that_differ_in_more_than_the_seed_have_no_mean(other):
    assert 'mean of' in results_table([scored(0, 0.83), scored(1, 0.84)])
    assert 'mean of' not in results_table(
        [scored(0, 0.83), scored(**{'seed': 1, 'iou': 0.84} | other)]
    )


def test_what_is_missing_is_a_dash_and_pipes_are_escaped():
    table = results_table([{'metrics': {'lesion/iou': None}}, REPORT])
    row = cells(table, 0)
    assert row.pop('#') == '1'
    assert set(row.values()) == {'—'}
    assert '1. —\n2. `python tools/train.py' in table
    assert cells(table, 1)['`iou`'] == '0.823'
    assert '| a\\|b |' in results_table([{**REPORT, 'training': {'weights': 'a|b'}}])


def test_only_the_text_between_the_markers_is_replaced(tmp_path):
    readme = tmp_path / 'README.md'
    readme.write_text(f'# Title\n\n{BEGIN}\nold\n{END}\n\nthe end — é\n', encoding='utf-8')
    for _ in range(2):  # the second run changes nothing
        text = with_block(readme, BEGIN, END, 'new')
        assert text == f'# Title\n\n{BEGIN}\n\nnew\n\n{END}\n\nthe end — é\n'
        readme.write_text(text, encoding='utf-8')
    with pytest.raises(InputError, match='ABSENT'):
        with_block(tmp_path / 'ABSENT.md', BEGIN, END, 'new')


@pytest.mark.parametrize(
    'text', ['no markers', BEGIN, END, f'{END}\n{BEGIN}', f'{BEGIN}{END}{BEGIN}{END}']
)
def test_a_page_without_its_markers_is_refused(tmp_path, text):
    (tmp_path / 'README.md').write_text(text)
    with pytest.raises(InputError, match='results:begin'):
        with_block(tmp_path / 'README.md', BEGIN, END, 'new')
