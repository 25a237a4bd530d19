"""tools/predict.py as users run it, with a model of random weights."""

import csv
import shutil
import zipfile
from pathlib import Path

import pytest
from isic_challenge_scoring import SegmentationScore

from tests.support.random_model import NARROW
from tests.support.tool_runs import run_tool, succeed


@pytest.fixture(scope='module')
def images(tiny_data, tmp_path_factory) -> Path:
    """A folder of five images."""
    folder = tmp_path_factory.mktemp('images')
    for path in sorted((tiny_data / 'images').iterdir())[:5]:
        shutil.copy(path, folder)
    return folder


@pytest.fixture(scope='module')
def model(checkpoint) -> tuple:
    # One image per batch, because rounding depends on the other images of a batch.
    return ('--config', NARROW, '--checkpoint', checkpoint, '--batch-size', 1)


@pytest.fixture(scope='module')
def alone(model, images, tmp_path_factory) -> Path:
    """The output folder of one process, with sent.zip in it."""
    out = tmp_path_factory.mktemp('alone')
    options = ('--out', out, '--overlay', '--submission', out / 'sent.zip')
    printed = succeed('predict', images, *model, *options)
    assert '5 images, 0 without a detection' in printed
    assert str(out / 'sent.zip') in printed
    return out


def table(out: Path) -> list[dict[str, str]]:
    with (out / 'predictions.csv').open() as file:
        return [{**row, 'seconds': ''} for row in csv.DictReader(file)]


def masks(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in out.glob('*_segmentation.png')}


def test_the_official_scorer_accepts_folder_and_submission(alone, images, tiny_data, tmp_path):
    names = sorted(path.stem for path in images.iterdir())
    assert [row['image'] for row in table(alone)] == names
    assert {path.stem for path in (alone / 'overlays').iterdir()} == set(names)
    truth = tmp_path / 'truth'
    truth.mkdir()
    for name in names:
        shutil.copy(tiny_data / f'original_masks/{name}_segmentation.png', truth)
    with zipfile.ZipFile(alone / 'sent.zip') as archive:
        archive.extractall(tmp_path / 'sent')
    for folder in (alone, tmp_path / 'sent'):
        assert 0 <= SegmentationScore.from_dir(truth, folder).overall <= 1


def test_two_processes_write_the_same_and_report_unreadable_images(model, alone, images, tmp_path):
    broken = tmp_path / 'ISIC_0000000.jpg'
    broken.write_bytes(next(images.iterdir()).read_bytes()[:2000])
    out = tmp_path / 'out'
    done = run_tool('predict', broken, images, *model, '--out', out, processes=2)
    assert done.returncode == 1
    assert done.stderr.count('1 of 6 images could not be read') == 1
    assert done.stderr.count(f'{broken}: ') == 1
    assert masks(out) == masks(alone)
    assert table(out) == table(alone)
    others = sorted(path.name for path in out.iterdir() if path.suffix != '.png')
    assert others == ['predictions.csv', 'predictions.json']
