"""Threads that work ahead of the one that takes their results."""

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
    """Yield `function` of every item in order, computed by threads.

    At most `ahead` items, 1 or more, are in work or wait to be taken, so that memory does not grow
    with their number. The calling thread takes the items, and no earlier than that.
    """
    executor = ThreadPoolExecutor(workers)
    pending: deque[Future[Result]] = deque()
    source = iter(items)
    try:
        pending.extend(executor.submit(function, item) for item in islice(source, ahead))
        while pending:
            # Taken before the next one begins, because both would be one too many.
            result = pending.popleft().result()
            pending.extend(executor.submit(function, item) for item in islice(source, 1))
            yield result
    finally:
        executor.shutdown(cancel_futures=True)


def batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Yield the items in lists of `size`, the last one may be shorter."""
    source = iter(items)
    while batch := list(islice(source, size)):
        yield batch
