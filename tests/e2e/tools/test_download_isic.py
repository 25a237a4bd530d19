"""tools/download_isic.py as users run it, against a real server on this machine."""

import subprocess
import sys

import pytest

from tests.support.lying_server import IMAGES, MASKS, Served, lying_server
from tests.support.tool_runs import ROOT, fail, run_tool, succeed
from tests.support.waiting import wait_until


@pytest.fixture
def server(monkeypatch):
    """A server that holds the validation part of ISIC 2018, and nothing else."""
    monkeypatch.setenv('no_proxy', '127.0.0.1')
    with lying_server() as running:
        running.serve(IMAGES)
        running.serve(MASKS)
        yield running


@pytest.fixture
def arguments(server, tmp_path):
    options = ('--parts', 'validation', '--base-url', server.url)
    return ('download_isic', '2018', '--out', tmp_path / 'out', *options)


def test_gets_the_files_and_says_what_comes_next(server, arguments, tmp_path):
    done = run_tool(*arguments)
    assert done.returncode == 0, done.stderr
    assert 'to fetch: ' in done.stdout
    assert f'prepare_isic.py 2018 --src {tmp_path / "out"} --out data/isic2018' in done.stdout
    assert '100%' in done.stderr  # the progress bar
    for name in (IMAGES, MASKS):
        assert (tmp_path / 'out' / name).read_bytes() == server.files[f'/2018/{name}'].body
    assert succeed(*arguments).count('complete, left as it is') == 2


def test_missing_files_are_one_message(server, tmp_path):
    error = fail('download_isic', '2018', '--out', tmp_path, '--base-url', server.url)
    assert '4 of 6 files of ISIC 2018 could not be downloaded' in error
    assert error.count('the server answered 404') == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == [IMAGES, MASKS, 'SHA256SUMS']


def test_a_killed_run_is_continued(server, arguments, tmp_path):
    # The first connection ends after some bytes; then the server is busy.
    whole, size = server.files[f'/2018/{IMAGES}'].body, 3000
    server.serve(IMAGES, drops=[size], later=Served(whole, busy=1000))
    part = tmp_path / 'out' / f'{IMAGES}.part'
    command = [sys.executable, ROOT / f'tools/{arguments[0]}.py', *arguments[1:]]
    with subprocess.Popen(list(map(str, command)), stderr=subprocess.DEVNULL) as process:
        wait_until(lambda: part.exists() and part.stat().st_size == size)
        process.kill()
    assert not (tmp_path / 'out' / IMAGES).exists()
    served = server.serve(IMAGES)
    assert '3 KiB of it already here' in succeed(*arguments)
    assert f'bytes={size}-' in served.asked
    assert (tmp_path / 'out' / IMAGES).read_bytes() == whole
    names = sorted(path.name for path in (tmp_path / 'out').iterdir())
    assert names == [IMAGES, MASKS, 'SHA256SUMS']
