"""What waiting threads cost on an idle and on a loaded machine.

The threads that share an operation wait for each other at its end. By default OpenMP lets them
spin, which is fast while every thread has a core and slow when another program needs one. Each
setting runs the same training steps in its own process; the settings alternate. The load is a
number of Python processes that compute without pause.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

from benchmarks.harness import Worker, row

# What each setting adds to an environment without any of these variables.
SETTINGS = {
    'short spin': {'GOMP_SPINCOUNT': '1000'},
    "OpenMP's default": {},
    'passive': {'OMP_WAIT_POLICY': 'PASSIVE'},
    'one thread': {'OMP_NUM_THREADS': '1'},
}
# Config, precision, image size in pixels, images of a step.
RECIPES = {
    'quickstart, 192 px, batch 8': ('quickstart.py', 'float32', 192, 8),
    'Lite 0, 256 px, batch 4': ('isic2018_maskrcnn_lite.py', 'float32', 256, 4),
    'R50, 512 px, batch 2': ('isic2018_maskrcnn.py', 'float32', 512, 2),
}
LOADS = (0, 1, 4)
#: What this project sets, see `isic_mmdet.utils.environment`.
DEFAULT = 'short spin'


def run(quick: bool) -> dict[str, Any]:
    """Return rows and details; a quick run takes one small recipe, one round of one step."""
    rounds, steps = (1, 1) if quick else (3, 4)
    rows, details = [], []
    for recipe in list(RECIPES)[: 1 if quick else None]:
        workers = {setting: Worker(_training_step, recipe, setting) for setting in SETTINGS}
        for load in LOADS[: 2 if quick else None]:
            seconds: dict[str, list[float]] = {setting: [] for setting in SETTINGS}
            with _busy(load):
                for _ in range(rounds):
                    for setting, worker in workers.items():
                        seconds[setting] += [worker.ask() for _ in range(steps)]
            details.append({'recipe': recipe, 'busy_processes': load, 'seconds': seconds})
            what = f'training step, {recipe}, next to {load} busy processes'
            rows += [
                row(what, median(seconds[DEFAULT]), setting, median(seconds[setting]))
                for setting in SETTINGS
                if setting != DEFAULT
            ]
        for worker in workers.values():
            worker.close()
    return {'rows': rows, 'details': details}


@contextmanager
def _busy(number: int) -> Iterator[None]:
    """Run a block next to processes that compute without pause."""
    processes = [
        subprocess.Popen([sys.executable, '-c', 'while True: pass']) for _ in range(number)
    ]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _training_step(recipe: str, setting: str) -> Callable[[], float]:
    """Return, for a `Worker`, a function that returns the seconds of a training step."""
    for name in {name for variables in SETTINGS.values() for name in variables}:
        os.environ.pop(name, None)
    os.environ |= SETTINGS[setting]
    # Imported after that: OpenMP reads its environment once, when torch loads it.
    import torch

    from benchmarks import networks, train
    from benchmarks.images import pictures

    config, precision, size, batch = RECIPES[recipe]
    model = networks.ours(precision, networks.CONFIGS / config)
    step = train.mmdet_step(model, pictures(batch, size), torch.device('cpu'))
    for _ in range(2):
        step()

    def timed() -> float:
        start = time.perf_counter()
        step()
        return time.perf_counter() - start

    return timed
