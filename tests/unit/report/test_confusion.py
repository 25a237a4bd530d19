"""The confusion matrix: the numbers of the file, in their places."""

import json

import cv2
import numpy as np
import pytest

from isic_mmdet.errors import InputError
from isic_mmdet.evaluation.classification import positive_metrics
from isic_mmdet.report.confusion import Confusion, confusion_plot, positive_intervals

REPORT = {
    'metrics': {
        'lesion/iou': 0.75,
        'melanoma/precision': 0.43396,
        'melanoma/recall': 0.76667,
        'melanoma/f1': 0.5542,
        'melanoma/average_precision': None,
        'melanoma/auc': 0.81,
    },
    'images': 150,
    'confusion_matrix': {'classes': ['not melanoma', 'melanoma'], 'counts': [[90, 30], [7, 23]]},
}


def write(path, **changes):
    path.write_text(json.dumps(REPORT | changes))
    return path


def cells(figure):
    """Return (row, column) to text."""
    return {text.get_position()[::-1]: text.get_text() for text in figure.axes[0].texts}


def test_counts_and_shares_stand_in_their_rows(tmp_path):
    figure = confusion_plot(write(tmp_path / 'metrics.json'), tmp_path / 'plots' / 'matrix.png')
    assert cells(figure) == {
        (0, 0): '90\n75.0% of row',
        (0, 1): '30\n25.0% of row',
        (1, 0): '7\n23.3% of row',
        (1, 1): '23\n76.7% of row',
    }
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ['not melanoma', 'melanoma']
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        'not melanoma\n(120)',
        'melanoma\n(30)',
    ]
    assert axes.get_xlabel().startswith('predicted')
    assert axes.get_ylabel().startswith('true')
    assert cv2.imread(str(tmp_path / 'plots' / 'matrix.png')) is not None


def test_scores_are_those_of_the_file(tmp_path):
    figure = confusion_plot(write(tmp_path / 'metrics.json'), tmp_path / 'matrix.png')
    assert figure.get_suptitle() == (
        'melanoma: precision 0.434, recall 0.767, F1 0.554\n'
        'average precision –, AUC 0.810, precision at a recall of 0.76: –'
    )


def test_class_without_images_has_no_share(tmp_path):
    matrix = {'classes': ['not melanoma', 'melanoma'], 'counts': [[9, 1], [0, 0]]}
    path = write(tmp_path / 'metrics.json', confusion_matrix=matrix)
    figure = confusion_plot(path, tmp_path / 'matrix.png')
    assert cells(figure)[1, 0] == '0\n0.0% of row'


SEVEN = ['akiec', 'bcc', 'bkl', 'df', 'mel', 'nv', 'vasc']


def many_classes(classes, positive):
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 30, (len(classes), len(classes)))
    counts[2] = 0  # a class without images
    return {
        'classes': classes,
        'counts': counts.tolist(),
        'no_detection': [3, 0, *[0] * (len(classes) - 2)],
        'positive': positive,
    }


@pytest.mark.parametrize(
    ('classes', 'positive'),
    [(SEVEN, 'mel'), (['$a_b$', 'Näv us\\', 'плоский лишай'], None)],
    ids=['seven', 'odd names'],
)
@pytest.mark.filterwarnings('error')
def test_many_classes_stand_in_their_rows(tmp_path, classes, positive):
    matrix = many_classes(classes, positive)
    metrics = {'classes/balanced_accuracy': 0.5, 'classes/macro_auc': None, 'mel/auc': 0.75}
    path = write(tmp_path / 'metrics.json', confusion_matrix=matrix, metrics=metrics)
    figure = confusion_plot(path, tmp_path / 'matrix.png')
    axes = figure.axes[0]
    columns = [label.get_text() for label in axes.get_xticklabels()]
    assert columns == [*classes, 'no detection']
    found = cells(figure)
    assert len(found) == len(classes) * (len(classes) + 1)
    total = sum(matrix['counts'][0]) + 3
    assert axes.get_yticklabels()[0].get_text() == f'{classes[0]}\n({total})'
    assert found[0, len(classes)] == f'3\n{3 / total:.0%}'
    assert found[2, 0] == '0\n0%'
    title = figure.get_suptitle()
    assert f'{len(classes)} classes: accuracy –, balanced accuracy 0.500, macro AUC –' in title
    assert ('mel: ' in title) == (positive is not None)
    picture = cv2.imread(str(tmp_path / 'matrix.png'))
    assert np.ptp(picture) > 200


def test_the_positive_class_against_the_rest_is_counted_from_all_classes():
    confusion = Confusion.of({'confusion_matrix': many_classes(SEVEN, 'mel')})
    counts = np.array(confusion.counts)
    (tn, fp), (fn, tp) = confusion.of_positive()
    assert tp == counts[4, 4]
    assert fp == counts[:, 4].sum() - tp
    assert fn == counts[4].sum() - tp
    assert tn + fp + fn + tp == counts.sum() + 3


def test_files_without_a_matrix_are_refused(tmp_path):
    path = tmp_path / 'metrics.json'
    path.write_text('{"metrics": {"lesion/iou": 0.8}}')
    with pytest.raises(InputError, match='no confusion matrix'):
        confusion_plot(path, tmp_path / 'matrix.png')
    with pytest.raises(InputError, match=r'absent\.json'):
        confusion_plot(tmp_path / 'absent.json', tmp_path / 'matrix.png')
    assert not (tmp_path / 'matrix.png').exists()


def test_intervals_are_those_of_a_bootstrap_over_images():
    counts = [[300, 40], [25, 60]]
    truth = np.repeat([0, 0, 1, 1], np.ravel(counts)).astype(bool)
    decision = np.repeat([0, 1, 0, 1], np.ravel(counts)).astype(bool)
    rng = np.random.default_rng(5)
    scores = []
    for _ in range(2000):
        chosen = rng.integers(0, len(truth), len(truth))
        metrics = positive_metrics('melanoma', truth[chosen], decision[chosen], decision[chosen])
        scores.append([metrics[f'melanoma/{name}'] for name in ('precision', 'recall', 'f1')])
    expected = np.quantile(scores, (0.025, 0.975), axis=0).T
    found = positive_intervals(counts)
    assert list(found) == ['precision', 'recall', 'f1']
    np.testing.assert_allclose(list(found.values()), expected, atol=0.01)


def test_what_too_few_draws_define_has_no_interval():
    found = positive_intervals([[95, 0], [5, 0]])
    assert found == {'recall': (0, 0), 'f1': (0, 0)}, 'nobody was called a melanoma'
    assert positive_intervals([[9, 1], [0, 0]]) == {}, 'a third of the draws has no one to call'
