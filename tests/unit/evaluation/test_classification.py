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


def make_rows(classes, truth, decision, scores):
    columns = [f'{name}_score' for name in classes]
    return [
        {'label': true, 'predicted_label': called, **dict(zip(columns, line, strict=True))}
        for true, called, line in zip(truth, decision, scores, strict=True)
    ]


def melanoma_metrics(truth, decision, score):
    """Return the metrics of melanoma, without their prefix, of images of two classes."""
    classes = np.array(['nevus', 'melanoma'])
    labels = (classes[np.asarray(which, int)].tolist() for which in (truth, decision))
    rows = make_rows(classes, *labels, [(1 - value, value) for value in score])
    metrics = classification.class_metrics(rows, 'melanoma')
    start = 'melanoma/'
    return {key.removeprefix(start): value for key, value in metrics.items() if start in key}


@pytest.mark.parametrize(('truth', 'score'), list(cases()))
def test_metrics_equal_scikit_learns(truth, score):
    decision = score >= 0.5
    found = melanoma_metrics(truth, decision, score)
    expected = {
        'precision': sklearn_metrics.precision_score(truth, decision, zero_division=math.nan),
        'recall': sklearn_metrics.recall_score(truth, decision),
        'f1': sklearn_metrics.f1_score(truth, decision),
        'average_precision': sklearn_metrics.average_precision_score(truth, score),
        'auc': sklearn_metrics.roc_auc_score(truth, score),
        'precision_at_recall76': sklearns_precision_at_recall(truth, score, 0.76),
    }
    assert found == pytest.approx(expected, abs=1e-12, nan_ok=True)


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
    assert list(melanoma_metrics(truth, decision, [0.9, 0.1]).values()) == expected


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
    rows = make_rows(CLASSES, names[truth].tolist(), names[decision].tolist(), scores)
    found = classification.class_metrics(rows, None)
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
    assert classification.confusion_matrix(rows, None) == {
        'classes': list(CLASSES),
        'counts': sklearn_metrics.confusion_matrix(truth, decision).tolist(),
        'no_detection': [0] * 4,
        'positive': None,
    }
    macro = sklearn_metrics.roc_auc_score(truth, chances, multi_class='ovr')
    rows = make_rows(CLASSES, names[truth].tolist(), names[decision].tolist(), chances)
    by_chances = classification.class_metrics(rows, None)
    assert by_chances['classes/macro_auc'] == pytest.approx(macro)


def test_an_image_without_detection_is_wrong_in_every_class():
    truth, decision = ['a', 'a', 'b', 'c'], ['a', None, 'b', None]
    scores = [[0.9, 0, 0], [0, 0, 0], [0, 0.8, 0], [0, 0, 0]]
    rows = make_rows('abc', truth, decision, scores)
    found = classification.class_metrics(rows, None)
    assert found['classes/accuracy'] == 0.5
    called = [name or 'nothing' for name in decision]
    assert found['classes/balanced_accuracy'] == pytest.approx(
        sklearn_metrics.recall_score(truth, called, labels=['a', 'b', 'c'], average='macro')
    )
    matrix = classification.confusion_matrix(rows, 'a')
    assert matrix['counts'] == [[1, 0, 0], [0, 1, 0], [0, 0, 0]]
    assert (matrix['no_detection'], matrix['positive']) == ([1, 0, 1], 'a')


def test_a_class_without_images_is_undefined_and_changes_no_other():
    truth, decision = ['a', 'b', 'b', 'a'], ['a', 'c', 'b', 'b']
    scores = np.array([[0.9, 0.1, 0.3], [0.2, 0.3, 0.5], [0.1, 0.8, 0.2], [0.4, 0.6, 0.1]])
    found = classification.class_metrics(make_rows('abc', truth, decision, scores), None)
    assert math.isnan(found['classes/auc/c'])
    assert math.isnan(found['classes/macro_auc'])
    assert found['classes/auc/a'] == 1
    with pytest.warns(UserWarning, match='not in y_true'):
        expected = sklearn_metrics.balanced_accuracy_score(truth, decision)
    assert found['classes/balanced_accuracy'] == expected == 0.5
