import hashlib
import subprocess

import numpy as np
import pytest
import torch
from PIL import Image

from isic_mmdet.deploy.export import check, quantize, run
from isic_mmdet.deploy.export.release import release
from isic_mmdet.deploy.onnx_segmenter import OnnxSegmenter
from isic_mmdet.deploy.segmenter import LesionSegmenter
from isic_mmdet.errors import InputError


@pytest.fixture
def trained(checkpoint, tmp_path):
    """A checkpoint with what a training leaves in it."""
    content = torch.load(checkpoint, weights_only=True)
    meta = {
        'epoch': 3,
        'iter': 30,
        'cfg': "data_root = '/home/someone'",
        'training': {
            'config': 'narrow',
            'command': 'python tools/train.py /home/someone',
            'seed': 0,
        },
        'training_images': ['ISIC_0000001'],
        'dataset_meta': {'classes': ('lesion',)},
    }
    path = tmp_path / 'trained.pth'
    torch.save({'state_dict': content['state_dict'], 'meta': meta, 'optimizer': {}}, path)
    return path


@pytest.fixture
def make(config, trained, tiny_data, graph, monkeypatch, tmp_path):
    """Return a function that releases the model; tracing and scoring take too long."""
    monkeypatch.setattr(run, 'graph_of', lambda model, batch: graph)
    monkeypatch.setattr(quantize, 'validation_iou', lambda *_: 0.8)
    # Random weights are less robust than trained ones.
    for name, value in {'MEAN_IOU': 0.9, 'WORST_IOU': 0.8, 'SCORE_DIFFERENCE': 0.02}.items():
        monkeypatch.setattr(check, name, value)

    def call(replace: bool = False) -> str:
        folder = tmp_path / 'models'
        return release(str(config), str(trained), str(tiny_data), folder, 'lesion', replace)

    return call


def test_two_files_predict_as_the_checkpoint(make, config, trained, tiny_data, tmp_path):
    message = make()
    folder = tmp_path / 'models'
    assert sorted(path.name for path in folder.iterdir()) == [
        'checksums.txt',
        'lesion.onnx',
        'lesion.pth',
    ]
    assert 'half precision, 3 of the 3 validation images: mask IoU' in message
    assert OnnxSegmenter(folder / 'lesion.onnx').metadata.weights == 'int8'
    assert (folder / 'lesion.pth').stat().st_size < 0.6 * trained.stat().st_size
    image = np.asarray(Image.open(next((tiny_data / 'images').iterdir())).convert('RGB'))
    full, half = (
        LesionSegmenter(config, p, 'cpu')(image) for p in (trained, folder / 'lesion.pth')
    )
    assert half.score == pytest.approx(full.score, abs=0.02)
    assert (half.mask != full.mask).mean() < 0.1


def test_the_checkpoint_has_no_paths_and_no_optimizer(make, tmp_path):
    make()
    content = torch.load(tmp_path / 'models/lesion.pth', weights_only=True)
    assert content.keys() == {'meta', 'state_dict'}
    assert content['meta'] == {
        'epoch': 3,
        'dataset_meta': {'classes': ('lesion',)},
        'training': {'config': 'narrow', 'seed': 0},
        'training_images': ['ISIC_0000001'],
    }
    floats = [v.dtype for v in content['state_dict'].values() if v.is_floating_point()]
    assert set(floats) == {torch.float16}


def test_checksums_are_those_of_the_files(make, tmp_path):
    make()
    folder = tmp_path / 'models'
    checked = subprocess.run(['sha256sum', '--check', '--strict', 'checksums.txt'], cwd=folder)
    assert checked.returncode == 0
    lines = (folder / 'checksums.txt').read_text().splitlines()
    assert lines[0].split()[0] == hashlib.sha256((folder / 'lesion.onnx').read_bytes()).hexdigest()
    assert len(lines) == 2


def test_released_files_are_replaced_on_request_only(make, tmp_path):
    make()
    before = (tmp_path / 'models/lesion.pth').stat().st_mtime_ns
    with pytest.raises(InputError, match='--replace'):
        make()
    assert (tmp_path / 'models/lesion.pth').stat().st_mtime_ns == before
    make(replace=True)
    assert (tmp_path / 'models/lesion.pth').stat().st_mtime_ns > before


def test_a_model_that_differs_in_half_precision_is_not_written(make, trained, tmp_path):
    content = torch.load(trained, weights_only=True)
    name = 'roi_head.bbox_head.fc_cls.bias'
    content['state_dict'][name] += 3e4  # the differences are lost in float16
    content['state_dict'][name][0] += 0.3
    torch.save(content, trained)
    with pytest.raises(InputError, match='half precision'):
        make()
    assert list((tmp_path / 'models').iterdir()) == []
