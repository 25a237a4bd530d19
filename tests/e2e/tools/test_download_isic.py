"""The command as users call it, against a real server on this machine."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.lying_server import IMAGES, MASKS, Server, lying_server
from tests.support.tool_runs import assert_one_message, run_tool
from tests.support.waiting import wait_until

NAMES = sorted([IMAGES, MASKS, 'SHA256SUMS'])


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server that holds the validation part of ISIC 2018, and nothing else."""
    monkeypatch.setenv('no_proxy', '127.0.0.1')
    with lying_server() as running:
        running.serve(IMAGES)
        running.serve(MASKS)
        yield running


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_help_ends_with_an_example(root: Path) -> None:
    done = run_tool(root, 'download_isic', '--help')
    assert done.returncode == 0
    last = done.stdout.splitlines()[-1].strip()
    assert last.startswith('python tools/download_isic.py 2018 --out')


@pytest.mark.parametrize(
    'options', [['2019', '--out', 'x'], ['2018'], ['2018', '--out', 'x', '--parts', 'train']]
)
def test_wrong_arguments_exit_with_2(root: Path, options: list[str]) -> None:
    done = run_tool(root, 'download_isic', *options)
    assert done.returncode == 2
    assert 'usage:' in done.stderr


def test_gets_the_files_that_the_server_has(root: Path, tmp_path: Path, server: Server) -> None:
    options = ('2018', '--out', tmp_path, '--base-url', server.url)
    done = run_tool(root, 'download_isic', *options)
    message = '4 of 6 files of ISIC 2018 could not be downloaded'
    assert_one_message(done, 1, message)
    assert done.stderr.count('the server answered 404') == 4
    assert names(tmp_path) == NAMES

    done = run_tool(root, 'download_isic', *options, '--parts', 'validation')
    assert done.returncode == 0
    assert done.stdout.count('complete, left as it is') == 2
    assert f'prepare_isic.py 2018 --src {tmp_path} --out data/isic2018' in done.stdout


def test_a_killed_run_is_continued(root: Path, tmp_path: Path, server: Server) -> None:
    served = server.files[f'/2018/{IMAGES}']
    served.drops, served.hold = [10_000], threading.Event()
    options = ['2018', '--out', str(tmp_path), '--parts', 'validation', '--base-url', server.url]
    command = [sys.executable, 'tools/download_isic.py', *options]
    process = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    part = tmp_path / f'{IMAGES}.part'
    wait_until(lambda: part.exists() and part.stat().st_size == 10_000, 30, 'nothing arrived')
    process.kill()
    process.communicate(timeout=10)
    assert not (tmp_path / IMAGES).exists()
    served.hold.set()
    done = run_tool(root, 'download_isic', *options)
    assert done.returncode == 0, done.stderr
    assert 'to fetch: ' in done.stdout
    assert '10 KiB of it already here' in done.stdout
    assert '100%' in done.stderr, 'the progress bar'
    assert served.asked[-1] == 'bytes=10000-'
    assert (tmp_path / IMAGES).read_bytes() == served.body
    assert names(tmp_path) == NAMES
