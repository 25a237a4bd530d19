"""Detections of one image against its official mask, and samples that are refused."""

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from pycocotools import mask as coco_mask

from isic_mmdet.errors import InputError
from isic_mmdet.evaluation.image_row import image_row
from isic_mmdet.masks.mask_files import read_mask
from tests.support.metric_samples import HEIGHT, WIDTH, box_mask, make_sample

TRUTH = box_mask(8, 24)


def row_of(*sample, classes=('lesion',), **meta):
    return image_row(make_sample(*sample, **meta).to_dict(), classes)


def jaccard(truth, prediction):
    return (truth & prediction).sum() / (truth | prediction).sum()


def test_top_scoring_and_best_detection(tmp_path):
    masks = [box_mask(0, 12), box_mask(8, 22), box_mask(20, 32)]
    row = row_of(tmp_path, 1, TRUTH, masks, [0.4, 0.5, 0.9])
    assert row['iou'] == pytest.approx(jaccard(TRUTH, masks[2]))
    assert row['iou_max'] == pytest.approx(jaccard(TRUTH, masks[1])) == 14 / 16
    assert row['score'] == pytest.approx(0.9)
    assert (row['detections'], row['label'], row['predicted_label']) == (3, 'lesion', 'lesion')
    assert row.pop('mask_confidence') is None, 'this model returns none'
    assert all(isinstance(value, (int, float, str)) for value in row.values())
    # Of equal scores the first counts.
    row = row_of(tmp_path, 1, TRUTH, [box_mask(8, 20), TRUTH], [0.5, 0.5])
    assert (row['iou'], row['iou_max']) == (0.75, 1)


def test_scores_above_one_are_ranked_and_count_as_one(tmp_path):
    masks = [box_mask(8, 20), TRUTH]
    row = row_of(tmp_path, 1, TRUTH, masks, [1.01, 1.04])
    assert (row['iou'], row['score']) == (1, 1)
    two = row_of(tmp_path, 1, TRUTH, masks, [1.01, 1.04], classes=('lesion', 'other'))
    assert two['lesion_score'] == 1


def test_the_confidence_is_that_of_the_highest_score(tmp_path):
    sample = make_sample(tmp_path, 1, TRUTH, [TRUTH, TRUTH], [0.4, 0.9])
    sample.pred_instances.mask_confidences = torch.tensor([0.75, 0.875])
    assert image_row(sample.to_dict(), ['lesion'])['mask_confidence'] == 0.875
    assert row_of(tmp_path, 1, TRUTH)['mask_confidence'] is None


def test_an_empty_detection_is_a_detection(tmp_path):
    row = row_of(tmp_path, 1, TRUTH, [box_mask(0, 0)], [0.9])
    assert (row['iou'], row['detections']) == (0, 1)


def test_masks_are_compared_at_the_official_size(tmp_path):
    truth = box_mask(100, 301, 300, 400)
    row = row_of(tmp_path, 1, truth, [TRUTH], [0.9])
    assert (row['height'], row['width']) == (300, 400)
    assert row['iou'] == pytest.approx(jaccard(truth, box_mask(100, 300, 300, 400)))
    # 767 x 1022 at a quarter: neither side divides.
    truth, prediction = box_mask(0, 300, 767, 1022), box_mask(0, 75, 191, 255)
    row = row_of(tmp_path, 1, truth, [prediction], [0.9], ori_shape=(191, 255))
    assert row['iou'] > 0.99


# pycocotools lags behind NumPy 2 and warns.
@pytest.mark.filterwarnings('ignore:__array__')
@pytest.mark.parametrize('form', ['tensor', 'array', 'uint8', 'rle', 'rle text'])
def test_every_form_of_masks_gives_the_same(tmp_path, form):
    masks = np.stack([box_mask(6, 20), box_mask(10, 24)])
    codes = [coco_mask.encode(np.asfortranarray(mask, np.uint8)) for mask in masks]
    sample = make_sample(tmp_path, 1, TRUTH, [*masks], [0.7, 0.6]).to_dict()
    sample['pred_instances']['masks'] = {
        'tensor': torch.from_numpy(masks),
        'array': masks,
        'uint8': torch.from_numpy(masks.astype(np.uint8)),
        'rle': codes,
        'rle text': [{**code, 'counts': code['counts'].decode()} for code in codes],
    }[form]
    row = image_row(sample, ['lesion'])
    assert (row['iou'], row['iou_max']) == tuple(jaccard(TRUTH, mask) for mask in masks)


def test_half_precision_scores_are_accepted(tmp_path):
    sample = make_sample(tmp_path, 1, TRUTH, [TRUTH], [0.5]).to_dict()
    sample['pred_instances']['scores'] = sample['pred_instances']['scores'].bfloat16()
    assert image_row(sample, ['lesion'])['score'] == 0.5


GRAY = torch.full((1, HEIGHT, WIDTH), 90, dtype=torch.uint8)
ERRORS = {
    'scores': [
        (torch.tensor([math.nan]), 'ISIC_0000001.*NaN'),
        (torch.tensor([math.inf]), 'ISIC_0000001.*infinite'),
    ],
    'labels': [(torch.tensor([1]), 'class index 1.*num_classes')],
    'masks': [
        (None, 'boxes only'),
        (torch.zeros((1, HEIGHT + 8, WIDTH), dtype=torch.bool), 'ISIC_0000001.*rescale=True'),
        (GRAY, 'ISIC_0000001.*mask_thr_binary'),
        (GRAY / 255, 'ISIC_0000001.*mask_thr_binary'),
    ],
    'gt_label': [(-1, 'class index -1')],
    'isic_id': [(None, 'isic_id.*PackDetInputs')],
}


@pytest.mark.parametrize(
    ('key', 'value', 'message'), [(key, *case) for key, cases in ERRORS.items() for case in cases]
)
def test_wrong_samples_are_refused(tmp_path, key, value, message):
    sample = make_sample(tmp_path, 1, TRUTH, [TRUTH], [0.9]).to_dict()
    part = sample['pred_instances'] if key in ('scores', 'labels', 'masks') else sample
    part.pop(key)
    if value is not None:
        part[key] = value
    with pytest.raises(InputError, match=message):
        image_row(sample, ['lesion'])


def test_wrong_mask_files_are_refused(tmp_path):
    sample = make_sample(tmp_path, 1, TRUTH, [TRUTH], [0.9]).to_dict()
    cv2.imwrite(sample['original_mask'], np.zeros((WIDTH, HEIGHT), np.uint8))
    with pytest.raises(InputError, match=r'ISIC_0000001_segmentation\.png.*32 x 24.*24 x 32'):
        image_row(sample, ['lesion'])
    Path(sample['original_mask']).unlink()
    with pytest.raises(InputError, match=r'ISIC_0000001_segmentation\.png.*cannot be read'):
        image_row(sample, ['lesion'])


@pytest.mark.shared_data
def test_quarter_size_predictions_on_real_masks(shared, tmp_path):
    """The official mask, shrunk as in the student project, is a nearly perfect prediction."""
    folder = shared / 'isic2017_fullsize/ISIC-2017_Training_Part1_GroundTruth'
    ious = []
    for number, file in enumerate(sorted(folder.glob('*.png'))[::4]):
        truth = read_mask(file)
        size = (truth.shape[1] // 4, truth.shape[0] // 4)
        small = cv2.resize(truth.astype(np.float32), size, interpolation=cv2.INTER_AREA) >= 0.5
        row = row_of(tmp_path, number, truth, [small], [0.9], ori_shape=small.shape)
        assert row['iou'] == row['iou_max'] >= 0.65
        ious.append(row['iou'])
    assert len(ious) == 10 and np.mean(ious) >= 0.99
