"""The local page under load: many users at once, and the memory of the server meanwhile.

The server is `tools/serve.py` in its own process, on the loopback interface. Each user sends one
image, waits for its lesion, and sends the next. Every answer is compared with the answer that a
single user got for the same image.
"""

import http.client
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks.harness import ROOT, goal, resident_mb, row
from benchmarks.images import pictures
from isic_mmdet.errors import InputError
from isic_mmdet.images.encoding import encode_jpeg

USERS = 8
# Number of memory samples. After a tenth of the requests the server has allocated what it keeps.
_SAMPLES = 40
_SETTLED = 4
# Seconds after which users send no further image.
_LIMIT = 1500


def run(quick: bool, model: Path | None = None, images: Path | None = None) -> dict[str, Any]:
    """Return rows and details.

    Args:
        quick: a small model, and 40 requests at 128 px.
        model: an exported file; None exports the recommended recipe with random weights.
        images: folder of JPEGs that users send; None sends synthetic ones.
    """
    size, requests = (128, 40) if quick else (512, 1000)
    if images is None:
        files = [encode_jpeg(picture.image) for picture in pictures(16, size)]
    else:
        files = [path.read_bytes() for path in sorted(images.glob('*.jpg'))[:64]]
    if not files:
        raise InputError(f'{images}: no *.jpg is there; name another --images')
    with tempfile.TemporaryDirectory() as folder:
        if model is None:
            from benchmarks import networks

            config = networks.SMALL if quick else networks.OURS
            model, _ = networks.export_ours(Path(folder), config)
        with _server(model) as (port, pid):
            details = _load(port, pid, files, requests)
    waits, memory = details.pop('waits'), details['memory_mb']
    before = float(np.mean([mb for _, mb in memory[_SETTLED - 2 : _SETTLED]]))
    after = float(np.mean([mb for _, mb in memory[-2:]]))
    wrong = len(details['errors'])
    what = f'page, {model.stem}, {USERS} users at once'
    percent = (1, 25, 50, 75, 90, 99, 100)
    spread = dict(zip(percent, np.percentile(waits, percent).tolist(), strict=True))
    return {
        'rows': [
            {'what': f'{what}: requests', 'ours_per_s': len(waits) / details['seconds']},
            {'what': f'{what}: wait, median', 'ours_s': spread[50]},
            {'what': f'{what}: wait, 99 % are shorter', 'ours_s': spread[99]},
            {
                'what': f'{what}: {wrong} of {requests} answers lost or mixed up',
                **goal('none', wrong == 0),
            },
            row(
                f'{what}: memory after {requests} requests',
                after,
                f'after {memory[_SETTLED - 1][0]}',
                before,
                'mb',
            )
            | goal('at most a twentieth more', after <= 1.05 * before),
        ],
        'details': {
            'model': model.name,
            'images': len(files),
            **details,
            'waits_s': {f'{share} %': value for share, value in spread.items()},
        },
    }


@contextmanager
def _server(model: Path) -> Iterator[tuple[int, int]]:
    """Run `tools/serve.py` on a free port; the value is the port and the process id."""
    command = [sys.executable, 'tools/serve.py', '--model', str(model.resolve()), '--port', '0']
    process = subprocess.Popen(
        [*command, '--no-browser'], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    try:
        assert process.stdout is not None
        lines = (re.search(r'http://[^:]+:(\d+)/', line) for line in process.stdout)
        found = next(filter(None, lines), None)
        if found is None:
            raise InputError(f'the page of {model} cannot be served; the reason is above')
        yield int(found[1]), process.pid
    finally:
        process.terminate()
        process.wait()


def _load(port: int, pid: int, files: Sequence[bytes], requests: int) -> dict[str, Any]:
    """Send each file alone, and then all of them again and again from all users at once.

    Returns:
        `seconds` of all requests; `waits`, the seconds of right answers; `memory_mb` of the server
        and the number of requests before; `errors`, one line each; and `last_place`, the highest
        position in the queue.
    """
    expected = [_ask(port, file)[0] for file in files]
    end = time.monotonic() + _LIMIT

    def answer(number: int) -> tuple[float, int, str]:
        """Return the seconds of a request, its position in the queue, and what is wrong."""
        place = number % len(files)
        start = time.perf_counter()
        if time.monotonic() > end:
            return 0.0, 0, f'image {place}: not sent within {_LIMIT} s'
        try:
            result, position = _ask(port, files[place])
        except (OSError, http.client.HTTPException, ValueError) as error:
            return 0.0, 0, f'image {place}: {error!r}'
        problem = '' if result == expected[place] else f'image {place}: mixed up'
        return time.perf_counter() - start, position, problem

    waits: list[float] = []
    positions, errors, memory = [0], [], []
    start = time.perf_counter()
    with ThreadPool(USERS) as users:
        answers = users.imap_unordered(answer, range(requests))
        for done, (wait, position, problem) in enumerate(tqdm(answers, total=requests), 1):
            positions.append(position)
            if problem:
                errors.append(problem)
            else:
                waits.append(wait)
            if done % (requests // _SAMPLES) == 0:
                memory.append((done, resident_mb(pid)))
    return {
        'seconds': time.perf_counter() - start,
        'waits': waits,
        'last_place': max(positions),
        'memory_mb': memory,
        'errors': errors,
    }


def _ask(port: int, file: bytes) -> tuple[Any, int]:
    """Return the result of a file, and its last position in the queue."""
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=300)
    try:
        connection.request('POST', '/segment', file)
        *places, last = map(json.loads, connection.getresponse().read().splitlines())
    finally:
        connection.close()
    if 'result' not in last:
        raise ValueError(last)
    return last['result'], max((line['position'] for line in places), default=0)
