"""Models that all end-to-end tests share."""

from pathlib import Path

import pytest

from tests.support.random_model import NARROW, save_random_model
from tests.support.tool_runs import succeed


@pytest.fixture(scope='session')
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of a small model with random weights, which finds a lesion."""
    path = tmp_path_factory.mktemp('model') / 'random.pth'
    return save_random_model(NARROW, path, mask_bias=3)


@pytest.fixture(scope='session')
def exported(checkpoint: Path, tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint as an ONNX file that takes two images at once."""
    path = tmp_path_factory.mktemp('exported') / 'model.onnx'
    images = tiny_data / 'images'
    options = ('--out', path, '--check-images', images, '--batch', 2)
    printed = succeed('export_onnx', NARROW, checkpoint, *options)
    assert f'{path}: ' in printed
    assert f'checked with 18 images of {images}: mask IoU ' in printed
    return path
