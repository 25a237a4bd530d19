import hashlib
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from mmengine.registry import init_default_scope
from onnx import numpy_helper

import isic_mmdet
from isic_mmdet.deploy.export import run
from isic_mmdet.deploy.export.run import ExportSettings, export
from isic_mmdet.deploy.onnx_segmenter import OnnxSegmenter
from isic_mmdet.engine.config.load import load_config
from isic_mmdet.errors import InputError


@pytest.fixture
def settings(tiny_data) -> ExportSettings:
    return ExportSettings(check_images=str(tiny_data / 'images'))


@pytest.fixture
def changed(config, tmp_path):
    """Return a function that writes the config with other settings."""

    def write(text: str) -> str:
        path = tmp_path / 'changed.py'
        path.write_text(f'_base_ = {str(config)!r}\n{text}\n')
        return str(path)

    return write


@pytest.fixture
def traced(graph, monkeypatch) -> onnx.ModelProto:
    """Skip tracing, which takes most of the time of an export, and return its graph."""
    monkeypatch.setattr(run, 'graph_of', lambda model, batch: graph)
    return graph


@pytest.mark.usefixtures('traced')
def test_the_file_has_its_metadata(config, checkpoint, settings, tmp_path):
    out = tmp_path / 'new' / 'model.onnx'
    message = export(str(config), str(checkpoint), out, settings)
    assert f'checked with 18 images of {settings.check_images}: mask IoU' in message
    assert list(out.parent.iterdir()) == [out]
    metadata = OnnxSegmenter(out).metadata
    assert metadata.classes == ('lesion',)
    assert metadata.scale == (192, 192)
    assert (metadata.divisor, metadata.batch, metadata.weights) == (32, None, 'float32')
    assert (metadata.score_threshold, metadata.mask_threshold) == (0.001, 0.5)
    assert metadata.mean == (123.675, 116.28, 103.53)
    assert (metadata.config, metadata.checkpoint) == ('narrow_r18.py', 'random.pth')
    assert metadata.checkpoint_sha256 == hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    assert metadata.version == isic_mmdet.__version__


@pytest.mark.usefixtures('traced')
def test_the_check_uses_the_exported_size_and_precision(changed, checkpoint, settings, tmp_path):
    out = tmp_path / 'model.onnx'
    config = changed("model = dict(precision='bfloat16')")
    export(config, str(checkpoint), out, ExportSettings(False, None, 128, settings.check_images))
    assert OnnxSegmenter(out).metadata.scale == (128, 128)


@pytest.mark.parametrize('part', ['mask_head.upsample', 'bbox_head.fc_cls'])
def test_a_file_with_other_results_is_not_written(
    part, config, checkpoint, settings, traced, tmp_path
):
    for weights in traced.graph.initializer:
        if part in weights.name and weights.name.endswith('bias'):
            values = numpy_helper.to_array(weights)
            moved = values + np.linspace(0, 2, values.size, dtype=np.float32)
            weights.CopyFrom(numpy_helper.from_array(moved, weights.name))
            break
    else:
        pytest.fail(f'no bias of {part}')
    with pytest.raises(InputError, match='disagree on 18 images') as error:
        export(str(config), str(checkpoint), tmp_path / 'model.onnx', settings)
    assert 'ISIC_' in error.value.errors[0]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    'steps',
    [
        'dict(type="Resize", scale=(256, 192), keep_ratio=False),',
        'dict(type="Resize", scale=(192, 192), keep_ratio=True), dict(type="Pad", size_divisor=9),',
        '',
    ],
    ids=['other ratio', 'padding', 'no size'],
)
def test_another_pipeline_is_refused(steps, changed, checkpoint, settings, tmp_path):
    pipeline = f'[dict(type="LoadImageFromFile"), {steps} dict(type="PackLesionInputs")]'
    config = changed(
        f'test_dataloader = dict(dataset=dict(pipeline={pipeline.replace(", ,", ",")}))'
    )
    with pytest.raises(InputError, match='must have only a Resize between'):
        export(config, str(checkpoint), tmp_path / 'model.onnx', settings)


def test_wrong_arguments_are_reported_before_any_work(config, checkpoint, settings, tmp_path):
    with pytest.raises(InputError, match='ends in'):
        export(str(config), str(checkpoint), Path('model.pt'), settings)
    with pytest.raises(InputError, match='no such checkpoint'):
        export(str(config), str(tmp_path / 'none.pth'), tmp_path / 'model.onnx', settings)
    with pytest.raises(InputError, match='no such config'):
        export('none.py', str(checkpoint), tmp_path / 'model.onnx', settings)


def test_with_a_diagnosis_the_threshold_is_in_the_graph(root, settings, tmp_path):
    config = root / 'configs/isic2017_maskrcnn_lite.py'
    weights = tmp_path / 'any.pth'
    torch.save({}, weights)
    cfg = load_config(config)
    init_default_scope(cfg.default_scope)
    metadata = run.metadata_of(cfg, str(config), str(weights), settings)
    assert metadata.score_threshold == 0
    assert metadata.classes == ('benign', 'melanoma')
