"""The command as users type it, with a model of random weights."""

import csv
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.random_model import save_random_model
from tests.support.tool_runs import assert_one_message, run_tool

CONFIGS = sorted((Path(__file__).resolve().parents[3] / 'configs').glob('*.py'))


@pytest.fixture(scope='module')
def tool(root):
    return partial(run_tool, root)


@pytest.fixture(scope='module')
def checkpoint(root, tmp_path_factory) -> Path:
    return save_random_model(
        root / 'configs/quickstart.py', tmp_path_factory.mktemp('model') / 'random.pth'
    )


@pytest.fixture(scope='module')
def exported(tool, checkpoint, tiny_data, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp('exported') / 'model.onnx'
    images = tiny_data / 'images'
    arguments = ('configs/quickstart.py', checkpoint, '--out', path, '--check-images', images)
    done = tool('export_onnx', *arguments, '--batch', 2)
    assert done.returncode == 0, done.stderr[-3000:]
    assert f'{path}: ' in done.stdout
    assert f'checked with 18 images of {images}: mask IoU ' in done.stdout
    return path


def table(out: Path) -> list[dict[str, str]]:
    with (out / 'predictions.csv').open() as file:
        return list(csv.DictReader(file))


def test_file_and_checkpoint_give_the_same_predictions(
    tool, exported, checkpoint, tiny_data, tmp_path
):
    images = tiny_data / 'images'
    mine, theirs = tmp_path / 'onnx', tmp_path / 'checkpoint'
    zip_path = tmp_path / 'sent.zip'
    options = ('--overlay', '--submission', zip_path)
    done = tool('predict', images, '--model', exported, '--out', mine, *options)
    assert done.returncode == 0, done.stderr[-3000:]
    assert zip_path.is_file()
    done = tool(
        *('predict', images, '--config', 'configs/quickstart.py', '--checkpoint', checkpoint),
        *('--out', theirs, '--overlay'),
    )
    assert done.returncode == 0, done.stderr[-3000:]
    names = sorted(str(path.relative_to(theirs)) for path in theirs.rglob('*'))
    assert names == sorted(str(path.relative_to(mine)) for path in mine.rglob('*'))
    for row, expected in zip(table(mine), table(theirs), strict=True):
        assert (row['image'], row['label']) == (expected['image'], expected['label'])
        assert float(row['score']) == pytest.approx(float(expected['score']), abs=1e-3)
        masks = [
            np.asarray(Image.open(out / f'{row["image"]}_segmentation.png'))
            for out in (mine, theirs)
        ]
        assert np.mean(masks[0] != masks[1]) < 0.01
    # The folder belongs to this model alone, and is finished.
    done = tool('predict', images, '--model', exported, '--out', theirs, '--resume')
    assert done.returncode == 1
    assert 'predictions of another model' in done.stderr
    done = tool('predict', images, '--model', exported, '--out', mine, '--resume')
    assert done.returncode == 0


@pytest.mark.parametrize(
    ('name', 'arguments', 'status', 'message'),
    [
        ('export_onnx', ('no.py', 'no.pth', '--out', 'x.onnx'), 1, 'no.py: no such config'),
        ('export_onnx', ('no.py', 'no.pth', '--out', 'x.pt'), 1, 'ends in .onnx'),
        ('export_onnx', ('no.py', 'no.pth', '--out', 'x.onnx', '--batch', '0'), 2, 'less than 1'),
        ('export_onnx', ('no.py', 'no.pth'), 2, '--out'),
        ('quantize_onnx', ('no.onnx', 'no.py', '--out', 'x.onnx'), 1, 'no such model'),
    ],
)
def test_a_mistyped_command_gets_one_message(tool, name, arguments, status, message):
    assert_one_message(tool(name, *arguments), status, message)


@pytest.mark.slow
@pytest.mark.parametrize('config', CONFIGS, ids=lambda path: path.stem)
def test_every_config_can_be_exported(tool, config, tiny_data, tmp_path):
    checkpoint = save_random_model(config, tmp_path / 'random.pth')
    arguments = (config, checkpoint, '--out', tmp_path / 'model.onnx')
    done = tool('export_onnx', *arguments, '--check-images', tiny_data / 'images')
    assert done.returncode == 0, done.stderr[-3000:]
