"""The confusion matrix and the intervals of its scores."""

import numpy as np
import pytest

from isic_mmdet.report.confusion import Confusion

CLASSES = ['akiec', 'bcc', 'bkl', 'df', 'melanoma', 'nv', 'vasc']


def two_classes(counts):
    return Confusion(('benign', 'melanoma'), np.array(counts), np.zeros(2, int), 'melanoma')


def test_the_positive_class_against_the_rest_is_counted_from_all_classes():
    counts = np.random.default_rng(0).integers(0, 30, (7, 7))
    matrix = {'classes': CLASSES, 'counts': counts.tolist(), 'no_detection': [3, *[0] * 6]}
    confusion = Confusion.of({'confusion_matrix': {**matrix, 'positive': 'melanoma'}})
    tp = counts[4, 4]
    fp, fn = counts[:, 4].sum() - tp, counts[4].sum() - tp
    rest = counts.sum() + 3 - tp - fp - fn
    assert (
        confusion.positive_intervals() == two_classes([[rest, fp], [fn, tp]]).positive_intervals()
    )
    alone = Confusion.of({'confusion_matrix': {**matrix, 'positive': None}})
    assert alone.positive_intervals() == {}


def test_a_report_without_a_matrix_has_none():
    assert Confusion.of({'metrics': {'lesion/iou': 0.8}}) is None


def test_intervals_are_those_of_a_bootstrap_over_images():
    counts = [[300, 40], [25, 60]]
    truth = np.repeat([0, 0, 1, 1], np.ravel(counts)).astype(bool)
    decision = np.repeat([0, 1, 0, 1], np.ravel(counts)).astype(bool)
    rng = np.random.default_rng(5)
    scores = []
    for _ in range(2000):
        chosen = rng.integers(0, len(truth), len(truth))
        true, called = truth[chosen].sum(), decision[chosen].sum()
        tp = (truth & decision)[chosen].sum()
        scores.append([tp / called, tp / true, 2 * tp / (called + true)])
    expected = np.quantile(scores, (0.025, 0.975), axis=0).T
    found = two_classes(counts).positive_intervals()
    assert list(found) == [f'melanoma/{name}' for name in ('precision', 'recall', 'f1')]
    np.testing.assert_allclose(list(found.values()), expected, atol=0.01)


@pytest.mark.parametrize(
    ('counts', 'expected'),
    [
        (
            [[95, 0], [5, 0]],
            {'melanoma/recall': (0, 0), 'melanoma/f1': (0, 0)},
        ),  # nothing was predicted as positive
        ([[9, 1], [0, 0]], {}),  # a third of the draws has no positive image and no prediction
        ([[0, 0], [0, 0]], {}),
    ],
)
def test_scores_that_too_few_draws_define_have_no_interval(counts, expected):
    assert two_classes(counts).positive_intervals() == expected
