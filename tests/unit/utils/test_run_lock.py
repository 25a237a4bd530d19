import errno
import os
import signal
import socket
import subprocess
import sys

import pytest

from isic_mmdet.errors import InputError
from isic_mmdet.utils import run_lock as module
from isic_mmdet.utils.run_lock import LOCK, is_first_process, run_lock

HOLDER = """
import os, sys, time
from isic_mmdet.utils.run_lock import run_lock
with run_lock(sys.argv[1], 'wait'):
    if os.fork() == 0:  # as a process that loads data
        print(os.getpid(), flush=True)
        time.sleep(60)
    time.sleep(60)
"""
SHORT_HOLDER = """
import sys, time
from isic_mmdet.utils.run_lock import run_lock
with run_lock(sys.argv[1], 'wait'):
    print(flush=True)
    time.sleep(0.5)
"""


def started(script: str, folder) -> subprocess.Popen:
    command = [sys.executable, '-c', script, folder]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_a_second_process_is_refused_and_the_first_is_named(tmp_path):
    holder = started(HOLDER, tmp_path)
    child = int(holder.stdout.readline())
    try:
        with pytest.raises(InputError, match='name another --work-dir') as error:
            run_lock(tmp_path, 'name another --work-dir').__enter__()
        assert f'process {holder.pid} on {socket.gethostname()}' in str(error.value)
        # The lock ends with the process, though what it forked still runs.
        holder.kill()
        holder.wait()
        os.kill(child, 0)
        with run_lock(tmp_path, 'name another'):
            pass
    finally:
        holder.kill()
        os.kill(child, signal.SIGKILL)


def test_the_folder_is_left_as_it_was(tmp_path):
    folder = tmp_path / 'new' / 'run'
    with run_lock(folder, 'name another'):
        assert (folder / LOCK).is_file()
    assert not folder.exists()
    with run_lock(folder, 'name another'):
        (folder / 'result').touch()
    assert [path.name for path in folder.iterdir()] == ['result']


def test_the_same_folder_by_another_name_is_the_same(tmp_path):
    (tmp_path / 'run').mkdir()
    (tmp_path / 'link').symlink_to('run')
    with run_lock(tmp_path / 'run', 'x'), pytest.raises(InputError, match='in use'):
        run_lock(tmp_path / 'link', 'x').__enter__()


def test_patience_waits_for_the_other_process(tmp_path):
    holder = started(SHORT_HOLDER, tmp_path)
    holder.stdout.readline()
    with run_lock(tmp_path, 'x', patience=30):
        assert holder.wait() == 0


def test_a_file_system_without_locks_gets_a_warning(tmp_path, monkeypatch, capsys):
    def unsupported(descriptor):
        raise OSError(errno.ENOLCK, 'no locks')

    monkeypatch.setattr(module, 'lock', unsupported)
    with run_lock(tmp_path, 'x'):
        pass
    assert 'has no locks' in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(InputError, match='cannot be written'):
        run_lock(tmp_path / 'file', 'x').__enter__()


@pytest.mark.parametrize(
    ('launcher', 'variable'),
    [('pytorch', 'RANK'), ('slurm', 'SLURM_PROCID'), ('mpi', 'OMPI_COMM_WORLD_RANK')],
)
def test_the_launcher_tells_which_process_is_the_first(monkeypatch, launcher, variable):
    monkeypatch.setenv(variable, '1')
    assert not is_first_process(launcher)
    assert is_first_process('none')
    monkeypatch.setenv(variable, '0')
    assert is_first_process(launcher)


def test_other_processes_take_no_lock(tmp_path):
    with run_lock(tmp_path / 'run', 'x', needed=False):
        assert not (tmp_path / 'run').exists()
