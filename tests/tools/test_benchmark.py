import importlib.util
import json
import subprocess
import sys

import pytest
import torch

from isic_mmdet.benchmark import training
from isic_mmdet.hooks import provenance


def benchmark(root, *arguments):
    command = [sys.executable, 'tools/benchmark.py', *map(str, arguments)]
    return subprocess.run(command, cwd=root, capture_output=True, text=True)


def test_help_ends_with_an_example(root):
    done = benchmark(root, '--help')
    assert done.returncode == 0
    assert 'python tools/benchmark.py train' in done.stdout.split('example:')[1]


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
    assert {'stock mmdet', 'torchvision'} <= {row['peer'] for row in content['rows']}
    assert all(row['ours_s'] > 0 and row['peer_s'] > 0 for row in content['rows'])
    assert content['versions']['mmdet'] == '3.3.0'


@pytest.mark.parametrize(('gpu', 'folder'), [(True, 'gpu'), (False, '.')])
def test_numbers_of_a_gpu_do_not_replace_those_of_a_cpu(root, tmp_path, monkeypatch, gpu, folder):
    spec = importlib.util.spec_from_file_location('benchmark_tool', root / 'tools/benchmark.py')
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: gpu)
    monkeypatch.setattr(provenance, 'hardware_here', lambda: 'a card' if gpu else 'a core')
    monkeypatch.setattr(training, 'run', lambda out, quick: {'rows': []})
    monkeypatch.setattr(sys, 'argv', ['benchmark.py', 'train', '--quick', '--out', str(tmp_path)])
    tool.main()
    assert [path.parent for path in tmp_path.rglob('train.json')] == [tmp_path / folder]


def test_memory_of_other_networks_is_left_out(monkeypatch):
    steps = []
    monkeypatch.setattr(torch.cuda, 'reset_peak_memory_stats', lambda: steps.append('reset'))
    monkeypatch.setattr(torch.cuda, 'max_memory_allocated', lambda: 350)
    cuda = torch.device('cuda')
    assert training._peak_memory(lambda: steps.append('step'), cuda, before=100) == 250
    assert steps == ['step', 'reset', 'step']
    assert training._peak_memory(lambda: None, torch.device('cpu'), before=0) is None
