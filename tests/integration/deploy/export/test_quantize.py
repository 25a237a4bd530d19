import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from mmengine.registry import init_default_scope
from PIL import Image

from isic_mmdet.deploy.export import quantize as module
from isic_mmdet.deploy.export import run
from isic_mmdet.deploy.export.images import split_records
from isic_mmdet.deploy.export.quantize import quantize, validation_iou
from isic_mmdet.deploy.export.run import ExportSettings, export
from isic_mmdet.deploy.onnx_segmenter import OnnxSegmenter
from isic_mmdet.deploy.shipped_model import shipped_model
from isic_mmdet.engine.config.load import load_config
from isic_mmdet.errors import InputError


@pytest.fixture
def model(config, checkpoint, tiny_data, graph, monkeypatch, tmp_path):
    monkeypatch.setattr(run, 'graph_of', lambda model, batch: graph)
    path = tmp_path / 'model.onnx'
    settings = ExportSettings(check_images=str(tiny_data / 'images'))
    export(str(config), str(checkpoint), path, settings)
    return path


@pytest.fixture
def falls_by(monkeypatch):
    """Return a function that sets by how much the IoU falls; with random weights it is chance."""

    def patch(change: float) -> None:
        found = iter([0.8, 0.8 - change])
        monkeypatch.setattr(module, 'validation_iou', lambda *_: next(found))

    return patch


def largest_weight(path: Path) -> int:
    """Return the largest size of a weight of 8 bits."""
    arrays = [onnx.numpy_helper.to_array(each) for each in onnx.load(path).graph.initializer]
    return max(int(abs(each.astype(int)).max()) for each in arrays if each.dtype == np.int8)


def test_weights_and_activations_have_8_bits_but_for_the_first_and_last_layers(
    model, config, tiny_data, falls_by, tmp_path, caplog
):
    falls_by(0.0049)
    out = tmp_path / 'int8.onnx'
    message = quantize(model, str(config), str(tiny_data), out)
    assert caplog.text == ''
    assert 'IoU on 3 validation images 0.8000 before, 0.7951 after' in message
    assert out.stat().st_size < 0.35 * model.stat().st_size
    graph = onnx.load(out)
    onnx.checker.check_model(graph)
    types = {each.name: each.data_type for each in graph.graph.initializer}
    in_float = {
        name.removesuffix('.weight')
        for name, kind in types.items()
        if kind == onnx.TensorProto.FLOAT and name.endswith('.weight')
    }
    first = {'backbone.conv1', 'backbone.layer1.0.conv1', 'backbone.layer1.0.conv2'}
    assert {name for name in in_float if name.startswith('backbone')} == first
    last = {'rpn_cls', 'rpn_reg', 'fc_cls', 'fc_reg', 'conv_logits'}
    assert {name.split('.')[-1] for name in in_float - first} == last
    # Ranges are those behind the activation: nothing of 8 bits is in front of one.
    dequantized = {n.output[0] for n in graph.graph.node if n.op_type == 'DequantizeLinear'}
    layers = {n.output[0] for n in graph.graph.node if n.op_type == 'Conv'}
    activations = [n for n in graph.graph.node if n.op_type == 'Relu']
    assert any(layers.intersection(n.input) for n in activations)
    assert not [n.name for n in activations if dequantized.intersection(n.input)]
    before, after = OnnxSegmenter(model), OnnxSegmenter(out)
    assert after.metadata.weights == 'int8'
    assert after.metadata.checkpoint_sha256 == before.metadata.checkpoint_sha256
    image = np.asarray(Image.open(next((tiny_data / 'images').iterdir())).convert('RGB'))
    assert 0 < abs(before(image).score - after(image).score) < 0.05


def test_two_products_fit_into_16_bits(model, config, tiny_data, falls_by, tmp_path):
    falls_by(0.0)
    quantize(model, str(config), str(tiny_data), tmp_path / 'int8.onnx')
    shipped = shipped_model()
    assert 255 * 2 * 64 < 2**15
    assert largest_weight(tmp_path / 'int8.onnx') == largest_weight(shipped) == 64


def test_a_model_that_loses_too_much_is_not_written(model, config, tiny_data, falls_by, tmp_path):
    falls_by(0.0051)
    with pytest.raises(InputError, match=r'was not written: IoU .* 0\.8000 before, 0\.7949 after'):
        quantize(model, str(config), str(tiny_data), tmp_path / 'int8.onnx')
    assert list(tmp_path.iterdir()) == [model]


def test_the_iou_is_that_of_the_official_masks(model, config, tiny_data):
    cfg = load_config(config, data_root=tiny_data)
    init_default_scope(cfg.default_scope)
    records = split_records(cfg, 'train_dataloader')
    net = OnnxSegmenter(model)
    expected = []
    for image in json.loads((tiny_data / 'annotations/train.json').read_text())['images']:
        truth = np.asarray(Image.open(tiny_data / image['original_mask']).convert('L')) > 128
        pixels = np.asarray(Image.open(tiny_data / 'images' / image['file_name']).convert('RGB'))
        found = net(pixels).mask
        expected.append((truth & found).sum() / (truth | found).sum())
    assert validation_iou(net, records, 'test') == pytest.approx(np.mean(expected))
    assert 0 < np.mean(expected) < 1


def test_only_a_float32_file_is_quantized(model, config, tiny_data, graph, tmp_path):
    net = OnnxSegmenter(model)
    half = tmp_path / 'half.onnx'
    metadata = {**net.metadata.entries(), 'weights': '"float16"'}
    onnx.save(run.with_metadata(graph, metadata), half)
    with pytest.raises(InputError, match='without --half'):
        quantize(half, str(config), str(tiny_data), tmp_path / 'int8.onnx')
    with pytest.raises(InputError, match='ends in'):
        quantize(model, str(config), str(tiny_data), tmp_path / 'int8.pt')
    with pytest.raises(InputError, match='cannot be read'):
        quantize(model, str(config), str(tmp_path / 'none'), tmp_path / 'int8.onnx')
