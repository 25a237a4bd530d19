"""Pairs converted on all cores."""

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Generator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import cv2

from isic_mmdet.challenge.faults import Fault
from isic_mmdet.challenge.layouts import Pair
from isic_mmdet.challenge.pairs import Record, convert_pair
from isic_mmdet.challenge.resize import ResizeRule
from isic_mmdet.errors import InputError


def available_cores() -> int:
    """Return how many cores this process may use, which a container may limit."""
    if hasattr(os, 'sched_getaffinity'):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def convert_pairs(
    pairs: Sequence[Pair], rule: ResizeRule, out: Path, workers: int
) -> Generator[Record | Fault, None, None]:
    """Convert pairs and give each result as it is finished, in no particular order.

    Args:
        pairs: what to convert.
        rule: how large the prepared images become.
        out: folder of the prepared data set.
        workers: number of processes; with 1 the work is done in this one.

    Raises:
        InputError: a worker was killed.
        OSError: `out` cannot be written to.
    """
    if workers == 1 or len(pairs) < 2:
        for pair in pairs:
            yield convert_pair(pair, rule, out)
    else:
        yield from _convert_in_pool(pairs, rule, out, min(workers, len(pairs)))


def _convert_in_pool(
    pairs: Sequence[Pair], rule: ResizeRule, out: Path, workers: int
) -> Generator[Record | Fault, None, None]:
    # Spawned workers behave alike on every system and inherit no locked state from threads.
    context = multiprocessing.get_context('spawn')
    executor = ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker)
    try:
        futures = [executor.submit(convert_pair, pair, rule, out) for pair in pairs]
        for future in as_completed(futures):
            yield future.result()
    except BrokenProcessPool as error:
        raise InputError(
            'a worker process was killed, most likely for lack of memory; run the same command'
            ' with fewer --workers, it continues where it stopped'
        ) from error
    finally:
        executor.shutdown(cancel_futures=True)


def _start_worker() -> None:
    cv2.setNumThreads(1)  # one thread a process; more would fight over the same cores
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)
