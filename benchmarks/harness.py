"""What all benchmarks share: processes, rounds, memory, and the rows of result files.

One megabyte (MB) is 10^6 bytes.
"""

import atexit
import multiprocessing
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
from tqdm import tqdm

from isic_mmdet.errors import InputError

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / 'shared'
RESULTS = ROOT / 'benchmarks' / 'results'
OFFICIAL_SCORER = 'isic-challenge-scoring 5.6.0'
BASELINES = 'stock mmdet', 'torchvision'


class WorkerError(Exception):
    """The function of a worker failed, its process ended, or an answer took too long."""


class Worker:
    """A function in a new process, so that it shares neither memory nor imports with others.

    Args:
        make: called in the process with `arguments`; returns the function that answers requests.
        arguments: of `make`, picklable.
        limit: seconds that an answer and the call of `make` may take; then the process is killed.

    Raises:
        WorkerError: `make` failed.
    """

    def __init__(
        self, make: Callable[..., Callable[..., Any]], *arguments: Any, limit: float = 600
    ) -> None:
        context = multiprocessing.get_context('spawn')
        self._limit = limit
        self._pipe, pipe_of_child = context.Pipe()
        self._process = context.Process(target=_work, args=(pipe_of_child, make, arguments))
        self._process.start()
        # A worker may have processes of its own, so it cannot be a daemon. It ends with its pipe.
        atexit.register(self._pipe.close)
        pipe_of_child.close()
        assert self._process.pid is not None
        self.pid = self._process.pid
        self._receive()

    def ask(self, *request: Any) -> Any:
        """Return what the function in the process returns for these arguments.

        Raises:
            WorkerError: there is no answer; the process has ended.
        """
        self._pipe.send(request)
        return self._receive()

    def close(self) -> None:
        """End the process."""
        self._pipe.close()
        self._process.join()

    def _receive(self) -> Any:
        if not self._pipe.poll(self._limit):
            self._process.kill()
            raise WorkerError(f'not finished in {self._limit:g} s')
        try:
            answer, error = self._pipe.recv()
        except EOFError:
            self._process.join()
            raise WorkerError(f'ended with status {self._process.exitcode}') from None
        if error is not None:
            raise WorkerError(error)
        return answer


def _work(pipe: Any, make: Callable[..., Callable[..., Any]], arguments: Sequence[Any]) -> None:
    sys.stdout = sys.stderr = Path(os.devnull).open('w')  # noqa: SIM115 - until the process ends
    try:
        answer = make(*arguments)
        pipe.send((None, None))
        while True:
            pipe.send((answer(*pipe.recv()), None))
    except EOFError:  # the other end was closed
        pass
    except Exception as error:
        pipe.send((None, f'{type(error).__name__}: {error}'))


def run_python(*arguments: object) -> str:
    """Run Python to its end in the project folder, and return what it printed.

    Raises:
        InputError: it failed; the message has the end of its stderr.
    """
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise InputError(f'{" ".join(command)} failed:', done.stderr.strip().splitlines()[-3:])
    return done.stdout


def watch_python(*arguments: object, seconds: float) -> Iterator[psutil.Popen]:
    """Run Python to its end, and yield its process again and again after so many seconds.

    Raises:
        InputError: as for `run_python`.
    """
    command = [sys.executable, *map(str, arguments)]
    with tempfile.TemporaryFile('w+') as log:
        process = psutil.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=log)
        while process.poll() is None:
            yield process
            time.sleep(seconds)
        if process.returncode:
            log.seek(0)
            raise InputError(f'{" ".join(command)} failed:', log.read().splitlines()[-3:])


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process; 0 if it has ended."""
    try:
        return psutil.Process(pid).memory_info().rss / 1e6
    except psutil.NoSuchProcess:
        return 0.0


def peak_mb(pid: int) -> float:
    """Return the peak resident memory of a process since its start or since `reset_peak`.

    psutil has no peak on Linux, and `getrusage` counts the parent process too. 0 if it has ended.
    """
    status = Path(f'/proc/{pid}/status').read_text(encoding='utf-8')
    kibibytes = re.findall(r'VmHWM:\s+(\d+)', status)
    return int(kibibytes[0]) * 1024 / 1e6 if kibibytes else 0.0


def reset_peak(pid: int) -> None:
    """Let the peak of a process be its memory now (Linux only)."""
    Path(f'/proc/{pid}/clear_refs').write_text('5')


def interleaved(
    ways: Mapping[str, Callable[[], object]], repeats: int, warm_ups: int = 1, title: str = ''
) -> dict[str, list[float]]:
    """Return the seconds of each way in each round.

    Every round calls all ways one after the other, so other load on the machine affects all.

    Args:
        ways: names to functions.
        repeats: rounds that count.
        warm_ups: rounds before them that do not count.
        title: of the progress bar.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in tqdm(range(warm_ups + repeats), title, unit='round'):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            taken = time.perf_counter() - start
            if number >= warm_ups:
                seconds[name].append(taken)
    return seconds


def medians(seconds: Mapping[str, list[float]]) -> dict[str, float]:
    """Return the median of each way's seconds."""
    return {name: statistics.median(values) for name, values in seconds.items()}


def row(
    what: str,
    ours: float,
    baseline: str,
    other: float | None,
    unit: str = 's',
    at_least: float | None = None,
    at_most: float | None = None,
) -> dict[str, Any]:
    """Return a comparison of two values.

    Args:
        what: is measured.
        ours: our value.
        baseline: name of the other.
        other: its value; None if it did not finish.
        unit: `s`, `mb` or `per_s`.
        at_least: goal; how many times as good as the baseline ours has to be.
        at_most: goal; how many times the value of a lower bound ours may have.

    Returns:
        Its `ratio` is above 1 if ours is better; with `at_most` it is ours / lower bound.
    """
    ratio = None
    if other is not None:
        upward = at_most is not None or unit == 'per_s'
        ratio = ours / other if upward else other / ours
    content: dict[str, Any] = {
        'what': what,
        f'ours_{unit}': ours,
        'baseline': baseline,
        f'baseline_{unit}': other,
        'ratio': ratio,
    }
    if at_least is not None:
        content['goal'] = f'at least {at_least:g} x as fast'
        content['met'] = ratio is not None and ratio >= at_least
    elif at_most is not None:
        content['goal'] = f'at most {at_most:g} x its time'
        content['met'] = ratio is not None and ratio <= at_most
    return content


def network_rows(
    what: str,
    seconds: Mapping[str, float],
    goals: Mapping[str, float],
    at_most: float,
    with_bfloat16: bool,
) -> list[dict[str, Any]]:
    """Return the comparisons of our network with the baselines and with its lower bounds.

    Args:
        what: is measured.
        seconds: of `ours, float32`, the baselines, and with bfloat16 of `ours, bfloat16` and the
            ways whose names start with `lower bound: `.
        goals: `at_least` of the baselines in bfloat16.
        at_most: see `row`; of the lower bounds.
        with_bfloat16: False compares in float32, without goals.
    """
    float32 = seconds['ours, float32']
    if not with_bfloat16:
        return [row(what, float32, name, seconds[name]) for name in BASELINES]
    best = seconds['ours, bfloat16']
    bounds = [name for name in seconds if name.startswith('lower bound: ')]
    return [
        *(row(what, best, name, seconds[name], at_least=goals.get(name)) for name in BASELINES),
        *(row(what, best, name, seconds[name], at_most=at_most) for name in bounds),
        *(row(f'{what}, without --amp', float32, name, seconds[name]) for name in BASELINES),
    ]


def goal(text: str, met: bool) -> dict[str, Any]:
    """Return the part of a row that states a goal in other words."""
    return {'goal': text, 'met': met}


def without_goals(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of a result file without goals, for the numbers of a quick run."""
    rows = [
        {name: value for name, value in each.items() if name not in ('goal', 'met')}
        for each in content['rows']
    ]
    return {**content, 'rows': rows}


def without_bfloat16() -> str | None:
    """Return what is skipped and why if this machine does not run bfloat16, else None."""
    from isic_mmdet.utils.system import check_bfloat16

    try:
        check_bfloat16()
    except InputError as error:
        return f'everything in bfloat16: {error}'
    return None


def instructions() -> str:
    """Return the vector instructions that PyTorch uses, such as `, AVX2, no bfloat16`.

    Nothing for a GPU.
    """
    import torch

    if torch.cuda.is_available():
        return ''
    bfloat16 = 'no bfloat16' if without_bfloat16() else 'bfloat16'
    return f', {torch.backends.cpu.get_cpu_capability()}, {bfloat16}'


def without_official_scorer() -> str | None:
    """Return what is skipped and why if the challenge's scorer is not installed, else None."""
    if find_spec('isic_challenge_scoring') is not None:
        return None
    return f'{OFFICIAL_SCORER}: it is not installed; pip install -r requirements-dev.txt'
