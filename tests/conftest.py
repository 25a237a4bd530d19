"""Fixtures and options that every test may use."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / 'shared'


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption('--all', action='store_true', help='also run the tests marked slow')


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    import torch

    skip_slow = pytest.mark.skip(reason='slow; run with --all')
    skip_gpu = pytest.mark.skip(reason='needs a CUDA device')
    skip_shared = pytest.mark.skip(reason=f'needs the real images in {SHARED.name}/, absent here')
    for item in items:
        if 'slow' in item.keywords and not config.getoption('--all'):
            item.add_marker(skip_slow)
        if 'gpu' in item.keywords and not torch.cuda.is_available():
            item.add_marker(skip_gpu)
        if 'shared_data' in item.keywords and not (SHARED / 'isic2018').is_dir():
            item.add_marker(skip_shared)


@pytest.fixture(scope='session')
def root() -> Path:
    """The project's root folder."""
    return ROOT


@pytest.fixture(scope='session')
def shared() -> Path:
    """The folder of real images beside the checkout; use with `@pytest.mark.shared_data`."""
    return SHARED
