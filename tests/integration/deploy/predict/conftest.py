"""A model of random weights that finds a lesion in every image."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet.registry import MODELS
from mmengine.registry import init_default_scope
from PIL import Image

import isic_mmdet.register  # noqa: F401
from isic_mmdet.deploy.segmenter import LesionSegmenter
from isic_mmdet.engine.config.load import load_config


@pytest.fixture(scope='session')
def config(root) -> Path:
    return root / 'configs/quickstart.py'


@pytest.fixture(scope='session')
def checkpoint(config, image_files, tmp_path_factory) -> Path:
    cfg = load_config(config)
    init_default_scope(cfg.default_scope)
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    path = tmp_path_factory.mktemp('model') / 'random.pth'

    def save() -> None:
        meta = {'dataset_meta': {'classes': ('lesion',)}}
        torch.save({'state_dict': model.state_dict(), 'meta': meta}, path)

    # Around one half the masks of random weights have borders that depend on the image.
    last = model.roi_head.mask_head.conv_logits
    last.weight.data *= 30
    save()
    lesions = LesionSegmenter(config, path, 'cpu').batch([read(picture) for picture in image_files])
    cells = np.concatenate([lesion.views[0].cells for lesion in lesions])
    last.bias.data -= float(np.median(np.log(cells / (1 - cells))))
    save()
    return path


def read(picture: Path) -> np.ndarray:
    """Return an image as (H, W, 3) uint8, RGB."""
    return np.asarray(Image.open(picture).convert('RGB'))


@pytest.fixture(scope='session')
def segmenter(config, checkpoint) -> LesionSegmenter:
    return LesionSegmenter(config, checkpoint, 'cpu')


@pytest.fixture(scope='session')
def image_files(tiny_data) -> list[Path]:
    """Six synthetic images of 96 x 96 pixels."""
    return sorted((tiny_data / 'images').iterdir())[:6]
