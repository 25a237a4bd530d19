"""tools/export_onnx.py as users run it, with a model of random weights."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.random_model import NARROW, save_random_model
from tests.support.tool_runs import fail, succeed

CONFIGS = sorted((Path(__file__).resolve().parents[3] / 'configs').glob('*.py'))


def table(out: Path) -> list[dict[str, str]]:
    with (out / 'predictions.csv').open() as file:
        return list(csv.DictReader(file))


def test_file_and_checkpoint_give_the_same_predictions(exported, checkpoint, tiny_data, tmp_path):
    images = tiny_data / 'images'
    onnx, pytorch = outs = tmp_path / 'onnx', tmp_path / 'pytorch'
    options = ('--overlay', '--submission', tmp_path / 'sent.zip')
    succeed('predict', images, '--model', exported, '--out', onnx, *options)
    assert (tmp_path / 'sent.zip').is_file()
    model = ('--config', NARROW, '--checkpoint', checkpoint)
    succeed('predict', images, *model, '--out', pytorch, '--overlay')
    names, expected_names = (sorted(str(p.relative_to(o)) for p in o.rglob('*')) for o in outs)
    assert names == expected_names
    for row, expected in zip(*map(table, outs), strict=True):
        assert (row['image'], row['label']) == (expected['image'], expected['label'])
        assert float(row['score']) == pytest.approx(float(expected['score']), abs=1e-3)
        files = [out / f'{row["image"]}_segmentation.png' for out in outs]
        mask, expected_mask = (np.asarray(Image.open(path)) for path in files)
        assert np.mean(mask != expected_mask) < 0.01
    # The folder belongs to this model alone, and is finished.
    arguments = ('predict', images, '--model', exported, '--resume', '--out')
    assert 'predictions of another model' in fail(*arguments, pytorch)
    succeed(*arguments, onnx)


@pytest.mark.slow
@pytest.mark.parametrize('config', CONFIGS, ids=lambda path: path.stem)
def test_every_config_can_be_exported(config, tiny_data, tmp_path):
    checkpoint = save_random_model(config, tmp_path / 'random.pth')
    arguments = (config, checkpoint, '--out', tmp_path / 'model.onnx')
    succeed('export_onnx', *arguments, '--check-images', tiny_data / 'images')
