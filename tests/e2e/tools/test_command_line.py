"""Every tool explains itself, and ends with one message on wrong arguments."""

import os
from pathlib import Path

import pytest

from tests.support.disk_faults import Tool

ROOT = Path(__file__).resolve().parents[3]
TOOLS = sorted(path.stem for path in (ROOT / 'tools').glob('*.py'))
QUICKSTART = 'configs/quickstart.py'
MODEL = '--config no.py --checkpoint no.pth'
PRESENT = '--config configs/quickstart.py --checkpoint README.md'


@pytest.fixture
def call():
    """Return a function that runs a tool in the project's folder."""
    return lambda name, *arguments: Tool(ROOT, f'{name}.py')(
        *arguments, before=lambda: os.chdir(ROOT)
    )


@pytest.mark.parametrize('name', TOOLS)
def test_help_ends_with_an_example(call, name):
    done = call(name, '--help')
    assert done.status == 0
    assert f'python tools/{name}.py' in done.printed.split('example:')[1]


@pytest.mark.parametrize(
    ('name', 'arguments', 'status', 'message'),
    [
        ('browse_dataset', 'config.py', 2, '--out'),
        ('browse_dataset', f'{QUICKSTART} --data-root nowhere --out x', 1, 'no such file'),
        ('convert_torchvision_weights', 'in.pth', 2, 'required'),
        ('download_isic', '2019 --out x', 2, 'invalid choice'),
        ('download_isic', '2018', 2, '--out'),
        ('download_isic', '2018 --out x --parts train', 2, 'invalid choice'),
        ('export_onnx', 'no.py no.pth --out x.onnx', 1, 'no.py: no such config'),
        ('export_onnx', f'{QUICKSTART} README.md --out x.pt', 1, '.onnx'),
        ('export_onnx', 'no.py no.pth --out x.onnx --batch 0', 2, 'less than 1'),
        ('export_onnx', 'no.py no.pth', 2, '--out'),
        ('make_synthetic', '', 2, '--out'),
        ('make_synthetic', '--out x --images many', 2, '--images'),
        ('make_synthetic', '--out x --images 0', 1, 'images is 0'),
        ('predict', f'nowhere {PRESENT} --out x', 1, 'nowhere: no such file or folder'),
        ('predict', f'tests {MODEL} --out x --batch-size 0', 2, 'less than 1'),
        ('predict', f'tests {MODEL}', 2, '--out'),
        ('predict', 'tests --config no.py --out x', 2, '--config and --checkpoint'),
        ('predict', f'tests {MODEL} --model a.onnx --out x', 2, 'not both'),
        ('predict', 'tests --model no.onnx --out x', 1, 'no image is there'),
        ('predict', '--model m.onnx --out x', 2, 'INPUT'),
        ('predict', 'a --model m.onnx --out x --amp', 2, 'use --config and --checkpoint'),
        ('prepare_folder', '--out x', 2, '--images'),
        ('prepare_folder', '--images nowhere --masks m --out x', 1, 'correct --images'),
        ('prepare_folder', '--layout ham x --out x', 2, 'choose from ham10000, ph2'),
        ('prepare_folder', '--layout ph2 nowhere --out x', 1, 'no such folder or zip'),
        ('prepare_folder', '--images a --out x --mask-threshold 0', 1, 'from 1 to 255'),
        ('prepare_folder', '--images a --out x --resize half', 2, '--resize'),
        ('score', 'a b --strict --mask-threshold 3', 2, 'remove --mask-threshold'),
        ('score', 'a b --mask-threshold 256', 2, 'from 1 to 255'),
        ('prepare_isic', '', 2, 'required'),
        ('prepare_isic', '2019 --src raw --out x', 2, 'invalid choice'),
        ('prepare_isic', '2018 --src raw --out x --resize half', 2, '--resize'),
        ('prepare_isic', '2018 --src raw --out x --resize max-side', 2, '--resize'),
        ('prepare_isic', '2018 --src raw --out x --classes nevus', 2, '--classes'),
        ('prepare_isic', '2018 --src nowhere --out x', 1, 'nowhere'),
        ('print_config', f'{QUICKSTART} --cfg-options train_cfg.max_epoch=3', 1, 'max_epochs'),
        ('quantize_onnx', 'no.onnx no.py --out x.onnx', 1, 'no such model'),
        ('report', '', 2, 'required'),
        ('report', 'absent', 1, 'metrics.json'),
        ('results_table', '', 2, 'required'),
        ('results_table', 'absent.json', 1, 'absent.json'),
        ('score', '', 2, 'required'),
        ('score', 'good', 2, 'truth'),
        ('score', 'good.csv --baseline bad', 2, 'baseline'),
        ('score', 'good truth --groups moles', 2, 'invalid choice'),
        ('score', 'good truth --workers 0', 2, '--workers'),
        ('score', 'good truth --baseline bad worse', 2, 'unrecognized'),
        ('serve', '--config c.py', 2, '--checkpoint'),
        ('serve', f'--model m.onnx {MODEL}', 2, '--model'),
        ('serve', '--model none.onnx', 1, 'no such model'),
        ('serve', '--model m.onnx --port 70000', 2, 'not in 0 to 65535'),
        ('serve', '--model m.onnx --max-mb 0', 2, '--max-mb: 0 is not in 1'),
        ('test', f'{QUICKSTART} nowhere.pth --work-dir x', 1, 'nowhere.pth'),
        ('test', f'{QUICKSTART} --data-root a b.pth', 2, '--data-root: b.pth is no value'),
        ('train', 'configs/nowhere.py --work-dir x', 1, 'nowhere.py'),
        ('train', f'--data-root a {QUICKSTART}', 2, 'write config and checkpoint first'),
        ('train', f'--resume {QUICKSTART}', 2, 'write config and checkpoint first'),
        ('train', f'{QUICKSTART} --resume nowhere.pth --work-dir x', 1, 'nowhere.pth'),
        ('train', f'{QUICKSTART} --work-dir x --cfg-options model.rio_head.x=1', 1, 'rio_head'),
    ],
)
def test_wrong_arguments_get_one_message(call, name, arguments, status, message):
    done = call(name, *arguments.split())
    assert done.status == status, done.printed
    assert message in done.printed
    assert done.printed.count('error: ') == 1
    assert ('usage: ' in done.printed) == (status == 2)
    assert not (ROOT / 'x').exists()
