"""tools/score.py as a user runs it."""

import csv
import json
import os
import subprocess
import sys

import cv2
import numpy as np
import pytest

from isic_mmdet.evaluation.per_image import PER_IMAGE_COLUMNS, write_per_image

# The table of scores, in its order.
SCORES = ['iou', 'iou_max', 'iou_thr65', 'dice', 'pixel_accuracy', 'sensitivity', 'specificity']


@pytest.fixture
def tool(root, tmp_path):
    def call(*arguments, python=()):
        command = [sys.executable, *(python or [str(root / 'tools/score.py')])]
        return subprocess.run(
            [*command, *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, 'PYTHONPATH': str(root)},
        )

    return call


@pytest.fixture
def data(tmp_path):
    """Twelve discs as truth, good predictions in `good` and worse ones, one empty, in `bad`."""
    for name in ('truth', 'good', 'bad'):
        (tmp_path / name).mkdir()
    for number in range(12):
        for name, shift in (('truth', 0), ('good', 1 + number % 2), ('bad', 5)):
            mask = np.zeros((60, 80), np.uint8)
            if (name, number) != ('bad', 7):
                cv2.circle(mask, (20 + 2 * number + shift, 30), 10 + number, 255, -1)
            cv2.imwrite(str(tmp_path / name / f'ISIC_{number:07d}_segmentation.png'), mask)
    return tmp_path


def lines_of(text):
    return {words[0]: words[1:] for words in map(str.split, text.splitlines()) if words}


def test_scores_of_folders(tool, data):
    done = tool('good', 'truth', '--out', 'out/scores.json')
    assert done.returncode == 0, done.stderr
    assert '12/12' in done.stderr  # the progress bar
    assert done.stdout.startswith('12 images\n')
    scores = json.loads((data / 'out/scores.json').read_text())
    assert scores['images'] == 12
    metrics, printed = scores['metrics'], lines_of(done.stdout)
    for name in SCORES:
        values = [metrics[f'lesion/{name}{end}'] for end in ('', '_ci_low', '_ci_high')]
        mean, low, high = (f'{value:.4f}' for value in values)
        assert printed[name] == [mean, low, 'to', high]
        assert values[1] < values[0] < values[2] <= 1
    assert metrics['lesion/missed'] == 0
    assert [name for name in printed if name in SCORES] == SCORES
    assert scores['command'].startswith('python ')
    assert scores['command'].endswith('score.py good truth --out out/scores.json')
    with (data / 'out/per_image.csv').open(newline='') as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12
    assert tuple(rows[0]) == (*PER_IMAGE_COLUMNS, 'lesion_share', 'touches_border')
    assert np.mean([float(row['iou']) for row in rows]) == pytest.approx(metrics['lesion/iou'])
    # Again into the same place, which holds nothing but its own files.
    assert tool('good', 'truth', '--out', 'out/scores.json').returncode == 0


def test_classes_of_a_table_are_scored_again(tool, tmp_path):
    rows = [
        dict.fromkeys(PER_IMAGE_COLUMNS, 0.5)
        | {'image_id': f'ISIC_{number:07d}', 'detections': 1, 'height': 9, 'width': 9}
        | {'label': label, 'predicted_label': called}
        | {'mel_score': mel, 'nv_score': 0.6 - mel / 2, 'bcc_score': 0.1}
        for number, (label, called, mel) in enumerate(
            [('mel', 'mel', 0.9), ('mel', 'nv', 0.3), ('nv', 'nv', 0.1), ('bcc', 'mel', 0.5)]
        )
    ]
    write_per_image(tmp_path / 'per_image.csv', rows, tuple(rows[0]))
    done = tool('per_image.csv', '--positive', 'mel', '--out', 'scores.json')
    assert done.returncode == 0, done.stderr
    content = json.loads((tmp_path / 'scores.json').read_text())
    assert content['metrics']['classes/accuracy'] == 0.5
    assert content['metrics']['mel/auc'] == 0.75
    assert content['confusion_matrix']['counts'] == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]
    assert lines_of(done.stdout)['mel/auc'] == ['0.7500']
    done = tool('per_image.csv', '--positive', 'melanoma')
    assert done.returncode == 1
    assert done.stderr.startswith("error: positive class 'melanoma'")


IMPORTS = """
import runpy, sys
tool, names, *sys.argv[1:] = sys.argv[1:]
try:
    runpy.run_path(tool, run_name='__main__')
except SystemExit as end:
    print('status', end.code)
print(sorted(set(names.split(',')) & set(sys.modules)))
"""


def imported(tool, root, names, *arguments):
    """Return which of some modules the tool has imported by its end."""
    script = str(root / 'tools/score.py')
    done = tool(script, ','.join(names), *arguments, python=('-c', IMPORTS))
    assert done.stdout.splitlines()[-2] == 'status 0', done.stderr
    return done.stdout.splitlines()[-1]


def test_only_opencv_is_imported_of_what_takes_long_and_only_for_boundaries(tool, data, root):
    names = ['torch', 'torchvision', 'mmdet', 'mmengine', 'mmcv']
    names += ['cv2', 'scipy', 'matplotlib', 'pandas', 'pycocotools']
    more = '--baseline', 'bad', '--out', 'scores.json', '--groups'
    assert imported(tool, root, names, 'good', 'truth', *more) == '[]'
    assert imported(tool, root, names, 'good', 'truth', '--boundary', *more) == "['cv2']"


def test_bad_masks_of_both_sets_end_with_1_and_are_all_listed(tool, data):
    (data / 'good/ISIC_0000003_segmentation.png').unlink()
    (data / 'good/ISIC_0000004_segmentation.png').write_bytes(b'')
    (data / 'good/ISIC_0000005.png').write_bytes(b'')
    (data / 'bad/ISIC_0000006_segmentation.png').write_bytes(b'')
    done = tool('good', 'truth', '--out', 'scores.json', '--baseline', 'bad')
    assert done.returncode == 1
    assert 'Traceback' not in done.stderr
    for number in (3, 4, 5):
        assert f'ISIC_000000{number}' in done.stderr
    assert '(3 errors)' in done.stderr
    assert 'bad/ISIC_0000006_segmentation.png: not an image' in done.stderr
    assert not (data / 'scores.json').exists()


@pytest.mark.parametrize('option', ['--annotations', '--scores'])
def test_a_wrong_table_is_found_before_the_masks_are_read(tool, data, option):
    done = tool('good', 'truth', option, 'nowhere')
    assert done.returncode == 1
    assert done.stderr.startswith('error: nowhere: cannot be read (No such file or directory); ')
    assert done.stderr.count('\n') == 1


def test_distances_groups_and_labels(tool, data):
    images = [
        {'isic_id': f'ISIC_{n:07d}', 'diagnosis': 'nevus' if n % 2 else 'melanoma', 'age': 20 + n}
        for n in range(11)
    ]
    (data / 'test.json').write_text(json.dumps({'images': images}))
    done = tool(
        *('bad', 'truth', '--boundary', '--groups', '--annotations', 'test.json'),
        *('--out', 'scores.json'),
    )
    assert done.returncode == 0, done.stderr
    scores = json.loads((data / 'scores.json').read_text())
    assert scores['metrics']['boundary/images'] == 11
    assert 2 < scores['metrics']['boundary/surface_distance_px'] < 5
    assert scores['metrics']['boundary/hausdorff95_diagonal'] == pytest.approx(
        scores['metrics']['boundary/hausdorff95_px'] / 100
    )
    # The shape is wrong there, not the width.
    assert abs(scores['metrics']['boundary/outline_shift_px']) < 3
    assert scores['metrics']['boundary/iou_shifted'] > scores['metrics']['lesion/iou']
    assert 'boundary metrics: mean over the 11 images without an empty mask' in done.stdout
    assert list(scores['groups']) == ['diagnosis', 'size', 'share', 'border', 'age']
    assert [(g['group'], g['images']) for g in scores['groups']['diagnosis']] == [
        ('melanoma', 6),
        ('nevus', 5),
        ('unknown', 1),
    ]
    assert scores['groups']['diagnosis'][2]['metrics']['lesion/iou_ci_low'] is None
    assert lines_of(done.stdout)['nevus'][0] == '5'
    with (data / 'per_image.csv').open(newline='') as file:
        rows = list(csv.DictReader(file))
    assert rows[7]['hausdorff95_px'] == '' and rows[7]['diagnosis'] == 'nevus'
    # The table gives the same scores as the masks.
    again = tool('per_image.csv', '--groups')
    assert again.returncode == 0, again.stderr
    assert again.stdout == done.stdout

    asked = tool('bad', 'truth', '--groups', 'sex')
    assert asked.returncode == 1
    assert 'nothing is known of sex' in asked.stderr


def test_baseline_may_be_a_folder_or_a_table(tool, data):
    assert tool('bad', 'truth', '--out', 'bad_scores/scores.json').returncode == 0
    done = tool('good', 'truth', '--baseline', 'bad', '--out', 'scores.json')
    assert done.returncode == 0, done.stderr
    row = json.loads((data / 'scores.json').read_text())['comparison']['lesion/iou']
    assert row['better_share'] == 1
    assert 0 < row['ci_low'] < row['difference'] < row['ci_high']
    assert row['difference'] == pytest.approx(row['value'] - row['baseline'])
    assert done.stdout.splitlines()[-7].split()[-3:] == ['100.0', '%', 'predictions']
    assert tool('good', 'truth', '--baseline', 'bad_scores/per_image.csv').stdout == done.stdout
    assert tool('good', 'truth', '--out', 'good_scores/scores.json').returncode == 0
    tables = 'good_scores/per_image.csv', 'bad_scores/per_image.csv'
    assert tool(tables[0], '--baseline', tables[1]).stdout == done.stdout
    (data / 'truth/ISIC_0000003_segmentation.png').unlink()
    other = tool('good', 'truth', '--baseline', 'bad_scores/per_image.csv')
    assert other.returncode == 1
    assert 'ISIC_0000003: only in the baseline' in other.stderr


def test_scores_against_iou(tool, data):
    with (data / 'predictions.csv').open('w') as file:
        file.write('image,label,score\n')
        file.writelines(f'ISIC_{n:07d},lesion,{0.5 + n / 50}\n' for n in range(12) if n != 7)
        file.write('ISIC_0000007,,\n')
    done = tool('bad', 'truth', '--scores', 'predictions.csv', '--out', 'scores.json')
    assert done.returncode == 0, done.stderr
    # The larger the disc, the higher its score and the less a shift costs.
    found = json.loads((data / 'scores.json').read_text())['calibration']['score']
    assert found['images'] == 11
    assert found['rank_correlation'] == pytest.approx(1)
    assert 'score and IoU: rank correlation 1.0000 over 11 images' in done.stdout
    assert f'mean difference {found["error"]:.4f}' in done.stdout
    done = tool('per_image.csv')
    assert 'rank correlation 1.0000 over 11 images' in done.stdout
    (data / 'predictions.csv').write_text('image,score\nISIC_0000099,0.5\n')
    done = tool('good', 'truth', '--scores', 'predictions.csv')
    assert done.returncode == 1
    assert 'names none of the 12 scored images' in done.stderr


def test_the_table_of_a_test_is_never_replaced(tool, data):
    counts = dict.fromkeys(('detections', 'height', 'width'), 1)
    row = dict.fromkeys(PER_IMAGE_COLUMNS, 0.5) | counts | {'image_id': 'ISIC_0000001'}
    write_per_image(data / 'per_image.csv', [row], PER_IMAGE_COLUMNS)
    before = (data / 'per_image.csv').read_bytes()
    done = tool('good', 'truth', '--out', 'scores.json')
    assert done.returncode == 1
    assert 'per_image.csv: was written by another tool' in done.stderr
    # To score that table itself is no danger to it.
    assert tool('per_image.csv', '--out', 'scores.json').returncode == 0
    assert (data / 'per_image.csv').read_bytes() == before
    assert (data / 'scores.json').is_file()


@pytest.mark.parametrize(
    'arguments',
    [
        [],
        ['good'],
        ['good.csv', '--baseline', 'bad'],
        ['good', 'truth', '--groups', 'hair'],
        ['good', 'truth', '--workers', '0'],
        ['good', 'truth', '--baseline', 'bad', 'worse'],
    ],
)
def test_wrong_arguments_end_with_2(tool, arguments):
    done = tool(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith('usage: ')
