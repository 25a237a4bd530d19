"""The configs of the zoo, with every command that users run on them."""

import json
from pathlib import Path

import pytest

from tests.support.found_masks import check_that_predict_agrees_with_test
from tests.support.tool_runs import fail, succeed

ZOO = Path(__file__).resolve().parents[3] / 'configs/zoo'
NAMES = [path.stem for path in sorted(ZOO.glob('*.py'))]


@pytest.mark.slow
@pytest.mark.parametrize('name', NAMES)
def test_a_config_works_from_training_to_report(name, tiny_data, tmp_path):
    config, data, run = ZOO / f'{name}.py', ('--data-root', tiny_data), tmp_path / 'run'
    for epochs in (1, 2):
        options = f'train_cfg.max_epochs={epochs}', 'train_cfg.val_interval=1'
        arguments = (*data, '--work-dir', run, '--resume', '--cfg-options', *options)
        succeed('train', config, *arguments)
    assert json.loads((run / 'metrics.json').read_text())['images'] == 3

    checkpoint, out = run / 'epoch_2.pth', run / 'test'
    succeed('test', config, checkpoint, *data, '--work-dir', out, '--show-dir', run / 'drawings')
    assert len(list((run / 'drawings').iterdir())) == 3
    for folder in (run, out):
        succeed('report', folder, *data)
    assert (run / 'plots/losses.png').is_file() and (run / 'plots/training_curves.png').is_file()

    model = '--config', config, '--checkpoint', checkpoint
    assert check_that_predict_agrees_with_test(out, tiny_data, run / 'masks', *model)
    succeed('test', config, checkpoint, *data, '--work-dir', run / 'tta', '--tta')
    check_that_predict_agrees_with_test(run / 'tta', tiny_data, run / 'masks_tta', *model, '--tta')
    message = fail('export_onnx', config, checkpoint, '--out', run / 'model.onnx')
    assert 'is not a MaskRCNN' in message
