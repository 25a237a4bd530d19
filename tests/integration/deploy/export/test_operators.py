import io

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import torchvision
from torch import nn

from isic_mmdet.deploy.export.onnx_file import OPSET
from isic_mmdet.deploy.export.operators import TRANSLATIONS, first_boxes, pyramid_roi_align


def in_onnx_runtime(module: nn.Module, inputs: tuple, dynamic: tuple) -> list[np.ndarray]:
    """Run a module as `torch.onnx` exports it."""
    names = [f'input{index}' for index in range(len(inputs))]
    program = torch.onnx.export(
        module.eval(),
        inputs,
        dynamo=True,
        input_names=names,
        dynamic_shapes=dynamic,
        opset_version=OPSET,
        custom_translation_table=TRANSLATIONS,
        verbose=False,
    )
    stream = io.BytesIO()
    onnx.save(program.model_proto, stream)
    session = onnxruntime.InferenceSession(stream.getvalue(), providers=['CPUExecutionProvider'])
    feeds = dict(zip(names, (each.numpy() for each in inputs), strict=True))
    return session.run(None, feeds)


def random_boxes(images: int, number: int) -> torch.Tensor:
    corners = torch.rand(images, number, 2) * 60
    return torch.cat([corners, corners + 5 + torch.rand(images, number, 2) * 40], -1)


def kept_by_hand(boxes: np.ndarray, scores: np.ndarray, limit: int, threshold: float) -> list[int]:
    kept: list[int] = []
    for index in np.argsort(-scores, kind='stable'):
        x1, y1, x2, y2 = boxes[index]
        if scores[index] < 0 or len(kept) == limit:
            continue
        for other in kept:
            u1, v1, u2, v2 = boxes[other]
            shared = max(0, min(x2, u2) - max(x1, u1)) * max(0, min(y2, v2) - max(y1, v1))
            if shared > threshold * ((x2 - x1) * (y2 - y1) + (u2 - u1) * (v2 - v1) - shared):
                break
        else:
            kept.append(int(index))
    return kept


class FirstBoxes(nn.Module):
    def forward(self, boxes: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        return first_boxes(boxes, scores, 7, 0.3)


@pytest.mark.parametrize('runs', ['torch', 'onnx'])
def test_the_first_boxes_are_those_that_a_plain_suppression_keeps(runs):
    torch.manual_seed(0)
    boxes, scores = random_boxes(4, 30), torch.rand(4, 30)
    scores[1, 3:] = -1  # fewer candidates than are wanted
    scores[2] = -1  # none at all
    if runs == 'torch':
        found = FirstBoxes()(boxes, scores).numpy()
    else:
        images = torch.export.Dim('images', min=1)
        (found,) = in_onnx_runtime(FirstBoxes(), (boxes, scores), ({0: images}, {0: images}))
    for row, image, values in zip(found, boxes.numpy(), scores.numpy(), strict=True):
        expected = kept_by_hand(image, values, 7, 0.3)
        assert row.tolist() == expected + [-1] * (7 - len(expected))
    assert found[0].min() >= 0
    assert (found[1] >= 0).sum() in (1, 2, 3)


class Pyramid(nn.Module):
    def __init__(self, sampling_ratio: int, aligned: bool) -> None:
        super().__init__()
        self.settings = (sampling_ratio, aligned)

    def forward(self, fine, coarse, rois, level_of):
        return pyramid_roi_align([fine, coarse], rois, level_of, [1 / 8, 1 / 16], 7, *self.settings)


@pytest.mark.parametrize(
    'levels', [[0, 1, 1, 0, 1], [1] * 5, [0] * 5], ids=['mixed', 'coarse', 'fine']
)
@pytest.mark.parametrize(('sampling_ratio', 'aligned'), [(0, True), (2, True), (2, False)])
def test_regions_are_pooled_from_their_level(sampling_ratio, aligned, levels):
    torch.manual_seed(0)
    maps = torch.randn(2, 3, 16, 16), torch.randn(2, 3, 8, 8)
    image = torch.tensor([0.0, 1, 0, 1, 1])
    rois = torch.cat([image[:, None], random_boxes(1, 5)[0]], 1)
    level_of = torch.tensor(levels)
    module = Pyramid(sampling_ratio, aligned)
    # One region at a time, each from the map it belongs to.
    expected = np.concatenate(
        [
            torchvision.ops.roi_align(
                maps[level], roi[None], 7, (1 / 8, 1 / 16)[level], sampling_ratio, aligned
            ).numpy()
            for roi, level in zip(rois, levels, strict=True)
        ]
    )
    inputs = (*maps, rois, level_of)
    np.testing.assert_array_equal(module(*inputs).numpy(), expected)
    (found,) = in_onnx_runtime(module, inputs, ({}, {}, {}, {}))
    np.testing.assert_allclose(found, expected, atol=1e-5)
