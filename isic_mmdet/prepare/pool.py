"""Runs calls on all cores."""

import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from multiprocessing.context import BaseContext
from typing import TypeVar

import cv2

from isic_mmdet.errors import InputError
from isic_mmdet.utils.system import keep_freed_memory

#: Read by OpenMP and OpenBLAS when they are loaded.
_THREAD_VARIABLES = ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS')

_Result = TypeVar('_Result')


def start_server(module: str) -> BaseContext:
    """Start the process that all workers are forked from, and let it import a module meanwhile.

    Workers do not come from this process, because it may hold locks in other threads. On other
    systems than Linux each worker is a new process.
    """
    if sys.platform != 'linux':
        return multiprocessing.get_context('spawn')
    from multiprocessing import forkserver

    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload(['__main__', module])
    with _one_thread_each():
        forkserver.ensure_running()
    return context


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Let numerical libraries of processes that start meanwhile use one thread."""
    before = {name: os.environ.get(name) for name in _THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, '1'))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def run_calls(calls: Sequence[partial[_Result]], workers: int) -> Generator[_Result, None, None]:
    """Run picklable calls and yield each result as soon as it is there, in any order.

    Args:
        calls: the work, all of one module.
        workers: number of processes; with 1 this process does the work.

    Raises:
        InputError: a worker was killed.
    """
    if workers == 1 or len(calls) < 2:
        yield from (call() for call in calls)
        return
    context = start_server(calls[0].func.__module__)
    executor = ProcessPoolExecutor(min(workers, len(calls)), context, start_worker)
    try:
        for future in as_completed([executor.submit(call) for call in calls]):
            yield future.result()
    except BrokenProcessPool as error:
        raise InputError(
            'a worker process was killed, most likely for lack of memory; run the same command'
            ' with fewer --workers, it continues where it stopped'
        ) from error
    finally:
        executor.shutdown(cancel_futures=True)


def start_worker() -> None:
    """Prepare a process of `start_server` for its work."""
    cv2.setNumThreads(1)  # more threads would compete for the same cores
    keep_freed_memory()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)
