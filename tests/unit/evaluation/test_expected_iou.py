"""The fit, compared with scipy; images to check; damaged calibrations."""

import dataclasses
import json

import numpy as np
import pytest
import scipy.optimize

from isic_mmdet.errors import InputError
from isic_mmdet.evaluation.expected_iou import (
    ExpectedIoU,
    add_expected_iou,
    fit_expected_iou,
)


def rows_of(number=300, seed=0, intercept=-2.0, slope=1.5):
    """Rows whose IoU follows the confidence, with noise."""
    rng = np.random.default_rng(seed)
    confidence = rng.uniform(0.6, 0.98, number)
    mean = 1 / (1 + np.exp(-intercept - slope * np.log(confidence / (1 - confidence))))
    ious = np.clip(mean + rng.normal(0, 0.1, number), 0, 1)
    return [
        {'iou': float(iou), 'score': float(score), 'mask_confidence': float(c)}
        for iou, score, c in zip(ious, rng.random(number), confidence, strict=True)
    ]


def scipys_fit(rows, name):
    x, y = (np.array([row[key] for row in rows]) for key in (name, 'iou'))
    z = np.log(x / (1 - x))

    def loss(weights):
        value = weights[0] + weights[1] * z
        return np.sum(np.logaddexp(0, value) - y * value)

    return scipy.optimize.minimize(loss, [0.0, 0.0]).x


@pytest.mark.parametrize(('intercept', 'slope'), [(-2.0, 1.5), (-6.0, 1.0), (3.0, 0.2)])
def test_the_fit_is_the_maximum_of_the_likelihood(intercept, slope):
    rows = rows_of(intercept=intercept, slope=slope)
    found = fit_expected_iou(rows)
    expected = scipys_fit(rows, 'mask_confidence')
    assert (found.intercept, found.slope) == pytest.approx(expected, rel=1e-3, abs=1e-3)
    assert (found.certainty, found.images) == ('mask_confidence', 300)


def test_the_expected_iou_has_the_mean_of_the_iou():
    rows = rows_of()
    add_expected_iou(rows, fit_expected_iou(rows))
    # The derivative of the likelihood by the intercept is zero.
    means = [np.mean([row[key] for row in rows]) for key in ('expected_iou', 'iou')]
    assert means[0] == pytest.approx(means[1], abs=1e-9)


def test_without_mask_probabilities_the_score_is_used():
    rows = rows_of()
    for row in rows:
        row['score'] = row.pop('mask_confidence')
    found = fit_expected_iou(rows)
    assert found.certainty == 'score'
    assert (found.intercept, found.slope) == pytest.approx(scipys_fit(rows, 'score'), abs=1e-3)
    assert found(0.9, None) == found(0.9, 0.7) > found(0.8, None)


def test_a_tenth_of_the_images_is_to_check():
    rows = rows_of()
    found = fit_expected_iou(rows)
    add_expected_iou(rows, found)
    order = np.argsort([row['mask_confidence'] for row in rows])
    assert [rows[index]['check'] for index in order] == [True] * 30 + [False] * 270


def test_an_image_without_a_detection_is_to_check():
    rows = rows_of()
    nothing = [{'iou': 0.0, 'score': None, 'mask_confidence': None} for _ in range(60)]
    found = fit_expected_iou(rows + nothing)
    alone = fit_expected_iou(rows)
    assert (found.intercept, found.slope) == (alone.intercept, alone.slope)
    assert found.images == 360
    add_expected_iou(rows + nothing, found)
    assert {(row['expected_iou'], row['check']) for row in nothing} == {(0.0, True)}
    assert not any(row['check'] for row in rows), 'more than a tenth has no detection'


@pytest.mark.parametrize(
    'rows',
    [
        rows_of(19),
        rows_of(slope=-1.5, intercept=3.0),
        [row | {'mask_confidence': 0.9} for row in rows_of()],
        [{'iou': 0.0, 'score': None, 'mask_confidence': None}] * 50,
    ],
    ids=['few images', 'certain masks are worse', 'equal certainty', 'no detection'],
)
def test_there_is_no_fit_without_a_relation(rows):
    assert fit_expected_iou(rows) is None


def test_without_a_calibration_nothing_is_expected():
    rows = rows_of(3)
    add_expected_iou(rows, None)
    assert {(row['expected_iou'], row['check']) for row in rows} == {(None, None)}


def test_certain_and_uncertain_extremes_stay_in_range():
    found = fit_expected_iou(rows_of())
    for certainty in (0.0, 1.0):
        assert 0 <= found(0.5, certainty) <= 1
    with pytest.raises(ValueError, match='mask confidence'):
        found(0.5, None)


def test_a_calibration_is_written_as_json_and_read_again():
    found = fit_expected_iou(rows_of())
    assert ExpectedIoU.from_json(json.loads(json.dumps(found.to_json())), 'a.pth') == found
    assert ExpectedIoU.from_json(None, 'a.pth') is None


@pytest.mark.parametrize('changes', [{'slope': 'steep'}, {'slope': None}, {'images': -1}])
def test_a_damaged_calibration_is_refused(changes):
    value = dataclasses.asdict(fit_expected_iou(rows_of())) | changes
    with pytest.raises(InputError, match=r'a\.pth: its calibration is damaged') as error:
        ExpectedIoU.from_json(value, 'a.pth')
    assert next(iter(changes)) in error.value.errors[0]
