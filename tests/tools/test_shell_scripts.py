"""What the shell scripts start, seen by stand-ins for the programs that they start."""

import os
import subprocess
from pathlib import Path

import pytest


def bash(root: Path, *command: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        ['bash', *command],
        cwd=root,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture
def stub(tmp_path) -> Path:
    """A program that prints its arguments, one a line."""
    path = tmp_path / 'bin' / 'srun'
    path.parent.mkdir()
    path.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    path.chmod(0o755)
    return path


@pytest.mark.parametrize('script', ['dist_train.sh', 'dist_test.sh', 'slurm_train.sh'])
def test_too_few_arguments_are_answered_with_the_usage(root, script):
    done = bash(root, f'tools/{script}', 'only-one')
    assert done.returncode == 2
    assert done.stderr.startswith(f'bash tools/{script} ')


@pytest.mark.parametrize('script', ['dist_train.sh', 'dist_test.sh', 'slurm_train.sh'])
def test_help_shows_an_example(root, script):
    done = bash(root, f'tools/{script}', '--help')
    assert done.returncode == 0
    assert 'example:\n' in done.stdout
    assert 'set -e' not in done.stdout


def test_one_machine_meets_on_a_free_port(root, stub):
    done = bash(root, 'tools/dist_train.sh', 'a.py', '3', '--amp', PYTHON=str(stub))
    assert done.stdout.split() == [
        '-m',
        'torch.distributed.run',
        '--standalone',
        '--nproc-per-node',
        '3',
        'tools/train.py',
        'a.py',
        '--launcher',
        'pytorch',
        '--amp',
    ]


def test_several_machines_meet_where_they_are_told(root, stub):
    done = bash(
        root,
        'tools/dist_test.sh',
        'a.py',
        'b.pth',
        '8',
        PYTHON=str(stub),
        NNODES='2',
        NODE_RANK='1',
        MASTER_ADDR='10.0.0.1',
    )
    assert done.stdout.split() == [
        '-m',
        'torch.distributed.run',
        '--nnodes',
        '2',
        '--node-rank',
        '1',
        '--master-addr',
        '10.0.0.1',
        '--master-port',
        '29500',
        '--nproc-per-node',
        '8',
        'tools/test.py',
        'a.py',
        'b.pth',
        '--launcher',
        'pytorch',
    ]


def test_slurm_gets_one_task_per_gpu(root, stub):
    done = bash(
        root,
        'tools/slurm_train.sh',
        'gpu',
        'lesions',
        'a.py',
        '--resume',
        PATH=f'{stub.parent}:{os.environ["PATH"]}',
        PYTHON='python',
        GPUS='16',
        SRUN_ARGS='--time 60',
    )
    assert done.stdout.split() == [
        '--partition',
        'gpu',
        '--job-name',
        'lesions',
        '--gres',
        'gpu:8',
        '--ntasks',
        '16',
        '--ntasks-per-node',
        '8',
        '--cpus-per-task',
        '4',
        '--kill-on-bad-exit=1',
        '--time',
        '60',
        'python',
        '-u',
        'tools/train.py',
        'a.py',
        '--launcher',
        'slurm',
        '--resume',
    ]


def test_setting_up_without_a_fitting_python_says_what_is_needed(root, tmp_path):
    done = bash(
        root, '-c', f'cd {tmp_path}; touch r.txt pyproject.toml; '
        f'source {root}/tools/setup_env.sh r.txt', PYTHON='/bin/false',
    )  # fmt: skip
    assert done.returncode == 1
    assert 'no Python 3.10 to 3.12 with venv found' in done.stderr
    assert not (tmp_path / '.venv' / 'installed' / 'r.txt.sha256').exists()
