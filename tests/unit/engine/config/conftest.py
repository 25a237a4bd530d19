"""A config on tiny data."""

from pathlib import Path

import pytest
from mmengine.config import Config

from isic_mmdet.engine.config.load import load_config


@pytest.fixture
def cfg(root: Path, tiny_data: Path) -> Config:
    """The config of the quickstart."""
    return load_config(root / 'configs/quickstart.py', data_root=tiny_data)
