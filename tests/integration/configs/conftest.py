"""Tiny data for the classes of every config."""

from pathlib import Path

import pytest


@pytest.fixture(scope='session')
def data_by_classes(tiny_data, tmp_path_factory) -> dict[tuple, Path]:
    """Tiny prepared data for one class, and for benign and melanoma."""
    from isic_mmdet.prepare.official import prepare
    from isic_mmdet.synthetic import write_dataset

    official = tmp_path_factory.mktemp('official2')
    out = tmp_path_factory.mktemp('prepared2') / 'tiny'
    write_dataset(official, images=18, seed=0, size=96)
    prepare(2017, [official], out, classes='diagnosis', workers=1)
    return {('lesion',): tiny_data, ('benign', 'melanoma'): out}
