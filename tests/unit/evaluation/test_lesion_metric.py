"""Metrics over images, the two files, several classes and several data sets."""

import csv
import json
import math

import numpy as np
import pytest
import torch
from mmdet.registry import METRICS
from mmengine.evaluator import Evaluator
from sklearn import metrics as sklearn_metrics

from isic_mmdet.errors import InputError
from isic_mmdet.evaluation.classification import class_metrics, confusion_matrix
from isic_mmdet.evaluation.expected_iou import fit_expected_iou
from isic_mmdet.evaluation.lesion_metric import DataSet, LesionMetric
from isic_mmdet.evaluation.per_image import (
    PER_IMAGE_COLUMNS,
    UNCERTAINTY_COLUMNS,
    read_per_image,
)
from tests.support.metric_samples import box_mask, make_sample

LESION, TWO_CLASSES = ('lesion',), ('benign', 'melanoma')


def run(samples, classes=LESION, size=None, **options):
    """Evaluate through mmengine; returns the metrics and the metric object."""
    metric = LesionMetric(**options)
    evaluator = Evaluator(metric)
    evaluator.dataset_meta = {'classes': classes}
    for start in range(0, len(samples), 2):
        evaluator.process(samples[start : start + 2])
    return evaluator.evaluate(len(samples) if size is None else size), metric


def test_an_image_without_detection_is_scored_as_an_empty_mask(tmp_path):
    truth = box_mask(0, 8)
    metrics, metric = run(
        [make_sample(tmp_path, 1, truth, [truth], [0.9]), make_sample(tmp_path, 2, truth)]
    )
    for name in ('iou', 'iou_max', 'iou_thr65', 'dice', 'sensitivity', 'missed'):
        assert metrics[f'lesion/{name}'] == 0.5, name
    assert metrics['lesion/pixel_accuracy'] == (1 + 0.75) / 2
    assert metrics['lesion/specificity'] == 1
    assert metric.per_image[1]['score'] is metric.per_image[1]['predicted_label'] is None
    assert not any(name.startswith('melanoma/') for name in metrics)


def test_settings_between_and_before_evaluations(tmp_path):
    truth, metric = box_mask(0, 8), LesionMetric()
    sample = make_sample(tmp_path, 1, truth, [truth], [0.9]).to_dict()
    with pytest.raises(ValueError, match='dataset_meta'):
        metric.process({}, [sample])
    metric.dataset_meta = {'classes': LESION}
    metric.process({}, [sample])
    assert metric.evaluate(1)['lesion/iou'] == 1
    metric.process({}, [make_sample(tmp_path, 1, truth).to_dict()])
    metric.out_dir, metric.provenance = str(tmp_path / 'out'), {'checkpoint': 'a.pth'}
    assert metric.evaluate(1)['lesion/iou'] == 0, 'a second evaluation starts afresh'
    assert len(metric.per_image) == 1
    assert strict_json(tmp_path / 'out/metrics.json')['checkpoint'] == 'a.pth'
    metric.provenance = {'images': 2}
    metric.process({}, [sample])
    with pytest.raises(ValueError, match='images'):
        metric.evaluate(1)


def two_class_samples(folder):
    """Five images: called right twice, wrong once, one missed melanoma, one quiet benign."""
    truth = box_mask(8, 24)
    detections = [
        (1, [0.8, 0.3], [1, 0]),
        (0, [0.6, 0.2], [0, 1]),
        (0, [0.7, 0.9], [0, 1]),
        (1, [], []),
        (0, [0.5], [0]),
    ]
    return [
        make_sample(folder, n, truth, [truth] * len(s), s, labels, gt_label=gt)
        for n, (gt, s, labels) in enumerate(detections)
    ]


SEVEN = ('akiec', 'bcc', 'bkl', 'df', 'mel', 'nv', 'vasc')
NAMES = ('Näv us', 'mélanome, "in situ"', 'плоский лишай')


def many_class_samples(folder, truth, chances):
    """One image for each row of (N, K) chances: a detection of every class with a chance."""
    mask = box_mask(8, 24)
    return [
        make_sample(
            folder,
            number,
            mask,
            [mask] * int((row > 0).sum()),
            list(row[row > 0]),
            [int(k) for k in np.flatnonzero(row)],
            gt_label=int(label),
        )
        for number, (label, row) in enumerate(zip(truth, chances, strict=True))
    ]


@pytest.mark.parametrize(('classes', 'positive'), [(SEVEN, 'mel'), (NAMES, NAMES[1])])
def test_many_classes_equal_scikit_learns_numbers(tmp_path, classes, positive):
    rng = np.random.default_rng(3)
    truth = np.concatenate([np.arange(len(classes)), rng.integers(0, len(classes), 20)])
    chances = rng.dirichlet(np.ones(len(classes)), len(truth)).astype(np.float32)
    chances[rng.random(chances.shape) < 0.2] = 0  # what was not detected
    metrics, _ = run(
        many_class_samples(tmp_path, truth, chances),
        classes,
        out_dir=str(tmp_path),
        positive=positive,
    )
    aucs = [sklearn_metrics.roc_auc_score(truth == k, chances[:, k]) for k in range(len(classes))]
    assert [metrics[f'classes/auc/{name}'] for name in classes] == pytest.approx(aucs)
    assert metrics['classes/macro_auc'] == pytest.approx(np.mean(aucs))
    decision = chances.argmax(1)
    assert metrics['classes/balanced_accuracy'] == pytest.approx(
        sklearn_metrics.balanced_accuracy_score(truth, decision)
    )
    index = classes.index(positive)
    assert metrics[f'{positive}/auc'] == pytest.approx(aucs[index])
    assert metrics[f'{positive}/recall'] == pytest.approx(
        sklearn_metrics.recall_score(truth == index, decision == index)
    )
    assert not any(name.startswith('melanoma/') for name in metrics)
    matrix = strict_json(tmp_path / 'metrics.json')['confusion_matrix']
    assert matrix['classes'] == list(classes)
    assert matrix['counts'] == sklearn_metrics.confusion_matrix(truth, decision).tolist()
    assert matrix['positive'] == positive
    # The file alone is enough to compute all of it again.
    rows = read_per_image(tmp_path / 'per_image.csv')
    again = class_metrics(rows, positive)
    assert again == pytest.approx({name: metrics[name] for name in again})
    assert confusion_matrix(rows, positive) == matrix


@pytest.mark.parametrize('classes', [('mel', 'nv'), ('melanoma',), ('Melanoma', 'nevus')])
def test_a_positive_class_that_is_none_is_refused_before_the_first_image(classes):
    metric = LesionMetric(positive='melanoma')
    with pytest.raises(InputError, match=f"positive class 'melanoma'.*{classes[0]}"):
        Evaluator(metric).dataset_meta = {'classes': classes}


def test_without_a_melanoma_class_or_true_classes_nothing_is_positive(tmp_path):
    samples = many_class_samples(tmp_path, [0, 1], np.array([[0.7, 0.2], [0.1, 0.8]]))
    metrics, _ = run(samples, ('a', 'b'), out_dir=str(tmp_path))
    assert {name.partition('/')[0] for name in metrics} == {'lesion', 'classes'}
    assert strict_json(tmp_path / 'metrics.json')['confusion_matrix']['positive'] is None
    for sample in samples:
        sample.set_metainfo({'gt_label': None})
    metrics, metric = run(samples, TWO_CLASSES)
    assert {name.partition('/')[0] for name in metrics} == {'lesion'}
    assert metric.per_image[0]['label'] is None


def test_true_classes_of_only_some_images_are_an_error(tmp_path):
    samples = two_class_samples(tmp_path)
    samples[3].set_metainfo({'gt_label': None})
    with pytest.raises(InputError, match='ISIC_0000003'):
        run(samples, TWO_CLASSES)


def strict_json(path):
    def refuse(name):
        raise AssertionError(f'{name} is not JSON')

    return json.loads(path.read_text(encoding='utf-8'), parse_constant=refuse)


def test_files_hold_the_metrics_and_one_line_an_image(tmp_path):
    out = tmp_path / 'new' / 'folder'
    samples = two_class_samples(tmp_path)[::-1]
    metrics, metric = run(
        samples,
        TWO_CLASSES,
        out_dir=str(out),
        provenance={'seed': 3, 'config': 'x', 'bad': -math.inf},
    )
    assert {path.name for path in out.iterdir()} == {'metrics.json', 'per_image.csv'}
    content = strict_json(out / 'metrics.json')
    ratings = content.pop('calibration')
    assert (ratings['images'], ratings['failures'], ratings['score']['images']) == (5, 1, 4)
    assert content == {
        'metrics': metrics,
        'images': 5,
        'confusion_matrix': {
            'classes': ['benign', 'melanoma'],
            'counts': [[2, 1], [0, 1]],
            'no_detection': [0, 1],
            'positive': 'melanoma',
        },
        'seed': 3,
        'config': 'x',
        'bad': None,
    }
    with (out / 'per_image.csv').open(newline='') as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [
        *(*PER_IMAGE_COLUMNS, *UNCERTAINTY_COLUMNS),
        *('benign_score', 'melanoma_score'),
    ]
    assert [row['image_id'] for row in rows] == [f'ISIC_{n:07d}' for n in range(5)]
    assert np.mean([float(row['iou']) for row in rows]) == metrics['lesion/iou']
    assert rows[0]['label'] == rows[0]['predicted_label'] == 'melanoma'
    assert rows[3]['score'] == rows[3]['predicted_label'] == ''
    assert [float(row['melanoma_score']) for row in rows] == [
        row['melanoma_score'] for row in metric.per_image
    ]


def test_one_class_files_have_no_melanoma_and_undefined_metrics_are_null(tmp_path):
    truth = box_mask(0, 8)
    run([make_sample(tmp_path, 1, truth, [truth], [0.9])], out_dir=str(tmp_path / 'one'))
    assert 'confusion_matrix' not in strict_json(tmp_path / 'one/metrics.json')
    header = (tmp_path / 'one/per_image.csv').read_text().splitlines()[0]
    assert header == ','.join(PER_IMAGE_COLUMNS + UNCERTAINTY_COLUMNS)
    metrics, _ = run([make_sample(tmp_path, 1, truth)], TWO_CLASSES, out_dir=str(tmp_path / 'two'))
    assert math.isnan(metrics['melanoma/recall'])
    assert strict_json(tmp_path / 'two/metrics.json')['metrics']['melanoma/recall'] is None


def certain_samples(folder, number):
    """Images whose masks are better, the more confident they are; the last has no detection."""
    truth = box_mask(8, 24)
    samples = []
    for index in range(number):
        sample = make_sample(folder, index, truth, [box_mask(8 + index % 12, 24)], [0.9])
        sample.pred_instances.mask_confidences = torch.tensor([0.95 - 0.02 * (index % 12)])
        samples.append(sample)
    return [*samples, make_sample(folder, number, truth)]


def test_a_validation_fits_the_expected_iou_and_a_test_uses_it(tmp_path):
    validation = LesionMetric()
    validation.fits_expected_iou = True
    test = LesionMetric(out_dir=str(tmp_path / 'out'))
    for metric, number in ((validation, 40), (test, 5)):
        metric.dataset_meta = {'classes': LESION}
        test.expected_iou = validation.expected_iou
        samples = certain_samples(tmp_path, number)
        metric.process({}, [sample.to_dict() for sample in samples])
        metric.evaluate(len(samples))
    assert validation.expected_iou == fit_expected_iou(validation.per_image) == test.expected_iou
    rows = read_per_image(tmp_path / 'out/per_image.csv')
    expected = [row['expected_iou'] for row in rows]
    assert expected[:5] == sorted(expected[:5], reverse=True) and expected[0] > 0.8
    assert [row['check'] for row in rows] == [False] * 5 + [True]
    assert expected[5] == 0
    ratings = strict_json(tmp_path / 'out/metrics.json')['calibration']
    assert ratings['check'] == {'images': 1, 'failures': 1}


def test_nothing_is_expected_without_a_calibration(tmp_path):
    _, metric = run(certain_samples(tmp_path, 30))
    assert {(row['expected_iou'], row['check']) for row in metric.per_image} == {(None, None)}


def test_mmdet_knows_it_and_it_needs_no_prefix(capfd):
    assert METRICS.module_dict['LesionMetric'] is LesionMetric
    LesionMetric()
    assert 'prefix' not in ''.join(capfd.readouterr())


def test_an_image_scored_twice_or_not_at_all_is_an_error(tmp_path):
    samples = [make_sample(tmp_path, n, box_mask(0, 8)) for n in (1, 2)]
    with pytest.raises(InputError, match='has 3 images, but 2'):
        run(samples, size=3)
    with pytest.raises(InputError, match='ISIC_0000001 was scored 2 times'):
        run([samples[0], samples[0]])
    with pytest.raises(InputError, match='has 1 images, but 2'):
        run(samples, size=1)


@pytest.mark.parametrize('classes', [LESION, TWO_CLASSES])
def test_every_data_set_has_the_scores_that_it_has_alone(tmp_path, classes):
    truth = box_mask(4, 20)
    samples = [
        make_sample(tmp_path, n, truth, [box_mask(4, 20 - n)], [0.9], [n % len(classes)])
        for n in range(5)
    ]
    parts = {'val': samples[:2], 'old_test': samples[2:]}
    metric = LesionMetric(out_dir=str(tmp_path / 'out'))
    metric.data_sets = {
        name: DataSet(frozenset(each.isic_id for each in part), {'split': name})
        for name, part in parts.items()
    }
    evaluator = Evaluator(metric)
    evaluator.dataset_meta = {'classes': classes}
    evaluator.process(samples)
    together = evaluator.evaluate(len(samples))
    assert set(together) == set(metric.names())

    whole, _ = run(samples, classes)
    report = json.loads((tmp_path / 'out' / 'metrics.json').read_text())
    assert report['metrics'].keys() == whole.keys()
    for name, part in parts.items():
        alone, _ = run(part, classes)
        found = {key: together[f'{name}/{key}'] for key in alone}
        assert found == pytest.approx(alone, nan_ok=True)
        assert report['data_sets'][name]['split'] == name
        assert report['data_sets'][name]['images'] == len(part)
        assert report['data_sets'][name]['metrics']['lesion/iou'] == found['lesion/iou']
    assert {key: together[key] for key in whole} == pytest.approx(whole, nan_ok=True)
    with (tmp_path / 'out' / 'per_image.csv').open() as file:
        assert [row['data_set'] for row in csv.DictReader(file)] == ['val'] * 2 + ['old_test'] * 3
