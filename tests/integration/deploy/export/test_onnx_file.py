import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper

from isic_mmdet.deploy.export.onnx_file import (
    INPUTS,
    OPSET,
    OUTPUTS,
    with_half_weights,
    with_metadata,
)


def run(graph: onnx.ModelProto, image: np.ndarray, size: np.ndarray) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(
        graph.SerializeToString(), providers=['CPUExecutionProvider']
    )
    return session.run(list(OUTPUTS), dict(zip(INPUTS, (image, size), strict=True)))


def noise(number: int, height: int, width: int) -> np.ndarray:
    shape = (number, height, width, 3)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


# A level of one row, squares and strips, and more images than were traced with.
@pytest.mark.parametrize('shape', [(1, 32, 32), (1, 32, 256), (3, 96, 64), (1, 192, 192)])
def test_onnx_runtime_computes_what_pytorch_computes(graph, detector, shape):
    image = noise(*shape)
    size = np.array([[shape[1] - 3, shape[2] - 5]] * shape[0])
    with torch.no_grad():
        expected = detector(torch.from_numpy(image), torch.from_numpy(size))
    for found, tensor in zip(run(graph, image, size), expected, strict=True):
        assert found.shape == tensor.shape
        np.testing.assert_allclose(found, tensor.numpy(), atol=1e-4)


def test_the_graph_is_sound_and_of_standard_operators(graph):
    onnx.checker.check_model(graph, full_check=True)
    assert [(each.domain, each.version) for each in graph.opset_import if each.domain == ''] == [
        ('', OPSET)
    ]
    assert {node.domain for node in graph.graph.node} == {''}
    assert not graph.functions
    kinds = {node.op_type for node in graph.graph.node}
    assert {'NonMaxSuppression', 'TopK', 'RoiAlign'} <= kinds
    assert 'BatchNormalization' not in kinds


def test_half_weights_take_half_the_room_and_change_little(graph):
    image, size = noise(1, 96, 96), np.array([[96, 96]])
    before = run(graph, image, size)
    whole = len(graph.SerializeToString())
    # A convolution whose weights no float16 can hold.
    huge = next(each for each in graph.graph.initializer if len(each.dims) == 4)
    name = huge.name
    values = numpy_helper.to_array(huge).copy()
    values.flat[0] = 1e6
    kept = onnx.ModelProto()
    kept.CopyFrom(graph)
    next(each for each in kept.graph.initializer if each.name == name).CopyFrom(
        numpy_helper.from_array(values, name)
    )
    half = with_half_weights(graph)
    onnx.checker.check_model(half, full_check=True)
    assert len(half.SerializeToString()) < 0.52 * whole
    after = run(half, image, size)
    assert 0 < np.abs(before[0] - after[0]).max() < 1e-2
    types = {each.name: each.data_type for each in with_half_weights(kept).graph.initializer}
    assert types[name] == onnx.TensorProto.FLOAT


def test_metadata_replace_those_of_before(graph):
    with_metadata(graph, {'a': '1', 'b': '2'})
    with_metadata(graph, {'b': '3'})
    session = onnxruntime.InferenceSession(
        graph.SerializeToString(), providers=['CPUExecutionProvider']
    )
    assert session.get_modelmeta().custom_metadata_map == {'b': '3'}
