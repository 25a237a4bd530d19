import importlib.util
import json
import subprocess
import sys

import pytest
import torch

from benchmarks import inference, prepare, startup, training
from benchmarks.table import performance_table
from isic_mmdet.engine import provenance
from isic_mmdet.errors import InputError


def benchmark(root, *arguments):
    command = [sys.executable, 'benchmarks/__main__.py', *map(str, arguments)]
    return subprocess.run(command, cwd=root, capture_output=True, text=True)


def test_help_ends_with_an_example(root):
    done = benchmark(root, '--help')
    assert done.returncode == 0
    assert 'python -m benchmarks train' in done.stdout.split('example:')[1]


def test_an_unknown_name_is_a_wrong_argument(root):
    done = benchmark(root, 'trian')
    assert done.returncode == 2
    assert 'no such benchmark: trian' in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize('name', ['train', 'infer'])
def test_each_runs_and_leaves_its_numbers(root, tmp_path, name):
    done = benchmark(root, name, '--quick', '--out', tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    content = json.loads((tmp_path / f'{name}.json').read_text())
    assert {'stock mmdet', 'torchvision'} <= {row['baseline'] for row in content['rows']}
    assert all(row['ours_s'] > 0 and row['baseline_s'] > 0 for row in content['rows'])
    assert content['versions']['mmdet'] == '3.3.0'


@pytest.fixture
def tool(root, monkeypatch):
    """The tool as a module, on a machine of no name, whose benchmarks are up to each test."""
    spec = importlib.util.spec_from_file_location('benchmark_tool', root / 'benchmarks/__main__.py')
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    monkeypatch.setattr(provenance, 'hardware_here', lambda: 'a core')
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    return tool


def call(tool, monkeypatch, *arguments: object) -> None:
    monkeypatch.setattr(sys, 'argv', ['benchmark.py', *map(str, arguments)])
    tool.main()


ROW = {'what': 'a step', 'ours_s': 1.0, 'goal': 'at least 2 x', 'met': False}


@pytest.mark.parametrize(('gpu', 'folder'), [(True, 'gpu'), (False, '.')])
def test_numbers_of_a_gpu_do_not_replace_those_of_a_cpu(tool, tmp_path, monkeypatch, gpu, folder):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: gpu)
    monkeypatch.setattr(training, 'run', lambda out, quick: {'rows': []})
    call(tool, monkeypatch, 'train', '--quick', '--out', tmp_path)
    assert [path.parent for path in tmp_path.rglob('train.json')] == [tmp_path / folder]


def test_a_quick_run_judges_no_goal_and_writes_nothing(tool, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(training, 'run', lambda out, quick: {'rows': [ROW]})
    monkeypatch.setattr(tool, 'RESULTS', tmp_path / 'results')
    call(tool, monkeypatch, 'train', '--quick')
    printed = capsys.readouterr().out
    assert 'a step' in printed and 'at least 2 x' not in printed and 'no**' not in printed
    assert list(tmp_path.iterdir()) == []
    call(tool, monkeypatch, 'train', '--quick', '--out', tmp_path)
    (row,) = json.loads((tmp_path / 'train.json').read_text())['rows']
    assert set(row) == {'what', 'ours_s'}


def test_a_benchmark_that_fails_does_not_take_the_others_along(tool, tmp_path, monkeypatch, capsys):
    def fail(out, quick):
        raise InputError('no room for the images')

    monkeypatch.setattr(training, 'run', lambda out, quick: {'rows': [ROW]})
    monkeypatch.setattr(prepare, 'run', fail)
    monkeypatch.setattr(startup, 'run', lambda out, quick: {'rows': [ROW]})
    out = tmp_path / 'results'
    with pytest.raises(InputError, match='not measured: prepare;'):
        call(tool, monkeypatch, 'train', 'prepare', 'start', '--out', out)
    assert sorted(path.name for path in out.iterdir()) == ['start.json', 'train.json']
    assert 'prepare: no room for the images' in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize('measured', [training, inference])
def test_without_bfloat16_the_rest_is_measured_and_that_is_said(measured, tmp_path, monkeypatch):
    def lacks() -> None:
        raise InputError('this CPU lacks bfloat16')

    monkeypatch.setattr('isic_mmdet.utils.system.check_bfloat16', lacks)
    content = measured.run(tmp_path, True)
    (reason,) = content['skipped']
    assert 'bfloat16' in reason and 'this CPU lacks' in reason
    assert {'stock mmdet', 'torchvision'} <= {row['baseline'] for row in content['rows']}
    assert not any('bfloat16' in row['baseline'] for row in content['rows'])
    times = content['details'].get('seconds') or content['details']['seconds_per_image']
    assert 'ours, float32' in times and not any('bfloat16' in name for name in times)
    head = {'command': 'a command', 'hardware': 'a core', 'date': '2026-11-25'}
    assert f'Not measured: {reason}' in performance_table([{**head, **content}])


def test_memory_of_other_networks_is_left_out(monkeypatch):
    steps = []
    monkeypatch.setattr(torch.cuda, 'reset_peak_memory_stats', lambda: steps.append('reset'))
    monkeypatch.setattr(torch.cuda, 'max_memory_allocated', lambda: 350)
    cuda = torch.device('cuda')
    assert training.peak_memory(lambda: steps.append('step'), cuda, before=100) == 250
    assert steps == ['step', 'reset', 'step']
    assert training.peak_memory(lambda: None, torch.device('cpu'), before=0) is None
