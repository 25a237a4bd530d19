"""The printed tables; tests/e2e/tools/test_score.py prints those of real masks."""

import math

from isic_mmdet.evaluation.comparison import compare
from isic_mmdet.evaluation.per_image import BOUNDARY_COLUMNS
from isic_mmdet.evaluation.summary import SCORES, full_name
from isic_mmdet.evaluation.text import format_scores


def metrics(value, names=SCORES):
    found = {'lesion/missed': 0.125}
    for name in names:
        key = full_name(name)
        found |= {key: value, f'{key}_ci_low': value - 0.1, f'{key}_ci_high': value + 0.1}
    return found


def content(**more):
    return {'metrics': metrics(0.5), 'images': 8, 'extra_predictions': 0} | more


def lines(**more):
    return [line.split() for line in format_scores(content(**more)).splitlines()]


def test_every_score_with_its_interval():
    found = lines()
    assert found[0] == ['8', 'images']
    assert found[2] == ['metric', 'mean', '95', '%', 'interval']
    assert found[3:-1] == [[name, '0.5000', '0.4000', 'to', '0.6000'] for name in SCORES]
    assert found[-1] == ['missed', '0.1250']


def test_distances_and_in_how_many_images_they_are_defined():
    names = SCORES + BOUNDARY_COLUMNS
    found = lines(metrics=metrics(2.5, names) | {'boundary/images': 6})
    assert [line[0] for line in found[3:-2]] == list(names)
    assert ' '.join(found[-1]) == 'boundary metrics: mean over the 6 images without an empty mask'
    assert 'distances:' not in lines(metrics=metrics(2.5, names) | {'boundary/images': 8})[-1]


def test_files_without_a_truth_are_mentioned():
    last = lines(extra_predictions=3)[-1]
    assert ' '.join(last) == (
        '3 files or folders of the predictions have no truth and were ignored'
    )


def test_an_interval_of_nothing_is_a_dash():
    nothing = {'lesion/dice_ci_low': math.nan, 'lesion/dice_ci_high': math.nan}
    (dice,) = (line for line in lines(metrics=metrics(0.5) | nothing) if 'dice' in line)
    assert dice == ['dice', '0.5000', '-']


def test_classes_and_what_they_were_taken_for():
    classes = ['Näv us', 'mel', 'df']
    more = {'classes/accuracy': 0.5, 'classes/balanced_accuracy': 0.25, 'mel/auc': 0.75}
    more |= {'classes/macro_auc': math.nan, 'classes/auc/Näv us': 0.5, 'classes/auc/mel': 0.75}
    more |= {'classes/auc/df': math.nan}
    matrix = {
        'classes': classes,
        'counts': [[3, 1, 0], [0, 4, 2], [0, 0, 0]],
        'no_detection': [1, 0, 0],
        'positive': 'mel',
    }
    found = lines(metrics=metrics(0.5) | more, confusion_matrix=matrix)
    assert ['classes/macro_auc', '-'] in found
    assert ['mel/auc', '0.7500'] in found
    assert found[-3:] == [
        ['Näv', 'us', '0.5000', '3', '1', '0', '1'],
        ['mel', '0.7500', '0', '4', '2', '0'],
        ['df', '-', '0', '0', '0', '0'],
    ]


def test_groups_hold_the_same_metrics():
    names = SCORES + BOUNDARY_COLUMNS
    groups = [
        {'group': 'nevus', 'images': 5, 'metrics': metrics(0.7, names)},
        {'group': 'melanoma', 'images': 3, 'metrics': metrics(0.2, names)},
    ]
    head, nevus, melanoma = lines(groups={'diagnosis': groups})[-3:]
    assert head[:2] == ['diagnosis', 'images']
    assert head[2:] == [
        *('iou', '95', '%', 'interval', 'iou_thr65', 'dice', 'pixel_accuracy', 'sensitivity'),
        *('specificity', 'missed', 'hausdorff95_px', 'surface_distance_px'),
    ]
    start = ['nevus', '5', '0.7000', '0.6000', 'to', '0.8000']
    assert nevus == [*start, *['0.7000'] * 5, '0.1250', *['0.7000'] * 2]
    assert melanoma[:3] == ['melanoma', '3', '0.2000']
    without = [{'group': 'nevus', 'images': 5, 'metrics': metrics(0.7)}]
    assert lines(groups={'diagnosis': without})[-2][-1] == 'missed'


def test_calibration():
    row = {'low': 0.25, 'high': 0.5, 'images': 4, 'mean': 0.4, 'mean_iou': 0.6}
    known = {'images': 4, 'rank_correlation': 0.75, 'error': 0.2, 'bins': [row]}
    ratings = {
        'score': known | {'failures_in_lowest_tenth': 0.5},
        'expected_iou': known | {'failures_in_lowest_tenth': 0.625},
    }
    content = {'images': 4, 'failures': 2, **ratings, 'check': {'images': 3, 'failures': 2}}
    shown = [line for line in lines(calibration=content) if line]
    failures, check, score, score_head, found, expected, *_ = shown[-8:]
    assert ' '.join(failures) == (
        'failures (IoU below 0.65): 2 of 4 images; in a tenth of the images: 50 % with the lowest '
        'score, 62 % with the lowest expected_iou'
    )
    assert ' '.join(check) == 'to check: 3 images, 2 of them failures'
    assert ' '.join(score) == (
        'score and IoU: rank correlation 0.7500 over 4 images, mean difference 0.2000'
    )
    assert expected[0] == 'expected_iou'
    assert score_head == ['score', 'images', 'mean', 'mean', 'iou']
    assert found == ['0.2500', 'to', '0.5000', '4', '0.4000', '0.6000']


def test_comparison_names_the_better_one():
    def row(number, value):
        return dict.fromkeys(SCORES, value) | {
            'image_id': f'ISIC_{number:07d}',
            'height': 9,
            'width': 9,
        }

    better, worse = ([row(n, value) for n in range(5)] for value in (0.75, 0.5))
    *_, last = lines(comparison=compare(better, worse))
    assert last == [
        *('specificity', '0.7500', '0.5000', '0.2500', '0.2500', 'to', '0.2500'),
        *('100.0', '%', 'predictions'),
    ]
    assert lines(comparison=compare(worse, better))[-1][-3:] == ['0.0', '%', 'baseline']
    assert lines(comparison=compare(better, better))[-1][-3:] == ['50.0', '%', '-']
