"""Every way in which a worker cannot hand its batch over ends the wait for it, with a remedy."""

import multiprocessing
import os
import resource
import signal
import sys
import tempfile
from collections.abc import Callable
from multiprocessing.resource_sharer import _ResourceSharer
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from isic_mmdet import compat
from isic_mmdet.utils import failures
from isic_mmdet.utils.loader_errors import UnsentBatchError, known_loader_error

compat.install()


class Sample(Dataset):
    """Samples made by a function in the worker."""

    def __init__(self, make: Callable[[int], object]) -> None:
        self.make = make

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> object:
        return self.make(index)


def unpicklable(index: int) -> object:
    return lambda: index


def in_a_long_folder(index: int) -> torch.Tensor:
    open_sockets_in(tempfile.mkdtemp('x' * 100))
    return torch.zeros(2)


def in_an_absent_folder(index: int) -> torch.Tensor:
    open_sockets_in('/absent')
    return torch.zeros(2)


def open_sockets_in(folder: str) -> None:
    """Let this worker open the socket by which its tensors are fetched in another folder."""
    tempfile.tempdir = folder
    # Inherited from a process that has opened sockets before.
    multiprocessing.current_process()._config.pop('tempdir', None)


def without_free_descriptors(index: int) -> list[torch.Tensor]:
    limit = len(list(Path('/proc/self/fd').iterdir())) + 2
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    return [torch.zeros(2) for _ in range(20)]


def without_shared_memory(index: int) -> torch.Tensor:
    # The file behind a shared tensor cannot grow beyond this.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    return torch.zeros(100_000)


def killed_by_a_bus_error(index: int) -> None:
    os.kill(os.getpid(), signal.SIGBUS)


def ended_before_its_tensor_is_fetched(index: int) -> torch.Tensor:
    def accept_and_close(sharer: _ResourceSharer) -> None:
        sharer._listener._listener.accept().close()
        sharer._listener.close()

    _ResourceSharer._serve = accept_and_close
    return torch.zeros(2)


def without_a_value(index: int) -> None:
    raise EOFError('the file ends early')


def load(make: Callable[[int], object], method: str) -> None:
    loader = DataLoader(
        Sample(make), num_workers=1, collate_fn=list, multiprocessing_context=method
    )
    signal.alarm(60)  # where it hangs
    try:
        list(loader)
    finally:
        signal.alarm(0)


@pytest.mark.skipif(sys.platform != 'linux', reason='limits of Linux')
@pytest.mark.parametrize(
    ('make', 'remedy'),
    [
        (unpicklable, 'pickled'),
        (in_a_long_folder, 'TMPDIR'),
        (in_an_absent_folder, 'TMPDIR'),
        (without_free_descriptors, 'ulimit -n'),
        (without_shared_memory, '--shm-size'),
        (killed_by_a_bus_error, '--shm-size'),
        (ended_before_its_tensor_is_fetched, 'Lower num_workers'),
    ],
)
def test_the_error_reaches_who_waits_for_the_batch(make, remedy):
    with pytest.raises((RuntimeError, OSError, EOFError)) as error:
        load(make, 'fork')
    assert remedy in known_loader_error(error.value)[1]
    assert remedy in failures.explanation(error.value)


@pytest.mark.parametrize('method', ['spawn', 'forkserver'])
def test_workers_that_are_no_forks_send_errors_too(method):
    with pytest.raises(UnsentBatchError):
        load(unpicklable, method)


def test_errors_of_the_data_are_not_taken_for_errors_of_the_loader():
    assert known_loader_error(ValueError('ISIC_0000001.jpg: broken')) is None
    assert known_loader_error(RuntimeError('shape mismatch')) is None
    assert known_loader_error(ConnectionResetError('of a download')) is None
    with pytest.raises(EOFError) as error:
        load(without_a_value, 'fork')
    assert known_loader_error(error.value) is None
