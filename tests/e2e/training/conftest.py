"""A run that was never stopped, and others to compare with it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.training_runs import Run


@pytest.fixture(scope='session')
def reference(root: Path, tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that was never stopped."""
    run = Run(root, tiny_data, tmp_path_factory.mktemp('reference') / 'work')
    run.complete()
    return run


@pytest.fixture
def new_run(root: Path, tiny_data: Path, tmp_path: Path) -> Callable[..., Run]:
    """Return a function that makes another run with the same settings."""

    def make(data: Path = tiny_data, **options: object) -> Run:
        return Run(root, data, tmp_path / 'work', **options)

    return make
