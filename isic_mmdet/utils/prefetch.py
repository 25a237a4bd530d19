"""Threads and processes that work ahead of the one that takes their results."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar('Item')
Result = TypeVar('Result')


def prefetch(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int, ahead: int
) -> Generator[Result, None, None]:
    """Yield `function` of every item in order, computed by threads; see `in_order`."""
    executor = ThreadPoolExecutor(workers)
    try:
        yield from in_order(lambda item: executor.submit(function, item), items, ahead)
    finally:
        executor.shutdown(cancel_futures=True)


def in_order(
    submit: Callable[[Item], Future[Result]], items: Iterable[Item], ahead: int
) -> Iterator[Result]:
    """Yield the result of every item in order, while others work on the next ones.

    At most `ahead` items, 1 or more, are in work or wait to be taken, so that memory does not grow
    with their number. The calling thread takes the items, and no earlier than that.
    """
    source = iter(items)
    pending = deque(map(submit, islice(source, ahead)))
    while pending:
        # Taken before the next one begins, because both would be one too many.
        result = pending.popleft().result()
        pending.extend(map(submit, islice(source, 1)))
        yield result


def batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Yield the items in lists of `size`, the last one may be shorter."""
    source = iter(items)
    while batch := list(islice(source, size)):
        yield batch
