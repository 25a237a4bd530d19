import math

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from isic_mmdet.metrics import classification


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
    found = classification.melanoma_metrics(truth, decision, score)
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


def test_without_melanoma_only_the_precision_is_defined():
    found = classification.melanoma_metrics([False, False], [True, False], [0.9, 0.1])
    assert found['melanoma/precision'] == 0.0
    assert found['melanoma/f1'] == 0.0
    for name in ('recall', 'average_precision', 'auc', 'precision_at_recall76'):
        assert math.isnan(found[f'melanoma/{name}'])


def test_with_melanomas_only_the_auc_is_undefined():
    found = classification.melanoma_metrics([True, True], [True, False], [0.9, 0.1])
    assert math.isnan(found.pop('melanoma/auc'))
    assert found == {
        'melanoma/precision': 1.0,
        'melanoma/recall': 0.5,
        'melanoma/f1': pytest.approx(2 / 3),
        'melanoma/average_precision': 1.0,
        'melanoma/precision_at_recall76': 1.0,
    }


def test_precision_without_a_call_is_undefined():
    found = classification.melanoma_metrics([True, False], [False, False], [0.4, 0.3])
    assert math.isnan(found['melanoma/precision'])
    assert found['melanoma/recall'] == found['melanoma/f1'] == 0.0
