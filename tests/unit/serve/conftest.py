from pathlib import Path

import pytest

from tests.support.fake_predictor import FakePredictor


@pytest.fixture
def predictor() -> FakePredictor:
    return FakePredictor()


@pytest.fixture(scope='session')
def photos(tiny_data: Path) -> list[Path]:
    """Six synthetic images of 96 x 96 pixels."""
    return sorted((tiny_data / 'images').iterdir())[:6]
