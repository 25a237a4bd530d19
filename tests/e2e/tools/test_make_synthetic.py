import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Tool = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def tool(root: Path) -> Tool:
    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(root / 'tools/make_synthetic.py'), *arguments]
        environment = {**os.environ, 'PYTHONPATH': str(root)}
        return subprocess.run(command, capture_output=True, text=True, env=environment)

    return call


def test_writes_then_reuses_and_says_so(tool: Tool, tmp_path: Path) -> None:
    arguments = ['--out', str(tmp_path / 'set'), '--images', '6', '--size', '64', '--workers', '2']
    first = tool(*arguments)
    assert first.returncode == 0, first.stderr
    assert 'drew 6 images' in first.stdout
    assert '6/6' in first.stderr  # the progress bar
    assert len(list((tmp_path / 'set').glob('*_Data/*.jpg'))) == 6

    second = tool(*arguments)
    assert second.returncode == 0
    assert 'nothing to draw' in second.stdout


def test_stale_folder_is_one_message_and_status_1(tool: Tool, tmp_path: Path) -> None:
    arguments = ['--out', str(tmp_path / 'set'), '--images', '6', '--size', '64', '--workers', '1']
    assert tool(*arguments).returncode == 0
    stale = tool(*arguments, '--seed', '8')
    assert stale.returncode == 1
    assert 'was made with' in stale.stderr
    assert 'Traceback' not in stale.stderr


def test_options_out_of_range_are_status_1(tool: Tool, tmp_path: Path) -> None:
    result = tool('--out', str(tmp_path / 'set'), '--images', '0')
    assert result.returncode == 1
    assert 'images is 0' in result.stderr


def test_wrong_arguments_are_status_2(tool: Tool) -> None:
    assert tool().returncode == 2
    assert tool('--out', 'x', '--images', 'many').returncode == 2


def test_help_ends_with_an_example(tool: Tool) -> None:
    result = tool('--help')
    assert result.returncode == 0
    assert result.stdout.rstrip().splitlines()[-1].lstrip().startswith('python tools/make_syn')
