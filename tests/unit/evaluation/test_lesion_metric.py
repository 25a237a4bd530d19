import csv
import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmdet.registry import METRICS
from mmengine.dataset import DefaultSampler
from mmengine.dist import get_rank
from mmengine.evaluator import Evaluator
from mmengine.structures import BaseDataElement, InstanceData
from pycocotools import mask as coco_mask
from sklearn import metrics as sklearn_metrics
from torch.utils.data import BatchSampler

from isic_mmdet.errors import InputError
from isic_mmdet.evaluation.classification import rows_class_metrics, rows_confusion
from isic_mmdet.evaluation.lesion_metric import DataSet, LesionMetric
from isic_mmdet.evaluation.per_image import PER_IMAGE_COLUMNS, read_per_image
from isic_mmdet.evaluation.scores import bootstrap_interval, confusion, mask_scores, pack
from isic_mmdet.masks.mask_files import read_mask

LESION, TWO_CLASSES = ('lesion',), ('benign', 'melanoma')
HEIGHT, WIDTH = 24, 32


def box_mask(x0, x1, height=HEIGHT, width=WIDTH):
    """A mask of full height between two columns."""
    mask = np.zeros((height, width), bool)
    mask[:, x0:x1] = True
    return mask


def make_sample(
    folder, number, truth, masks=(), scores=(), labels=None, ori_shape=(HEIGHT, WIDTH), **meta
):
    """A data sample as the model returns it, with its official mask on disk."""
    name = f'ISIC_{number:07d}'
    path = Path(folder) / f'{name}_segmentation.png'
    cv2.imwrite(str(path), truth.astype(np.uint8) * 255)
    if not isinstance(masks, (list, torch.Tensor)) or not len(masks):
        masks = torch.zeros((0, *ori_shape), dtype=torch.bool)
    elif isinstance(masks[0], np.ndarray):
        masks = torch.from_numpy(np.stack(masks))
    found = InstanceData(
        bboxes=torch.zeros((len(masks), 4)),
        scores=torch.tensor(scores, dtype=torch.float32),
        labels=torch.tensor(labels or [0] * len(masks), dtype=torch.long),
        masks=masks,
    )
    sample = BaseDataElement(
        metainfo={
            'img_id': number,
            'isic_id': name,
            'ori_shape': ori_shape,
            'original_mask': str(path),
            'gt_label': 0,
        }
        | meta
    )
    sample.pred_instances = found
    return sample


def run(samples, classes=LESION, size=None, **options):
    """Evaluate through mmengine; returns the metrics and the metric object."""
    metric = LesionMetric(**options)
    evaluator = Evaluator(metric)
    evaluator.dataset_meta = {'classes': classes}
    for start in range(0, len(samples), 2):
        evaluator.process(samples[start : start + 2])
    return evaluator.evaluate(len(samples) if size is None else size), metric


def jaccard(truth, prediction):
    return (truth & prediction).sum() / (truth | prediction).sum()


def test_top_scoring_and_best_detection_stand_side_by_side(tmp_path):
    truth = box_mask(8, 24)
    masks = [box_mask(0, 12), box_mask(8, 22), box_mask(20, 32)]
    metrics, metric = run([make_sample(tmp_path, 1, truth, masks, [0.4, 0.5, 0.9])])
    assert metrics['lesion/iou'] == pytest.approx(jaccard(truth, masks[2]))
    assert metrics['lesion/iou_max'] == pytest.approx(jaccard(truth, masks[1])) == 14 / 16
    assert metrics['lesion/iou_thr65'] == 0
    (row,) = metric.per_image
    assert row['score'] == pytest.approx(0.9)
    assert row['detections'] == 3
    assert (row['label'], row['predicted_label']) == ('lesion', 'lesion')


def test_of_equal_scores_the_first_detection_counts(tmp_path):
    truth = box_mask(8, 24)
    masks = [box_mask(8, 20), truth]
    metrics, _ = run([make_sample(tmp_path, 1, truth, masks, [0.5, 0.5])])
    assert metrics['lesion/iou'] == 0.75
    assert metrics['lesion/iou_max'] == 1.0


def test_an_image_without_detection_is_scored_as_an_empty_mask(tmp_path):
    truth = box_mask(0, 8)
    samples = [
        make_sample(tmp_path, 1, truth, [truth], [0.9]),
        make_sample(tmp_path, 2, truth),
    ]
    metrics, metric = run(samples)
    for name in ('iou', 'iou_max', 'iou_thr65', 'dice', 'sensitivity', 'missed'):
        assert metrics[f'lesion/{name}'] == 0.5, name
    assert metrics['lesion/pixel_accuracy'] == (1 + 0.75) / 2
    assert metrics['lesion/specificity'] == 1
    assert metric.per_image[1]['score'] is None
    assert metric.per_image[1]['predicted_label'] is None
    assert not any(name.startswith('melanoma/') for name in metrics)


def test_an_empty_detection_is_not_a_missing_one(tmp_path):
    metrics, _ = run([make_sample(tmp_path, 1, box_mask(0, 8), [box_mask(0, 0)], [0.9])])
    assert metrics['lesion/iou'] == 0
    assert metrics['lesion/missed'] == 0


def test_masks_are_compared_at_the_official_size(tmp_path):
    truth = box_mask(100, 301, 300, 400)
    sample = make_sample(tmp_path, 1, truth, [box_mask(8, 24)], [0.9])
    metrics, metric = run([sample])
    assert (metric.per_image[0]['height'], metric.per_image[0]['width']) == (300, 400)
    assert metrics['lesion/iou'] == pytest.approx(jaccard(truth, box_mask(100, 300, 300, 400)))


# pycocotools lags behind NumPy 2 and says so.
@pytest.mark.filterwarnings('ignore:__array__')
@pytest.mark.parametrize('form', ['tensor', 'array', 'rle', 'rle text', 'uint8'])
def test_every_form_of_masks_gives_the_same(tmp_path, form):
    truth = box_mask(8, 24)
    masks = np.stack([box_mask(6, 20), box_mask(10, 24)])
    given = {
        'tensor': lambda: torch.from_numpy(masks),
        'array': lambda: masks,
        'uint8': lambda: torch.from_numpy(masks.astype(np.uint8)),
        'rle': lambda: [coco_mask.encode(np.asfortranarray(m, np.uint8)) for m in masks],
        'rle text': lambda: [
            {'size': code['size'], 'counts': code['counts'].decode()}
            for code in (coco_mask.encode(np.asfortranarray(m, np.uint8)) for m in masks)
        ],
    }[form]()
    sample = make_sample(tmp_path, 1, truth, [*masks], [0.7, 0.6])
    sample.pred_instances.pop('masks')
    sample.pred_instances.masks = given
    metrics, _ = run([sample])
    assert metrics['lesion/iou'] == jaccard(truth, masks[0])
    assert metrics['lesion/iou_max'] == jaccard(truth, masks[1])


def test_half_precision_scores_are_taken(tmp_path):
    truth = box_mask(8, 24)
    sample = make_sample(tmp_path, 1, truth, [truth], [0.5])
    sample.pred_instances.scores = sample.pred_instances.scores.bfloat16()
    assert run([sample])[1].per_image[0]['score'] == 0.5


def test_means_equal_those_of_the_core_over_many_images(tmp_path):
    rng = np.random.default_rng(0)
    samples, scores = [], []
    for number in range(9):
        truth, prediction = rng.random((2, HEIGHT, WIDTH)) < 0.8
        samples.append(make_sample(tmp_path, number, truth, [prediction], [0.5]))
        scores.append(mask_scores(confusion(pack(truth), pack(prediction))))
    metrics, _ = run(samples)
    for name in scores[0]:
        assert metrics[f'lesion/{name}'] == pytest.approx(np.mean([s[name] for s in scores]))
    low, high = bootstrap_interval([s['iou'] for s in scores])
    assert (metrics['lesion/iou_ci_low'], metrics['lesion/iou_ci_high']) == (low, high)
    assert low < metrics['lesion/iou'] < high


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


def test_melanoma_metrics(tmp_path):
    metrics, metric = run(two_class_samples(tmp_path), TWO_CLASSES)
    # Truth 1, 0, 0, 1, 0 and called 1, 0, 1, 0, 0; of the six (melanoma, benign) pairs two are in
    # the right order and one is tied.
    assert [row['melanoma_score'] for row in metric.per_image] == pytest.approx(
        [0.8, 0.2, 0.9, 0, 0]
    )
    assert metrics['melanoma/precision'] == 0.5
    assert metrics['melanoma/recall'] == 0.5
    assert metrics['melanoma/f1'] == 0.5
    assert metrics['melanoma/auc'] == pytest.approx((2 + 0.5) / 6)
    assert metrics['melanoma/average_precision'] == pytest.approx(0.5 * 0.5 + 0.5 * 2 / 5)


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
    again = rows_class_metrics(rows, positive)
    assert again == pytest.approx({name: metrics[name] for name in again})
    assert rows_confusion(rows, positive) == matrix


def test_a_class_without_images_is_null(tmp_path):
    chances = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.6, 0.3, 0.1]], np.float32)
    samples = many_class_samples(tmp_path, [0, 1, 1], chances)
    metrics, _ = run(samples, ('a', 'b', 'c'), out_dir=str(tmp_path), positive='c')
    written = strict_json(tmp_path / 'metrics.json')
    for name in ('classes/auc/c', 'classes/macro_auc', 'c/recall', 'c/auc'):
        assert math.isnan(metrics[name])
        assert written['metrics'][name] is None
    assert written['confusion_matrix']['counts'][2] == [0, 0, 0]


@pytest.mark.parametrize('classes', [('mel', 'nv'), ('melanoma',), ('Melanoma', 'nevus')])
def test_a_positive_class_that_is_none_is_refused_before_the_first_image(classes):
    metric = LesionMetric(positive='melanoma')
    with pytest.raises(InputError, match=f"positive class 'melanoma'.*{classes[0]}"):
        Evaluator(metric).dataset_meta = {'classes': classes}


def test_without_a_melanoma_class_none_is_positive(tmp_path):
    samples = many_class_samples(tmp_path, [0, 1], np.array([[0.7, 0.2], [0.1, 0.8]]))
    metrics, _ = run(samples, ('a', 'b'), out_dir=str(tmp_path))
    assert {name.partition('/')[0] for name in metrics} == {'lesion', 'classes'}
    assert strict_json(tmp_path / 'metrics.json')['confusion_matrix']['positive'] is None


def test_without_true_classes_there_are_no_melanoma_metrics(tmp_path):
    samples = [make_sample(tmp_path, 1, box_mask(0, 8), gt_label=None)]
    metrics, metric = run(samples, TWO_CLASSES)
    assert not any(name.startswith('melanoma/') for name in metrics)
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
    assert strict_json(out / 'metrics.json') == {
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
    assert list(rows[0]) == [*PER_IMAGE_COLUMNS, 'benign_score', 'melanoma_score']
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
    assert header == ','.join(PER_IMAGE_COLUMNS)
    metrics, _ = run([make_sample(tmp_path, 1, truth)], TWO_CLASSES, out_dir=str(tmp_path / 'two'))
    assert math.isnan(metrics['melanoma/recall'])
    assert strict_json(tmp_path / 'two/metrics.json')['metrics']['melanoma/recall'] is None


def test_folder_and_provenance_may_be_set_before_evaluate(tmp_path):
    metric = LesionMetric()
    metric.dataset_meta = {'classes': LESION}
    metric.process({}, [make_sample(tmp_path, 1, box_mask(0, 8)).to_dict()])
    metric.out_dir, metric.provenance = str(tmp_path / 'out'), {'checkpoint': 'a.pth'}
    metric.evaluate(1)
    assert strict_json(tmp_path / 'out/metrics.json')['checkpoint'] == 'a.pth'


def test_provenance_cannot_replace_the_metrics(tmp_path):
    samples = [make_sample(tmp_path, 1, box_mask(0, 8))]
    with pytest.raises(ValueError, match='images'):
        run(samples, out_dir=str(tmp_path / 'out'), provenance={'images': 2})


def test_a_second_evaluation_starts_afresh(tmp_path):
    truth = box_mask(0, 8)
    metric = LesionMetric()
    metric.dataset_meta = {'classes': LESION}
    for masks, expected in (([truth], 1.0), ([], 0.0)):
        metric.process({}, [make_sample(tmp_path, 1, truth, masks, [0.9] * len(masks)).to_dict()])
        assert metric.evaluate(1)['lesion/iou'] == expected
        assert len(metric.per_image) == 1


def test_only_numbers_are_kept(tmp_path):
    metric = LesionMetric()
    metric.dataset_meta = {'classes': LESION}
    truth = box_mask(0, 8)
    metric.process({}, [make_sample(tmp_path, 1, truth, [truth], [0.9]).to_dict()])
    assert all(isinstance(v, (int, float, str)) for v in metric.results[0].values())


def test_mmdet_knows_it_and_it_needs_no_prefix(capfd):
    assert METRICS.module_dict['LesionMetric'] is LesionMetric
    LesionMetric()
    assert 'prefix' not in ''.join(capfd.readouterr())


def spoil(sample, fault):
    """Put a fault into a good sample; returns what the message must say."""
    found = sample.pred_instances
    if fault == 'nan':
        found.scores[0] = math.nan
        return 'ISIC_0000001.*NaN'
    if fault == 'inf':
        found.scores[0] = math.inf
        return 'ISIC_0000001.*infinite'
    if fault == 'no masks':
        found.pop('masks')
        return 'boxes only'
    if fault == 'masks at network size':
        found.pop('masks')
        found.masks = torch.zeros((1, HEIGHT + 8, WIDTH), dtype=torch.bool)
        return 'ISIC_0000001.*rescale=True'
    if fault.startswith('soft'):
        found.pop('masks')
        gray = torch.full((1, HEIGHT, WIDTH), 90, dtype=torch.uint8)
        found.masks = gray if fault == 'soft gray masks' else gray / 255
        return 'ISIC_0000001.*mask_thr_binary'
    if fault == 'no meta key':
        sample.pop('isic_id')
        return 'isic_id.*PackDetInputs'
    if fault == 'no mask file':
        Path(sample.original_mask).unlink()
        return 'ISIC_0000001_segmentation.png.*cannot be read'
    if fault == 'mask of another shape':
        cv2.imwrite(sample.original_mask, np.zeros((WIDTH, HEIGHT), np.uint8))
        return 'ISIC_0000001_segmentation.png.*32 x 24.*24 x 32'
    if fault == 'unknown prediction':
        found.labels[0] = 1
        return 'class index 1.*num_classes'
    sample.set_metainfo({'gt_label': -1})
    return 'class index -1'


@pytest.mark.parametrize(
    'fault',
    [
        'nan',
        'inf',
        'no masks',
        'masks at network size',
        'soft gray masks',
        'soft float masks',
        'no meta key',
        'no mask file',
        'mask of another shape',
        'unknown prediction',
        'unknown truth',
    ],
)
def test_faults_are_named(tmp_path, fault):
    sample = make_sample(tmp_path, 1, box_mask(0, 8), [box_mask(0, 8)], [0.9])
    message = spoil(sample, fault)
    with pytest.raises(InputError, match=message):
        run([sample])


def test_rounded_sizes_are_not_a_shape_fault(tmp_path):
    # 767 x 1022 at a quarter: neither side divides.
    truth = box_mask(0, 300, 767, 1022)
    prediction = box_mask(0, 75, 191, 255)
    sample = make_sample(tmp_path, 1, truth, [prediction], [0.9], ori_shape=(191, 255))
    assert run([sample])[0]['lesion/iou'] > 0.99


def test_scoring_before_the_classes_are_known_is_an_error(tmp_path):
    with pytest.raises(ValueError, match='dataset_meta'):
        LesionMetric().process({}, [make_sample(tmp_path, 1, box_mask(0, 8)).to_dict()])


def test_an_image_scored_twice_or_not_at_all_is_an_error(tmp_path):
    samples = [make_sample(tmp_path, n, box_mask(0, 8)) for n in (1, 2)]
    with pytest.raises(InputError, match='has 3 images, but 2'):
        run(samples, size=3)
    with pytest.raises(InputError, match='ISIC_0000001 was scored 2 times'):
        run([samples[0], samples[0]])
    with pytest.raises(InputError, match='has 1 images, but 2'):
        run(samples, size=1)


# Thirteen images on two processes in batches of three: seven a process, of which the last one of
# the second process is padding, and a last batch of one.
IMAGES = 13


def distributed_sample(folder, number):
    rng = np.random.default_rng(number)
    truth = box_mask(8, 24)
    count = number % 4
    masks = [truth & (rng.random(truth.shape) < 0.9) for _ in range(count)]
    labels = rng.integers(0, 2, count).tolist()
    return make_sample(
        folder, number, truth, masks, rng.random(count).tolist(), labels, gt_label=number % 2
    )


def dealt():
    """The images of this rank as mmengine's sampler deals them, padded to equal counts."""
    return list(DefaultSampler(range(IMAGES), shuffle=False, seed=0))


def overlapping():
    """Both processes score images 6 to 8; a list cut at 13 by position would lose image 12."""
    return list(range(9)) if get_rank() == 0 else list(range(6, IMAGES))


def lacking():
    """One image never comes, and padding hides that in the count."""
    return [n for n in dealt() if n != 4]


def evaluate_share(folder, out_dir, choose):
    metric = LesionMetric(out_dir=str(out_dir))
    evaluator = Evaluator(metric)
    evaluator.dataset_meta = {'classes': TWO_CLASSES}
    for batch in BatchSampler(choose(), batch_size=3, drop_last=False):
        samples_folder = Path(folder) / f'rank_{get_rank()}'
        samples_folder.mkdir(exist_ok=True)
        evaluator.process([distributed_sample(samples_folder, n) for n in batch])
    return evaluator.evaluate(IMAGES)


def distributed_worker(rank, folder):
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        'gloo', init_method=f'file://{folder}/meeting_point', rank=rank, world_size=2
    )
    answers = {}
    for choose in (dealt, overlapping):
        answers[choose.__name__] = evaluate_share(folder, folder / choose.__name__, choose)
    try:
        evaluate_share(folder, folder / 'lacking', lacking)
    except InputError as error:
        answers['error'] = str(error)
    torch.distributed.destroy_process_group()
    (folder / f'answers_{rank}.json').write_text(json.dumps(answers))


def test_two_processes_give_the_numbers_of_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    alone = evaluate_share(tmp_path, tmp_path / 'alone', dealt)
    torch.multiprocessing.spawn(distributed_worker, (tmp_path,), nprocs=2)
    answers = [json.loads((tmp_path / f'answers_{rank}.json').read_text()) for rank in (0, 1)]
    assert answers[0] == answers[1]
    assert answers[0]['dealt'] == answers[0]['overlapping'] == alone
    assert 'has 13 images, but 12' in answers[0]['error']
    expected = (tmp_path / 'alone/per_image.csv').read_bytes()
    for name in ('dealt', 'overlapping'):
        assert (tmp_path / name / 'per_image.csv').read_bytes() == expected
    assert not (tmp_path / 'lacking').exists()
    assert not (tmp_path / '.dist_test').exists()


@pytest.mark.shared_data
def test_quarter_size_predictions_on_real_masks(shared, tmp_path):
    """The whole way at full size: the official mask, shrunk as the seed did, as prediction."""
    folder = shared / 'isic2017_fullsize/ISIC-2017_Training_Part1_GroundTruth'
    samples = []
    for number, file in enumerate(sorted(folder.glob('*.png'))[::4]):
        truth = read_mask(file)
        size = (truth.shape[1] // 4, truth.shape[0] // 4)
        small = cv2.resize(truth.astype(np.float32), size, interpolation=cv2.INTER_AREA) >= 0.5
        samples.append(make_sample(tmp_path, number, truth, [small], [0.9], ori_shape=small.shape))
    metrics, _ = run(samples)
    assert len(samples) == 10
    assert metrics['lesion/iou'] >= 0.99
    assert metrics['lesion/iou_thr65'] == metrics['lesion/iou'] == metrics['lesion/iou_max']


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
