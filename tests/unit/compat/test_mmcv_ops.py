"""The module `mmcv._ext`: its operators through mmcv's own functions, and how it appears to tools.

NMS is compared with a plain NumPy loop, RoIAlign with torchvision.
"""

import ast
import doctest
import importlib.util
import inspect
import pickle
import sys
from pathlib import Path

import mmcv.ops
import mmdet.models  # noqa: F401 - needs every operator
import mmengine.utils.dl_utils
import numpy as np
import pytest
import torch
import torchvision
from mmcv.ops import RoIAlign, nms, roi_align

from isic_mmdet.compat import install, mmcv_ops
from isic_mmdet.errors import InputError

EXT = sys.modules['mmcv._ext']
OPERATORS = {
    'get_compiler_version',
    'get_compiling_cuda_version',
    'nms',
    'roi_align_forward',
    'roi_align_backward',
}
DEVICES = ['cpu', pytest.param('cuda', marks=pytest.mark.gpu)]


def test_every_operator_exists_and_a_missing_one_names_itself_when_it_is_called():
    names = set()
    for path in Path(mmcv.ops.__file__).parent.glob('*.py'):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, 'attr', '') == 'load_ext':
                names.update(ast.literal_eval(node.args[1]))
    assert len(names) > 80
    assert names >= OPERATORS
    for name in names - OPERATORS:
        with pytest.raises(InputError, match=f"'{name}' is not available.*full mmcv 2.1.0"):
            getattr(EXT, name)(torch.zeros(1), extra=1)
    with pytest.raises(RuntimeError, match='sigmoid_focal_loss_forward'):
        mmcv.ops.sigmoid_focal_loss(torch.rand(2, 3), torch.tensor([0, 1]))


def test_the_module_is_an_ordinary_one_to_tools_that_inspect_modules():
    assert EXT is mmcv_ops
    assert importlib.util.find_spec('mmcv._ext') is EXT.__spec__
    assert EXT.__spec__.loader is not None
    assert not hasattr(EXT, '__wrapped__')
    assert not hasattr(EXT, '_anything')
    assert dict(inspect.getmembers(EXT)).keys() >= OPERATORS
    assert doctest.DocTestFinder(exclude_empty=True).find(EXT) is not None
    assert pickle.loads(pickle.dumps(EXT.nms)) is EXT.nms


def test_environment_reports_work():
    assert 'MMEngine' in mmengine.utils.dl_utils.collect_env()
    report = mmcv.utils.collect_env()
    assert 'torchvision' in report['MMCV Compiler']
    assert report['MMCV CUDA Compiler'] == 'none'


def test_a_second_installation_changes_nothing():
    before = list(sys.meta_path), set(torch.serialization.get_safe_globals())
    install()
    assert (sys.meta_path, set(torch.serialization.get_safe_globals())) == before
    assert sys.modules['mmcv._ext'] is EXT


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


def test_nms_compares_an_overlap_equal_to_the_threshold_in_single_precision():
    # Two boxes share 3 of 5 units: three fifths in single precision is not above itself.
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


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float64])
def test_nms_takes_every_floating_point_type(dtype):
    boxes, scores = (torch.tensor(values).to(dtype) for values in random_boxes(4, 30))
    dets, kept = nms(boxes, scores, 0.5)
    assert kept.tolist() == reference_nms(boxes.float().numpy(), scores.float().numpy(), 0.5)
    assert dets.dtype == dtype


def features_and_rois(dtype=torch.float32, device='cpu'):
    """Return (2, 3, 12, 16) features and (5, 5) regions of an image four times as large."""
    generator = torch.Generator().manual_seed(0)
    features = torch.rand(2, 3, 12, 16, generator=generator, dtype=torch.float64)
    rois = torch.tensor(
        [
            [0, 1.3, 2.1, 30.7, 40.2],
            [1, 0, 0, 64, 48],
            [1, 50.5, 40.5, 80, 70],  # reaches out of the image
            [0, 10.2, 10.2, 10.6, 10.9],  # smaller than a bin
            [0, -9, -9, 20, 20],
        ]
    )
    return features.to(device, dtype), rois.to(device, dtype)


@pytest.mark.parametrize('device', DEVICES)
@pytest.mark.parametrize('aligned', [True, False])
@pytest.mark.parametrize('sampling_ratio', [0, 2])
@pytest.mark.parametrize('size', [7, (3, 5)])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float16, torch.bfloat16])
def test_roi_align_is_that_of_torchvision_in_single_precision(
    device, aligned, sampling_ratio, size, dtype
):
    features, rois = features_and_rois(dtype, device)
    mine, single = features.clone().requires_grad_(), features.float().requires_grad_()
    pooled = roi_align(mine, rois, size, 0.25, sampling_ratio, 'avg', aligned)
    expected = torchvision.ops.roi_align(single, rois.float(), size, 0.25, sampling_ratio, aligned)
    assert pooled.dtype == dtype
    assert torch.equal(pooled, expected.to(dtype))

    gradient = torch.arange(pooled.numel(), device=device).view_as(pooled) % 17
    pooled.backward(gradient.to(dtype))
    expected.backward(gradient.float())
    assert mine.grad.dtype == dtype
    torch.testing.assert_close(mine.grad, single.grad.to(dtype))


def test_no_regions_give_no_features_and_a_gradient_of_zero():
    features, _ = features_and_rois()
    features.requires_grad_()
    pooled = RoIAlign(7, 0.25)(features, torch.empty(0, 5))
    pooled.sum().backward()
    assert pooled.shape == (0, 3, 7, 7)
    assert not features.grad.any()


def test_max_mode_of_roi_align_is_refused_by_name():
    features, rois = features_and_rois()
    with pytest.raises(InputError, match='roi_align_forward in max mode'):
        roi_align(features, rois, 7, 0.25, 0, 'max', True)
