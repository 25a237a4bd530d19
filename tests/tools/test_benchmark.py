import json
import subprocess
import sys

import pytest


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
