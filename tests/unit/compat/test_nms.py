"""NMS, soft-NMS and nms_match through mmcv's own functions, against plain NumPy loops."""

import numpy as np
import pytest
import torch
from mmcv.ops import batched_nms, nms, nms_match, soft_nms

DEVICES = ['cpu', pytest.param('cuda', marks=pytest.mark.gpu)]


def random_boxes(seed, count, whole=False):
    """Return (N, 4) boxes and (N,) scores; whole numbers give ties, twins and empty boxes."""
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 50, (count, 2))
    sizes = rng.uniform(0, 40, (count, 2))
    scores = rng.uniform(0, 1, count)
    if whole:
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


def reference_soft_nms(boxes, scores, threshold, sigma, min_score, method, offset=0):
    """Return kept indices and their scores, moving boxes about as mmcv does."""
    left = [[index, score] for index, score in enumerate(scores)]
    taken = []
    while left:
        best = max(range(len(left)), key=lambda place: left[place][1])
        left[0], left[best] = left[best], left[0]
        taken.append(left.pop(0))
        place = 0
        while place < len(left):
            shared = overlap(boxes[taken[-1][0]], boxes[left[place][0]], offset)
            if method == 'gaussian':
                weight = np.exp(-(shared**2) / np.float32(sigma))
            elif shared >= np.float32(threshold):
                weight = 1 - shared if method == 'linear' else np.float32(0)
            else:
                weight = np.float32(1)
            left[place][1] = left[place][1] * weight
            if left[place][1] < np.float32(min_score):
                left[place] = left[-1]
                left.pop()
            else:
                place += 1
    return [index for index, _ in taken], [score for _, score in taken]


@pytest.mark.parametrize('device', DEVICES)
@pytest.mark.parametrize('whole', [False, True])
@pytest.mark.parametrize('offset', [0, 1])
@pytest.mark.parametrize('threshold', [0.0, 0.3, 0.6, 1.0])
def test_nms_keeps_what_the_reference_keeps(device, whole, offset, threshold):
    for seed, count in enumerate([1, 2, 7, 60]):
        boxes, scores = random_boxes(seed, count, whole)
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


@pytest.mark.parametrize('device', DEVICES)
@pytest.mark.parametrize('whole', [False, True])
@pytest.mark.parametrize('offset', [0, 1])
@pytest.mark.parametrize('method', ['naive', 'linear', 'gaussian'])
def test_soft_nms_lowers_and_orders_as_the_reference(device, whole, offset, method):
    for seed, count in enumerate([1, 2, 9, 60]):
        boxes, scores = random_boxes(seed, count, whole)
        settings = {'iou_threshold': 0.5, 'sigma': 0.5, 'min_score': 0.05, 'method': method}
        dets, kept = soft_nms(
            torch.tensor(boxes, device=device),
            torch.tensor(scores, device=device),
            offset=offset,
            **settings,
        )
        expected, lowered = reference_soft_nms(boxes, scores, 0.5, 0.5, 0.05, method, offset)
        assert kept.tolist() == expected
        assert dets.device.type == device
        np.testing.assert_array_equal(dets[:, :4].cpu(), boxes[expected])
        np.testing.assert_allclose(dets[:, 4].cpu(), lowered, rtol=1e-5)


@pytest.mark.parametrize('method', ['naive', 'linear', 'gaussian'])
def test_soft_nms_of_nothing_is_nothing(method):
    dets, kept = soft_nms(torch.empty(0, 4), torch.empty(0), method=method)
    assert dets.shape == (0, 5)
    assert kept.shape == (0,)


def test_soft_nms_leaves_its_input_alone():
    boxes, scores = random_boxes(6, 20)
    before = boxes.copy(), scores.copy()
    soft_nms(boxes, scores)
    np.testing.assert_array_equal(boxes, before[0])
    np.testing.assert_array_equal(scores, before[1])


@pytest.mark.parametrize('whole', [False, True])
@pytest.mark.parametrize('threshold', [0.2, 0.6])
def test_nms_match_groups_each_kept_box_with_those_it_suppresses(whole, threshold):
    for seed, count in enumerate([1, 2, 60]):
        boxes, scores = random_boxes(seed, count, whole)
        left = np.argsort(-scores, kind='stable').tolist()
        expected = []
        while left:
            best = left.pop(0)
            joined = [i for i in left if overlap(boxes[best], boxes[i], 0) >= np.float32(threshold)]
            expected.append([best, *joined])
            left = [i for i in left if i not in joined]
        groups = nms_match(torch.tensor(np.column_stack([boxes, scores])), threshold)
        assert [group.tolist() for group in groups] == expected


def test_nms_match_of_nothing_is_nothing():
    assert nms_match(np.empty((0, 5), np.float32), 0.5) == []
