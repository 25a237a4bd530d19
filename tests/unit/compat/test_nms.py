"""NMS through mmcv's own functions, compared with a plain NumPy loop."""

import numpy as np
import pytest
import torch
from mmcv.ops import batched_nms, nms

DEVICES = ['cpu', pytest.param('cuda', marks=pytest.mark.gpu)]


def random_boxes(seed, count, integer=False):
    """Return (N, 4) boxes and (N,) scores; integers give ties, duplicates and empty boxes."""
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 50, (count, 2))
    sizes = rng.uniform(0, 40, (count, 2))
    scores = rng.uniform(0, 1, count)
    if integer:
        corners, sizes = corners.round() // 10 * 5, sizes.round() // 10 * 5
        scores = scores.round(1)
    boxes = np.concatenate([corners, corners + sizes], axis=1)
    return boxes.astype(np.float32), scores.astype(np.float32)


def overlap(a, b, offset):
    width = max(np.float32(0), min(a[2], b[2]) - max(a[0], b[0]) + np.float32(offset))
    height = max(np.float32(0), min(a[3], b[3]) - max(a[1], b[1]) + np.float32(offset))
    areas = [(box[2] - box[0] + offset) * (box[3] - box[1] + offset) for box in (a, b)]
    union = areas[0] + areas[1] - width * height
    return np.float32(width * height / union) if union else np.float32(0)


def reference_nms(boxes, scores, threshold, offset=0):
    kept = []
    for index in np.argsort(-scores, kind='stable'):
        if not any(overlap(boxes[k], boxes[index], offset) > np.float32(threshold) for k in kept):
            kept.append(int(index))
    return kept


@pytest.mark.parametrize('device', DEVICES)
@pytest.mark.parametrize('integer', [False, True])
@pytest.mark.parametrize('offset', [0, 1])
@pytest.mark.parametrize('threshold', [0.0, 0.3, 0.6, 1.0])
def test_nms_keeps_what_the_reference_keeps(device, integer, offset, threshold):
    for seed, count in enumerate([1, 2, 7, 60]):
        boxes, scores = random_boxes(seed, count, integer)
        dets, kept = nms(
            torch.tensor(boxes, device=device),
            torch.tensor(scores, device=device),
            threshold,
            offset=offset,
        )
        expected = reference_nms(boxes, scores, threshold, offset)
        assert kept.tolist() == expected
        assert dets.device.type == device
        np.testing.assert_array_equal(
            dets.cpu().numpy(), np.column_stack([boxes, scores])[expected]
        )


def test_nms_judges_an_overlap_of_exactly_the_threshold_in_single_precision():
    # Two boxes that share 3 of 5 units: three fifths in single precision is not above itself.
    boxes = torch.tensor([[0.0, 0, 4, 1], [1.0, 0, 5, 1]])
    _, kept = nms(boxes, torch.tensor([0.9, 0.8]), 0.6)
    assert kept.tolist() == [0, 1]


@pytest.mark.parametrize('device', DEVICES)
def test_nms_of_nothing_is_nothing(device):
    boxes, scores = torch.empty(0, 4, device=device), torch.empty(0, device=device)
    dets, kept = nms(boxes, scores, 0.5, score_threshold=0.1, max_num=3)
    assert dets.shape == (0, 5)
    assert kept.shape == (0,)
    assert kept.dtype == torch.int64


def test_nms_drops_low_scores_and_stops_at_max_num():
    boxes, scores = random_boxes(3, 60)
    _, kept = nms(boxes, scores, 0.5, score_threshold=0.4, max_num=5)
    able = np.flatnonzero(scores > 0.4)
    expected = able[reference_nms(boxes[able], scores[able], 0.5)][:5]
    np.testing.assert_array_equal(kept, expected)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float64])
def test_nms_takes_every_floating_point_type(dtype):
    boxes, scores = (torch.tensor(values).to(dtype) for values in random_boxes(4, 30))
    dets, kept = nms(boxes, scores, 0.5)
    assert kept.tolist() == reference_nms(boxes.float().numpy(), scores.float().numpy(), 0.5)
    assert dets.dtype == dtype


@pytest.mark.parametrize('split', [10_000, 10])
def test_batched_nms_keeps_classes_apart(split):
    boxes, scores = random_boxes(5, 60)
    classes = np.random.default_rng(5).integers(0, 3, 60)
    dets, kept = batched_nms(
        torch.tensor(boxes),
        torch.tensor(scores),
        torch.tensor(classes),
        {'type': 'nms', 'iou_threshold': 0.4, 'split_thr': split},
    )
    expected = []
    for label in range(3):
        members = np.flatnonzero(classes == label)
        expected += members[reference_nms(boxes[members], scores[members], 0.4)].tolist()
    expected.sort(key=lambda index: -scores[index])
    assert kept.tolist() == expected
    np.testing.assert_array_equal(dets.numpy(), np.column_stack([boxes, scores])[expected])
