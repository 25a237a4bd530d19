"""The command as users type it, with a model of random weights."""

import csv
import shutil
import zipfile
from functools import partial
from pathlib import Path

import pytest
from isic_challenge_scoring import SegmentationScore

from tests.support.random_model import save_random_model
from tests.support.tool_runs import assert_one_message, run_tool


@pytest.fixture(scope='module')
def checkpoint(root, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp('model') / 'random.pth'
    return save_random_model(root / 'configs/quickstart.py', path, mask_bias=3)


@pytest.fixture(scope='module')
def images(tiny_data, tmp_path_factory) -> Path:
    """A folder of five images."""
    folder = tmp_path_factory.mktemp('images')
    for path in sorted((tiny_data / 'images').iterdir())[:5]:
        shutil.copy(path, folder)
    return folder


@pytest.fixture(scope='module')
def predict(root):
    return partial(run_tool, root, 'predict')


@pytest.fixture(scope='module')
def names(images) -> list[str]:
    return sorted(path.stem for path in images.iterdir())


@pytest.fixture(scope='module')
def model(checkpoint) -> tuple:
    # One image per batch, because rounding depends on the other images of a batch.
    model = ('--config', 'configs/quickstart.py', '--checkpoint', checkpoint)
    return (*model, '--batch-size', 1)


@pytest.fixture(scope='module')
def alone(predict, model, images, tmp_path_factory) -> Path:
    """The output folder of one process, with sent.zip in it."""
    out = tmp_path_factory.mktemp('alone')
    options = ('--out', out, '--overlay', '--submission', out / 'sent.zip')
    done = predict(images, *model, *options)
    assert done.returncode == 0, done.stderr[-3000:]
    assert '5 images, 0 without a detection' in done.stdout
    assert str(out / 'sent.zip') in done.stdout
    return out


def table(out: Path) -> list[dict[str, str]]:
    with (out / 'predictions.csv').open() as file:
        return [{**row, 'seconds': ''} for row in csv.DictReader(file)]


def masks(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in out.glob('*_segmentation.png')}


def test_every_image_gets_a_mask_a_row_and_an_overlay(alone, names):
    assert set(masks(alone)) == {f'{name}_segmentation.png' for name in names}
    assert [row['image'] for row in table(alone)] == names
    assert {path.stem for path in (alone / 'overlays').iterdir()} == set(names)


def test_the_official_scorer_accepts_folder_and_submission(alone, names, tiny_data, tmp_path):
    truth = tmp_path / 'truth'
    truth.mkdir()
    for name in names:
        shutil.copy(tiny_data / f'original_masks/{name}_segmentation.png', truth)
    with zipfile.ZipFile(alone / 'sent.zip') as archive:
        archive.extractall(tmp_path / 'sent')
    for folder in (alone, tmp_path / 'sent'):
        assert 0 <= SegmentationScore.from_dir(truth, folder).overall <= 1


def test_two_processes_write_the_same_and_report_unreadable_images(
    predict, model, alone, images, tmp_path
):
    broken = tmp_path / 'ISIC_0000000.jpg'
    broken.write_bytes(next(images.iterdir()).read_bytes()[:2000])
    out = tmp_path / 'out'
    done = predict(broken, images, *model, '--out', out, processes=2)
    assert done.returncode == 1
    assert done.stderr.count('1 of 6 images could not be read') == 1
    assert done.stderr.count(f'{broken}: ') == 1
    assert masks(out) == masks(alone)
    assert table(out) == table(alone)
    others = sorted(path.name for path in out.iterdir() if path.suffix != '.png')
    assert others == ['predictions.csv', 'predictions.json']


MODEL = ('--config', 'no.py', '--checkpoint', 'no.pth')


@pytest.mark.parametrize(
    ('arguments', 'status', 'message'),
    [
        (('nowhere', *MODEL, '--out', 'x'), 1, 'nowhere: no image is there'),
        (('tests', *MODEL, '--out', 'x', '--batch-size', '0'), 2, 'less than 1'),
        (('tests', *MODEL), 2, '--out'),
        (('tests', '--out', 'x'), 2, 'give --model FILE.onnx, or --config and --checkpoint'),
        (('tests', '--config', 'no.py', '--out', 'x'), 2, 'or --config and --checkpoint'),
        (('tests', *MODEL, '--model', 'a.onnx', '--out', 'x'), 2, 'not both'),
        (('tests', '--model', 'no.onnx', '--out', 'x'), 1, 'no image is there'),
        (('--model', 'm.onnx', '--out', 'x'), 2, 'INPUT'),
        (('a', '--model', 'm.onnx', '--out', 'x', '--tta'), 2, 'need a checkpoint'),
    ],
)
def test_a_mistyped_command_gets_one_message(predict, arguments, status, message):
    assert_one_message(predict(*arguments), status, message)
