"""Wait in a test for a state that another thread or process reaches."""

import threading
import time
from collections.abc import Callable


def wait_until(condition: Callable[[], object], seconds: float = 60, what: str = '') -> None:
    """Return as soon as `condition()` is true; fail after a number of seconds."""
    end = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < end, f'not within {seconds} s: {what}'
        pause.wait(0.01)
