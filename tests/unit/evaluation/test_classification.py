import math

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from isic_mmdet.evaluation import classification


def cases():
    """Truths and scores with and without ties, at several sizes and prevalences."""
    rng = np.random.default_rng(0)
    for number in (2, 5, 40, 600):
        for prevalence in (0.1, 0.5, 0.9):
            truth = rng.random(number) < prevalence
            truth[:2] = [True, False]
            score = np.clip(rng.normal(0.4 + 0.2 * truth, 0.3), 0, 1)
            yield truth, score
            yield truth, score.round(1)
            yield truth, np.zeros(number)


def sklearns_precision_at_recall(truth, score, wanted):
    # Thresholds rise, recalls fall; the last pair belongs to no threshold.
    precision, recall, _ = sklearn_metrics.precision_recall_curve(truth, score)
    return precision[:-1][recall[:-1] >= wanted][-1]


@pytest.mark.parametrize(('truth', 'score'), list(cases()))
def test_metrics_equal_scikit_learns(truth, score):
    decision = score >= 0.5
    found = classification.positive_metrics('melanoma', truth, decision, score)
    expected = {
        'precision': sklearn_metrics.precision_score(truth, decision, zero_division=math.nan),
        'recall': sklearn_metrics.recall_score(truth, decision),
        'f1': sklearn_metrics.f1_score(truth, decision),
        'average_precision': sklearn_metrics.average_precision_score(truth, score),
        'auc': sklearn_metrics.roc_auc_score(truth, score),
        'precision_at_recall76': sklearns_precision_at_recall(truth, score, 0.76),
    }
    assert found == {
        f'melanoma/{name}': pytest.approx(value, abs=1e-12, nan_ok=True)
        for name, value in expected.items()
    }
    counts = sklearn_metrics.confusion_matrix(truth, decision, labels=[False, True])
    assert classification.confusion_matrix(truth, decision) == counts.tolist()


def test_order_of_tied_images_does_not_matter():
    truth, score = np.array([1, 0, 1, 0, 0], bool), np.array([0.5, 0.5, 0.5, 0.9, 0.1])
    for metric in (
        classification.auc,
        classification.average_precision,
        lambda truth, score: classification.precision_at_recall(truth, score, 0.4),
    ):
        assert metric(truth, score) == metric(truth[::-1], score[::-1])


def test_all_scores_equal_are_worth_chance():
    truth = np.array([1, 0, 0, 0], bool)
    assert classification.auc(truth, np.zeros(4)) == 0.5
    assert classification.average_precision(truth, np.zeros(4)) == 0.25


NAN = pytest.approx(math.nan, nan_ok=True)


@pytest.mark.parametrize(
    ('truth', 'decision', 'expected'),
    [
        # precision, recall, F1, average precision, AUC, precision at a recall of 0.76
        ([False, False], [True, False], [0, NAN, 0, NAN, NAN, NAN]),
        ([True, True], [True, False], [1, 0.5, pytest.approx(2 / 3), 1, NAN, 1]),
        ([True, False], [False, False], [NAN, 0, 0, 1, 1, 1]),
    ],
    ids=['no melanoma', 'only melanoma', 'no melanoma predicted'],
)
def test_undefined_metrics_are_nan(truth, decision, expected):
    found = classification.positive_metrics('melanoma', truth, decision, [0.9, 0.1])
    names = ('precision', 'recall', 'f1', 'average_precision', 'auc', 'precision_at_recall76')
    assert [found[f'melanoma/{name}'] for name in names] == expected


CLASSES = ('akiec', 'bcc', 'Nevus, gewöhnlich', 'mel')


def class_cases():
    rng = np.random.default_rng(1)
    for number in (8, 50, 700):
        for digits in (1, 6):
            truth = rng.integers(0, 4, number)
            truth[:4] = range(4)
            scores = rng.random((number, 4)) + 0.6 * np.eye(4)[truth]
            yield truth, scores.round(digits)


@pytest.mark.parametrize(('truth', 'scores'), list(class_cases()))
def test_metrics_of_classes_equal_scikit_learns(truth, scores):
    decision = scores.argmax(1)
    names = np.array(CLASSES)
    found = classification.class_metrics(CLASSES, names[truth], list(names[decision]), scores)
    aucs = [sklearn_metrics.roc_auc_score(truth == k, scores[:, k]) for k in range(4)]
    chances = scores / scores.sum(1, keepdims=True)
    assert found == pytest.approx(
        {
            'classes/accuracy': sklearn_metrics.accuracy_score(truth, decision),
            'classes/balanced_accuracy': sklearn_metrics.balanced_accuracy_score(truth, decision),
            'classes/macro_auc': np.mean(aucs),
            **{f'classes/auc/{name}': value for name, value in zip(CLASSES, aucs, strict=True)},
        }
    )
    counts, undetected = classification.class_confusion(CLASSES, names[truth], names[decision])
    assert counts.tolist() == sklearn_metrics.confusion_matrix(truth, decision).tolist()
    assert not undetected.any()
    macro = sklearn_metrics.roc_auc_score(truth, chances, multi_class='ovr')
    by_chances = classification.class_metrics(CLASSES, names[truth], names[decision], chances)
    assert by_chances['classes/macro_auc'] == pytest.approx(macro)


def test_an_image_without_detection_is_wrong_in_every_class():
    truth, decision = ['a', 'a', 'b', 'c'], ['a', None, 'b', None]
    scores = [[0.9, 0, 0], [0, 0, 0], [0, 0.8, 0], [0, 0, 0]]
    found = classification.class_metrics('abc', truth, decision, scores)
    assert found['classes/accuracy'] == 0.5
    called = [name or 'nothing' for name in decision]
    assert found['classes/balanced_accuracy'] == pytest.approx(
        sklearn_metrics.recall_score(truth, called, labels=['a', 'b', 'c'], average='macro')
    )
    counts, undetected = classification.class_confusion('abc', truth, decision)
    assert counts.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 0]]
    assert undetected.tolist() == [1, 0, 1]


def test_a_class_without_images_is_undefined_and_changes_no_other():
    truth, decision = ['a', 'b', 'b', 'a'], ['a', 'c', 'b', 'b']
    scores = np.array([[0.9, 0.1, 0.3], [0.2, 0.3, 0.5], [0.1, 0.8, 0.2], [0.4, 0.6, 0.1]])
    found = classification.class_metrics('abc', truth, decision, scores)
    assert math.isnan(found['classes/auc/c'])
    assert math.isnan(found['classes/macro_auc'])
    assert found['classes/auc/a'] == 1
    with pytest.warns(UserWarning, match='not in y_true'):
        expected = sklearn_metrics.balanced_accuracy_score(truth, decision)
    assert found['classes/balanced_accuracy'] == expected == 0.5
