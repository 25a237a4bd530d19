"""The command `python -m benchmarks`, and a quick run of each benchmark."""

import importlib
import json
import subprocess
import sys

import pytest
import torch

from benchmarks import __main__ as command
from benchmarks import harness
from benchmarks.table import performance_table
from isic_mmdet.engine import provenance
from isic_mmdet.errors import InputError
from isic_mmdet.utils.environment import set_waiting_time

ROW = {'what': 'a step', 'ours_s': 1.0, 'goal': 'at least 2 x', 'met': False}


@pytest.fixture
def call(monkeypatch, tmp_path):
    """Return a function that calls the command; each benchmark has one row, `prepare` fails."""

    def fail(quick):
        raise InputError('no room for the images')

    for name in ('train', 'start', 'prepare'):
        module = importlib.import_module(f'benchmarks.{name}')
        monkeypatch.setattr(
            module, 'run', fail if name == 'prepare' else lambda quick: {'rows': [ROW]}
        )
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    monkeypatch.setattr(provenance, 'hardware_here', lambda: 'a core')
    monkeypatch.setattr(harness, 'RESULTS', tmp_path / 'results')

    def call(*arguments):
        monkeypatch.setattr(sys, 'argv', ['benchmarks', *map(str, arguments)])
        command.main()

    return call


def test_help_ends_with_an_example(root):
    done = subprocess.run(
        [sys.executable, '-m', 'benchmarks', '--help'], cwd=root, capture_output=True, text=True
    )
    assert done.returncode == 0
    assert 'python -m benchmarks train' in done.stdout.split('example:')[1]


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['trian'], 'no such benchmark: trian'),
        (['train', '--model', 'm.onnx'], 'own model'),
        (['onnx', '--model', 'm.onnx'], 'own model'),
        (['onnx', 'serve', '--model', 'm.onnx'], 'own model'),
    ],
)
def test_wrong_arguments_are_reported(call, capsys, arguments, message):
    with pytest.raises(SystemExit, match='2'):
        call(*arguments)
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(('gpu', 'folder'), [(True, 'gpu'), (False, '.')])
def test_numbers_of_a_gpu_do_not_replace_those_of_a_cpu(call, tmp_path, monkeypatch, gpu, folder):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: gpu)
    call('train', '--quick', '--out', tmp_path)
    content = json.loads((tmp_path / folder / 'train.json').read_text())
    assert content['command'] == f'python -m benchmarks train --quick --out {tmp_path}'
    assert content['versions']['mmdet'] == '3.3.0'


def test_a_quick_run_checks_no_goal_and_writes_only_to_a_given_folder(call, tmp_path, capsys):
    call('train', '--quick')
    printed = capsys.readouterr().out
    assert 'a step' in printed and 'at least 2 x' not in printed
    assert list(tmp_path.iterdir()) == []
    call('train', '--quick', '--out', tmp_path)
    (row,) = json.loads((tmp_path / 'train.json').read_text())['rows']
    assert set(row) == {'what', 'ours_s'}


def test_a_benchmark_that_fails_does_not_stop_the_others(call, tmp_path, capsys):
    with pytest.raises(InputError, match='not measured: prepare;'):
        call('train', 'prepare', 'start')
    results = tmp_path / 'results'
    assert sorted(path.name for path in results.iterdir()) == ['start.json', 'train.json']
    assert 'prepare: no room for the images' in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.filterwarnings('ignore:The inplace keyword')  # of pandas in the official scorer
@pytest.mark.parametrize('name', command.BENCHMARKS)
def test_each_benchmark_runs(name):
    content = importlib.import_module(f'benchmarks.{name.replace("-", "_")}').run(quick=True)
    assert json.loads(json.dumps(content))['rows']
    assert performance_table([{**content, 'command': 'c', 'hardware': 'h', 'date': '2026-11-25'}])
    for row in content['rows']:
        values = [value for key, value in row.items() if key.endswith(('_s', '_mb')) and value]
        assert row.get('ratio') is None or row['ratio'] > 0
        assert all(value > 0 for value in values) or 'growth' in row['what']


@pytest.mark.slow
@pytest.mark.parametrize(
    ('name', 'baselines'),
    [
        ('train', {'stock mmdet', 'torchvision'}),
        ('infer', {'stock mmdet', 'torchvision'}),
        ('recipe', {'stock mmdet', 'torchvision'}),
        ('onnx', {'PyTorch'}),
    ],
)
def test_without_bfloat16_the_rest_is_measured(name, baselines, monkeypatch):
    def check() -> None:
        raise InputError('this CPU lacks bfloat16')

    monkeypatch.setattr('isic_mmdet.utils.system.check_bfloat16', check)
    content = importlib.import_module(f'benchmarks.{name}').run(quick=True)
    (reason,) = content['skipped']
    assert 'this CPU lacks bfloat16' in reason
    assert baselines <= {row['baseline'] for row in content['rows']}
    assert not any('bfloat16' in row['baseline'] for row in content['rows'])


def test_the_first_setting_of_threads_is_what_the_package_sets(monkeypatch):
    import os

    from benchmarks import threads

    for name in ('GOMP_SPINCOUNT', 'OMP_WAIT_POLICY'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr('sys.platform', 'linux')
    set_waiting_time()
    expected = threads.SETTINGS[threads.DEFAULT]
    assert {name: os.environ.get(name) for name in expected} == expected
