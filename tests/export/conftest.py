from pathlib import Path

import pytest
from random_model import save_random_model


@pytest.fixture(scope='session')
def config(root) -> Path:
    return root / 'configs/quickstart.py'


@pytest.fixture(scope='session')
def checkpoint(config, tmp_path_factory) -> Path:
    return save_random_model(config, tmp_path_factory.mktemp('model') / 'random.pth')
