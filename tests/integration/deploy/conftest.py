"""A model of random weights that finds a lesion in every image, and its exported file."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from isic_mmdet.deploy.export.run import ExportSettings, export
from isic_mmdet.deploy.onnx_segmenter import OnnxSegmenter
from isic_mmdet.deploy.predict.settings import FolderSettings
from isic_mmdet.deploy.segmenter import LesionSegmenter
from tests.support.random_model import NARROW, save_random_model


@pytest.fixture(scope='session')
def config() -> Path:
    return NARROW


@pytest.fixture(scope='session')
def checkpoint(config, tmp_path_factory) -> Path:
    return save_random_model(config, tmp_path_factory.mktemp('model') / 'random.pth')


@pytest.fixture(scope='session')
def segmenter(config, checkpoint) -> LesionSegmenter:
    return LesionSegmenter(config, checkpoint, 'cpu')


@pytest.fixture(scope='session')
def exported(config, checkpoint, tiny_data, tmp_path_factory) -> Path:
    """A file that takes any number of images at once."""
    path = tmp_path_factory.mktemp('exported') / 'model.onnx'
    settings = ExportSettings(check_images=str(tiny_data / 'images'))
    export(str(config), str(checkpoint), path, settings)
    return path


@pytest.fixture(scope='session')
def net(exported) -> OnnxSegmenter:
    return OnnxSegmenter(exported, threads=1)


@pytest.fixture(scope='session')
def image_files(tiny_data) -> list[Path]:
    """Six synthetic images of 96 x 96 pixels."""
    return sorted((tiny_data / 'images').iterdir())[:6]


@pytest.fixture(scope='session')
def images(image_files) -> list[np.ndarray]:
    """Four synthetic images, (H, W, 3) uint8, RGB, of several shapes."""
    sizes = [(96, 96), (90, 60), (311, 170), (40, 96)]
    return [
        np.asarray(Image.open(path).convert('RGB').resize(size))
        for path, size in zip(image_files, sizes, strict=False)
    ]


@pytest.fixture
def settings(tmp_path) -> FolderSettings:
    return FolderSettings(tmp_path / 'out', overlay=False, batch_size=2, workers=2)
