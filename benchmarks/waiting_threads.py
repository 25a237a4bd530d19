"""What waiting threads cost on an idle and on a loaded machine.

The threads that share an operation wait for each other at its end. By default OpenMP lets them
spin, which is fast while every thread has a core and slow when another program needs one. Each
setting runs the same training steps in its own process; the settings alternate. The load is a
number of Python processes that compute without pause.

Run as a program, the module is one of those processes: it answers each line with the seconds of one
training step.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.rows import row
from benchmarks.worker import Worker

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
    'R18, 256 px, batch 4': ('isic2018_maskrcnn_r18_256px.py', 'float32', 256, 4),
    'R50, 512 px, batch 2': ('isic2018_maskrcnn.py', 'float32', 512, 2),
}
LOADS = (0, 1, 4)
# What this project sets, see `isic_mmdet.utils.environment`.
DEFAULT = 'short spin'
_MODULE = 'benchmarks.waiting_threads'


def run(out: Path, quick: bool) -> dict[str, Any]:
    """Measure, and return rows and details.

    Args:
        out: not used; nothing but the result is written.
        quick: one small recipe, one round of one step, to see that it runs.
    """
    rounds, steps = (1, 1) if quick else (3, 4)
    rows, details = [], []
    for recipe in list(RECIPES)[: 1 if quick else None]:
        children = {setting: Worker(_MODULE, [recipe, setting], 600) for setting in SETTINGS}
        for load in LOADS[: 2 if quick else None]:
            seconds: dict[str, list[float]] = {setting: [] for setting in SETTINGS}
            with busy(load):
                for _ in range(rounds):
                    for setting, child in children.items():
                        seconds[setting] += [child.ask('step')['seconds'] for _ in range(steps)]
            details.append({'recipe': recipe, 'busy_processes': load, 'seconds': seconds})
            what = f'training step, {recipe}, next to {load} busy processes'
            rows += [
                row(what, median(seconds[DEFAULT]), setting, median(seconds[setting]))
                for setting in SETTINGS
                if setting != DEFAULT
            ]
        for child in children.values():
            child.close()
    return {'rows': rows, 'details': details}


@contextmanager
def busy(number: int) -> Iterator[None]:
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


def _answer(recipe: str, setting: str) -> None:
    for name in {name for variables in SETTINGS.values() for name in variables}:
        os.environ.pop(name, None)
    os.environ |= SETTINGS[setting]
    # Imported after that: OpenMP reads its environment once, when torch loads it.
    import time

    import torch

    from benchmarks import networks, training
    from benchmarks.images import pictures

    config, precision, size, batch = RECIPES[recipe]
    model = networks.ours(precision, networks.CONFIGS / config)
    step = training.mmdet_step(model, pictures(batch, size), torch.device('cpu'))
    for _ in range(2):
        step()
    print(json.dumps({'threads': torch.get_num_threads()}), flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        step()
        print(json.dumps({'seconds': time.perf_counter() - start}), flush=True)


if __name__ == '__main__':
    _answer(*sys.argv[1:])
