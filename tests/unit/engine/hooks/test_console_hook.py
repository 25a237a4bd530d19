import math

from isic_mmdet.engine.hooks.console_hook import score_line


def test_the_line_of_a_validation_has_the_scores_that_decide():
    metrics = {
        'lesion/iou': 0.81234,
        'lesion/iou_max': 0.9,
        'lesion/dice': 0.88,
        'lesion/iou_thr65': 0.75,
        'lesion/iou_ci_low': 0.7,
        'lesion/iou_ci_high': 0.9,
        'lesion/missed': 0.01,
    }
    line = score_line(metrics)
    assert line == 'iou 0.812 (0.700 to 0.900)  dice 0.880  missed 0.010'
    assert len(line) + len('epoch 100:   best so far') <= 80


def test_one_image_has_no_interval():
    metrics = {'lesion/iou': 1.0, 'lesion/iou_ci_low': math.nan, 'lesion/iou_ci_high': math.nan}
    assert score_line(metrics) == 'iou 1.000'


def test_an_evaluator_of_the_user_has_a_line():
    assert score_line({'coco/segm_mAP': 0.5, 'other': 0.25}) == 'coco/segm_mAP 0.500  other 0.250'
