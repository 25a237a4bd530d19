"""The local page under load: users who ask at once, and the memory of the server meanwhile.

    python -m benchmarks.serve --model model.onnx --out serve.json

The server is `tools/serve.py` in a process of its own, asked over the loopback interface alone.
Each user sends one image, waits for its lesion, and sends the next. Every answer is held against
that which a single user got for the same image, so that one that is mixed up counts as an error.
"""

import http.client
import json
import re
import shlex
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks.images import pictures
from benchmarks.memory import resident_mb
from isic_mmdet import cli
from isic_mmdet.errors import InputError
from isic_mmdet.images.encoding import encode_jpeg

USERS = 8
_ROOT = Path(__file__).resolve().parents[1]
# The memory is looked at so many times. After a tenth of the requests the server has all that it
# needs but once.
_SAMPLES = 40
_SETTLED = 4
# Seconds after which users begin no further request.
_LIMIT = 1500


def run(out: Path, quick: bool) -> dict[str, Any]:
    """Measure the model of the recommended recipe with random weights.

    Args:
        out: not used; nothing but the result is written.
        quick: a small model, 40 requests at 128 px, to see that all of it runs.
    """
    # Imported here, for what is measured with a file of the user's needs none of it.
    import torch

    from benchmarks import networks
    from isic_mmdet.deploy.export.run import ExportSettings, export

    config = networks.CONFIGS / 'quickstart.py' if quick else networks.OURS
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        detector: Any = networks.ours('float32', config)
        # As it is, all proposals are as good, and rounding would choose among them.
        detector.roi_head.bbox_head.fc_cls.weight.data *= 100
        torch.save({'state_dict': detector.state_dict(), 'meta': {}}, work / 'random.pth')
        (work / 'images').mkdir()
        for index, picture in enumerate(pictures(2, 256)):
            (work / f'images/{index}.jpg').write_bytes(encode_jpeg(picture.image))
        settings = ExportSettings(check_images=str(work / 'images'))
        export(str(config), str(work / 'random.pth'), work / f'{config.stem}.onnx', settings)
        return measure(work / f'{config.stem}.onnx', quick)


def measure(model: Path, quick: bool, images: Sequence[bytes] = ()) -> dict[str, Any]:
    """Measure a model, and return rows and details.

    Args:
        model: file of `tools/export_onnx.py`.
        quick: 40 requests at 128 px.
        images: files that users send; synthetic JPEGs where there are none.

    Raises:
        InputError: the server does not start.
    """
    size, requests = (128, 40) if quick else (512, 1000)
    files = list(images) or [encode_jpeg(picture.image) for picture in pictures(16, size)]
    with _server(model) as (port, process):
        load = _Load(port, process.pid, files, requests)
        load.run()
    memory = [mb for _, mb in load.memory]
    settled = load.memory[_SETTLED - 1][0]
    before = float(np.mean(memory[_SETTLED - 2 : _SETTLED]))
    after = float(np.mean(memory[-2:]))
    errors = load.requests - len(load.waits)
    what = f'page, {model.stem}, {USERS} users at once'
    return {
        'rows': [
            {'what': f'{what}: requests', 'ours_per_s': len(load.waits) / load.seconds},
            {'what': f'{what}: wait, median', 'ours_s': float(np.median(load.waits))},
            {'what': f'{what}: wait, 99 % are shorter', 'ours_s': _percentile(load.waits, 99)},
            {
                'what': f'{what}: {errors} of {load.requests} answers lost or mixed up',
                'goal': 'none',
                'met': errors == 0,
            },
            {
                'what': f'{what}: memory after {requests} requests',
                'ours_mb': after,
                'baseline': f'after {settled}',
                'baseline_mb': before,
                'ratio': before / after,
                'goal': 'at most a twentieth more',
                'met': after <= 1.05 * before,
            },
        ],
        'details': {
            'model': model.name,
            'images': len(files),
            'seconds': load.seconds,
            'alone_s': float(np.median(load.alone)),
            'waits_s': _spread(load.waits),
            'last_place': load.last_place,
            'memory_mb': load.memory,
            'errors': load.errors,
        },
    }


@contextmanager
def _server(model: Path) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """Run the command as users type it, on a free port.

    Raises:
        InputError: it ends before it serves; it has said why.
    """
    command = [sys.executable, 'tools/serve.py', '--model', str(model.resolve()), '--port', '0']
    process = subprocess.Popen(
        [*command, '--no-browser'], stdout=subprocess.PIPE, text=True, cwd=_ROOT
    )
    try:
        assert process.stdout is not None
        found = re.search(r'http://[^:]+:(\d+)/', process.stdout.readline())
        if not found:
            raise InputError(f'the page of {model} cannot be served; see above')
        yield int(found[1]), process
    finally:
        process.terminate()
        process.wait()


@dataclass
class _Load:
    """Users, and what they saw.

    Attributes:
        port: of the server.
        pid: of its process.
        files: that users send.
        requests: in all.
        seconds: that those took.
        alone: seconds of each file without other users.
        waits: seconds of each right answer.
        memory: megabytes of the server after so many requests.
        errors: one line each.
        last_place: that any user heard.
    """

    port: int
    pid: int
    files: list[bytes]
    requests: int
    seconds: float = 0.0
    alone: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    memory: list[tuple[int, float]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    last_place: int = 0

    def run(self) -> None:
        """Ask for each image alone, and then for all of them from all users at once."""
        self._expected = []
        for file in self.files:
            start = time.perf_counter()
            self._expected.append(self._ask(file))
            self.alone.append(time.perf_counter() - start)
        self._lock = threading.Lock()
        self._begun = 0
        self._done = 0
        self._end = time.monotonic() + _LIMIT
        users = [threading.Thread(target=self._user) for _ in range(USERS)]
        start = time.perf_counter()
        with tqdm(total=self.requests, desc='requests', unit='image') as self._bar:
            for user in users:
                user.start()
            for user in users:
                user.join()
        self.seconds = time.perf_counter() - start

    def _user(self) -> None:
        while (turn := self._next()) is not None:
            place = turn % len(self.files)
            start = time.perf_counter()
            try:
                answer = self._ask(self.files[place])
                problem = '' if answer == self._expected[place] else f'image {place}: mixed up'
            except (OSError, http.client.HTTPException, ValueError) as error:
                problem = f'image {place}: {error!r}'
            wait = time.perf_counter() - start
            with self._lock:
                if problem:
                    self.errors.append(problem)
                else:
                    self.waits.append(wait)
                self._done += 1
                self._bar.update()
                if self._done % (self.requests // _SAMPLES) == 0:
                    self.memory.append((self._done, resident_mb(self.pid) or 0.0))

    def _next(self) -> int | None:
        with self._lock:
            if self._begun == self.requests or time.monotonic() > self._end:
                return None
            self._begun += 1
            return self._begun - 1

    def _ask(self, file: bytes) -> Any:
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=300)
        try:
            connection.request('POST', '/segment', file)
            answer = connection.getresponse()
            *places, last = (json.loads(line) for line in answer.read().splitlines())
        finally:
            connection.close()
        self.last_place = max(self.last_place, *(line['position'] for line in places))
        if 'result' not in last:
            raise ValueError(last)
        return last['result']


def _percentile(values: Sequence[float], percent: float) -> float:
    return float(np.percentile(values, percent))


def _spread(values: Sequence[float]) -> dict[str, float]:
    shares = (1, 25, 50, 75, 90, 99, 100)
    return {f'{share} %': _percentile(values, share) for share in shares}


def main() -> None:
    """Measure what the command line names, print a table and write a file."""
    parser = cli.make_parser(
        f'{__doc__.splitlines()[0]}\n\n'
        f'{USERS} users send 1000 images, each one after the other. Let nothing else run on the\n'
        'machine in the meantime.',
        'python -m benchmarks.serve --model model.onnx --out serve.json',
    )
    parser.add_argument('--model', type=Path, required=True, help='file of tools/export_onnx.py')
    parser.add_argument('--out', type=Path, required=True, help='JSON file to be written')
    parser.add_argument(
        '--images', type=Path, metavar='DIR', help='JPEGs that are sent (default: synthetic ones)'
    )
    parser.add_argument('--quick', action='store_true', help='40 requests, to see that it runs')
    args = parser.parse_args()
    images = _images(args.images) if args.images else []

    from benchmarks.rows import unjudged
    from benchmarks.table import performance_table
    from isic_mmdet.engine.provenance import hardware_here, versions
    from isic_mmdet.utils.files import write_json

    content = {
        'benchmark': 'serve',
        'command': shlex.join(['python', '-m', 'benchmarks.serve', *sys.argv[1:]]),
        'hardware': hardware_here(),
        'date': time.strftime('%Y-%m-%dT%H:%M:%S+00:00', time.gmtime()),
        'versions': {**versions(), 'onnxruntime': version('onnxruntime')},
        **measure(args.model, args.quick, images),
    }
    content = unjudged(content) if args.quick else content
    write_json(args.out, content, indent=1)
    print(performance_table([content]))


def _images(folder: Path) -> list[bytes]:
    paths = sorted(folder.glob('*.jpg'))[:64]
    if not paths:
        raise InputError(f'{folder}: no *.jpg is there; name another --images')
    return [path.read_bytes() for path in paths]


if __name__ == '__main__':
    cli.run(main)
