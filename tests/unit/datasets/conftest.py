"""A copy of the tiny data set that a test may change, and its checks."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from mmengine.registry import init_default_scope

from isic_mmdet.datasets.checks import AnnotationFile, annotation_errors


@pytest.fixture
def data(tiny_data: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_data, tmp_path / 'data'))


@pytest.fixture
def errors_of(data: Path) -> Callable[..., list[str]]:
    """Return a function that returns the errors of a split for the given classes."""

    def errors_of(classes=('lesion',), split='train') -> list[str]:
        path = data / f'annotations/{split}.json'
        return annotation_errors(AnnotationFile(path, data, data / 'images', classes))

    return errors_of


@pytest.fixture
def edit(data: Path) -> Callable[..., dict]:
    """Return a function that changes the annotations of a split and returns them."""

    def edit(change=lambda coco: None, split='train') -> dict:
        path = data / f'annotations/{split}.json'
        coco = json.loads(path.read_text())
        change(coco)
        path.write_text(json.dumps(coco))
        return coco

    return edit


@pytest.fixture(scope='module', autouse=True)
def mmdets_scope_of_a_module() -> None:
    """Data sets that a module shares are built before the fixture `mmdets_scope` of a test."""
    init_default_scope('mmdet')
