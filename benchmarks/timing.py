"""Times of several ways to do a thing, taken in rounds."""

import statistics
import time
from collections.abc import Callable, Mapping

from tqdm import tqdm


def interleaved(
    ways: Mapping[str, Callable[[], object]], repeats: int, warm_ups: int = 1, title: str = ''
) -> dict[str, list[float]]:
    """Return the seconds that each way took, in the order of its rounds.

    All take a turn before any takes the next, so that what else the machine does meets all of
    them; what differs is better told as a ratio than in seconds.

    Args:
        ways: names to functions.
        repeats: rounds that count.
        warm_ups: rounds before them that do not.
        title: of the progress bar.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    rounds = [(turn, name) for turn in range(warm_ups + repeats) for name in ways]
    for turn, name in tqdm(rounds, title, unit='turn'):
        start = time.perf_counter()
        ways[name]()
        taken = time.perf_counter() - start
        if turn >= warm_ups:
            seconds[name].append(taken)
    return seconds


def medians(seconds: Mapping[str, list[float]]) -> dict[str, float]:
    """Return the median of each way's seconds."""
    return {name: statistics.median(values) for name, values in seconds.items()}
