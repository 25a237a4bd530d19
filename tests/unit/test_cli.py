"""How a tool ends: the status, and one message where people can help."""

import errno
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from isic_mmdet import cli
from isic_mmdet.errors import InputError, Terminated


def end_of(main, capsys) -> tuple[int, str]:
    with pytest.raises(SystemExit) as end:
        cli.run(main)
    return end.value.code, capsys.readouterr().err


def raising(error):
    def main():
        raise error

    return main


def system_error(number: int, *path: str) -> OSError:
    return OSError(number, os.strerror(number), *path)


def test_a_result_is_the_status(capsys):
    assert end_of(lambda: None, capsys) == (0, '')
    assert end_of(lambda: 3, capsys) == (3, '')


@pytest.mark.parametrize(
    ('error', 'words'),
    [
        (InputError('a.png: empty'), 'error: a.png: empty\n'),
        (InputError('a\udcff.png: empty'), 'error: a\\udcff.png: empty\n'),
        (system_error(errno.ENOSPC, 'masks/a.png'), 'error: masks/a.png: No space left'),
        (system_error(errno.EDQUOT, 'masks/a.png'), 'error: masks/a.png: Disk quota exceeded'),
        (system_error(errno.EROFS, 'work/a.pth'), 'a.pth: Read-only file system; write elsewhere'),
        (system_error(errno.EMFILE), 'ulimit -n'),
        (MemoryError(), 'smaller batches'),
        (ImportError('libtorch.so: failed to map segment from shared object'), 'memory ran out'),
        (RuntimeError("can't start new thread"), 'ulimit -u'),
        (FileNotFoundError(errno.ENOENT, 'No usable temporary directory found'), 'TMPDIR'),
        (UnicodeEncodeError('ascii', '\xe4', 0, 1, 'ordinal not in range'), 'PYTHONUTF8=1'),
        (ModuleNotFoundError('no', name='no_such_package'), "'no_such_package' is missing"),
    ],
)
def test_what_users_can_fix_is_one_message(capsys, error, words):
    status, message = end_of(raising(error), capsys)
    assert status == 1
    assert message.startswith('error: ')
    assert words in message and message.count('\n') == 1


def test_the_end_on_request_has_a_status_of_its_own(capsys):
    status, message = end_of(raising(Terminated()), capsys)
    assert status == 75
    assert '--resume' in message


WORKER = 'Caught KeyError in worker 0.\nOriginal Traceback (most recent call last):\nKeyError: 3'


@pytest.mark.parametrize(
    ('error', 'words'),
    [
        (ValueError('a shape\nof two lines'), 'unexpected ValueError: a shape. '),
        (RuntimeError(WORKER), ' KeyError: 3. '),
    ],
)
def test_an_unexpected_error_is_one_message_with_the_path_of_its_traceback(
    capsys, tmp_path, monkeypatch, error, words
):
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))
    status, message = end_of(raising(error), capsys)
    (path,) = tmp_path.iterdir()
    assert status == 1
    assert words in message
    assert str(path) in message and message.count('\n') == 1
    assert 'Traceback' in path.read_text() and 'raise error' in path.read_text()


def test_a_traceback_goes_to_stderr_if_no_file_can_be_written(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path / 'absent'))
    monkeypatch.setattr(Path, 'cwd', lambda: tmp_path / 'absent')
    status, message = end_of(raising(ValueError('a shape')), capsys)
    assert status == 1
    assert 'Traceback' in message
    assert message.splitlines()[-1].startswith('error: unexpected ValueError')


PRINTING = """
import logging, sys
from isic_mmdet import cli

def main():
    sys.stdin.read()  # until nobody reads stdout
    logging.basicConfig(stream=sys.stdout)
    logging.warning('a line')
    print('x' * int(sys.argv[1]))

cli.run(main)
"""


@pytest.mark.parametrize('size', [1, 10**6])
@pytest.mark.parametrize('unbuffered', ['', '1'])
def test_a_closed_pipe_ends_a_tool_in_silence(size, unbuffered):
    process = subprocess.Popen(
        [sys.executable, '-c', PRINTING, str(size)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, 'PYTHONUNBUFFERED': unbuffered},
    )
    process.stdout.close()
    process.stdin.close()
    assert process.stderr.read() == b''
    assert process.wait(60) == cli.CLOSED_PIPE


@pytest.mark.skipif(not Path('/dev/full').exists(), reason='needs /dev/full')
@pytest.mark.parametrize('size', [1, 10**6])
def test_output_that_a_full_disk_does_not_take_is_a_failure(size):
    with Path('/dev/full').open('w') as full:
        done = subprocess.run(
            [sys.executable, '-c', PRINTING, str(size)],
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 1
    assert done.stderr.startswith('error: ') and done.stderr.count('\n') == 1


def test_closed_standard_streams_are_replaced():
    script = 'from isic_mmdet import cli; cli.run(lambda: print(input.__name__))'
    command = f'exec {shlex.quote(sys.executable)} -c {shlex.quote(script)} <&- >&- 2>&-'
    assert subprocess.run(['sh', '-c', command]).returncode == 0
