"""What a plan for a million images needs: rates, the price of a kill, memory over the number.

One process predicts images of full size with the model of the project. Tables, lists of images and
hashes are generated in the size of the plan. `scale_table` multiplies the results.
"""

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks.harness import ROOT, Worker, peak_mb, reset_peak, resident_mb, watch_python
from benchmarks.images import full_size_pairs
from isic_mmdet.deploy.predict.folder import still_to_do
from isic_mmdet.deploy.predict.inputs import find_images
from isic_mmdet.deploy.predict.settings import FolderSettings
from isic_mmdet.deploy.predict.table import csv_lines, join_parts, part_of
from isic_mmdet.errors import InputError
from isic_mmdet.isic.duplicates import DEFAULT_DISTANCE, near_duplicates
from isic_mmdet.utils.system import available_cores

_PREDICT = ROOT / 'tools' / 'predict.py'
_PARTS = 8
#: Load of the machine, per core, above which times mean nothing.
_BUSY = 0.5


def run(quick: bool) -> dict[str, Any]:
    """Return rows and details; a quick run takes a thousandth of the rows and files.

    On a machine with other work, a run that is not quick measures memory alone.
    """
    load = os.getloadavg()[0]
    is_timed = quick or load <= _BUSY * available_cores()
    rows, files, shard, rounds = (1000, 200, 8, 1) if quick else (1_000_000, 200_000, 200, 3)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        join_s, join_mb = _asked(_joining, work / 'join', rows)
        list_s, list_mb = _asked(_listing, work / 'list', files)
        details: dict[str, Any] = {
            'rows': rows,
            'join_mb': join_mb,
            'files': files,
            'list_mb': list_mb,
        }
        if is_timed:
            details |= {'join_s': join_s, 'list_s': list_s}
            details |= _shard(work / 'shard', shard, rounds)
            number = 400 if quick else 20_000
            details['hashes_s'] = {str(n): _search_s(n) for n in (number, 2 * number)}
    join = {'what': f'joining the tables of {rows:,} images: growth of the memory'}
    found = {'what': f'listing {files:,} images, half of them done: growth of the memory'}
    content: dict[str, Any] = {
        'rows': [
            join | {'ours_mb': join_mb},
            found | {'ours_mb': list_mb},
            *_time_rows(details),
        ],
        'details': details,
    }
    if not is_timed:
        reason = f'every time: other programs used the machine (load {load:.1f})'
        content['skipped'] = [f'{reason}; run the command again when nothing else runs']
    return content


def _time_rows(details: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for name, what in (
        ('image_s', 'one image of full size, JPEG to mask file, models/lesion_lite.onnx'),
        ('start_s', 'from the start of tools/predict.py to its end, one image'),
        ('lost_s', 'a kill in the middle and --resume: additional time'),
        ('join_s', f'joining the tables of {details["rows"]:,} images'),
        ('list_s', f'listing {details["files"]:,} images, half of them done'),
    ):
        if name in details:
            yield {'what': what, 'ours_s': details[name]}
    for number, seconds in details.get('hashes_s', {}).items():
        yield {'what': f'near-duplicates among {int(number):,} hashes', 'ours_s': seconds}


def _asked(
    make: Callable[[Path, int], Callable[[], float]], folder: Path, number: int
) -> tuple[float, float]:
    """Return the seconds that a function states, and what it adds to the memory of its process."""
    worker = Worker(make, folder, number)
    reset_peak(worker.pid)
    before = peak_mb(worker.pid)
    seconds = worker.ask()
    growth = peak_mb(worker.pid) - before
    worker.close()
    return seconds, growth


def _joining(out: Path, number: int) -> Callable[[], float]:
    _write_parts(out, number)

    def join() -> float:
        start = time.perf_counter()
        join_parts(out)
        return time.perf_counter() - start

    return join


def _listing(folder: Path, number: int) -> Callable[[], float]:
    images, out = folder / 'images', folder / 'out'
    images.mkdir(parents=True)
    for index in range(number):
        (images / f'{_name(index)}.jpg').touch()
    _write_parts(out, number // 2)
    settings = FolderSettings(out, overlay=False, batch_size=4, workers=4)
    for index in range(number // 2):
        settings.mask(_name(index)).touch()

    def find() -> float:
        start = time.perf_counter()
        files = find_images([str(images)], out).files
        left = still_to_do(files, settings)
        seconds = time.perf_counter() - start
        if len(left) != number - number // 2:
            raise InputError(f'{len(left)} images are left, not half of {number}')
        return seconds

    return find


def _write_parts(out: Path, number: int) -> None:
    """Write the tables that several processes leave, ten rows at a time as their batches do."""
    rows = {'label': 'lesion', 'score': 0.9876, 'area_px': 123456, 'area_share': 0.123456}
    rows |= {'x': 1024, 'y': 768, 'width': 400, 'height': 300, 'expected_iou': 0.8123}
    for rank in range(_PARTS):
        with part_of(out, rank) as part:
            for first in range(10 * rank, number, 10 * _PARTS):
                indices = range(first, min(first + 10, number))
                part.add(
                    csv_lines(
                        {'image': _name(i), 'file': f'{_name(i)}.jpg', **rows, 'seconds': 0.0312}
                        for i in indices
                    )
                )


def _name(index: int) -> str:
    return f'ISIC_{index:07d}'


def _shard(folder: Path, number: int, rounds: int) -> dict[str, Any]:
    """Predict full-size images with `tools/predict.py`, undisturbed and killed in the middle."""
    pairs, what = full_size_pairs(folder / 'drawn')
    images = folder / 'images'
    images.mkdir(parents=True)
    for index in range(number):
        image, _ = pairs[index % len(pairs)]
        (images / f'{_name(index)}.jpg').symlink_to(image)
    one, all_of_it, lost, peaks = [], [], [], []
    for _ in tqdm(range(rounds), 'one shard', unit='round'):
        with tempfile.TemporaryDirectory(dir=folder) as out:
            one.append(_predict_s(images / f'{_name(0)}.jpg', Path(out, 'one'))[0])
            seconds, peak = _predict_s(images, Path(out, 'all'))
            killed_s = _killed_s(images, Path(out, 'killed'), number // 2)
            resumed_s, _ = _predict_s(images, Path(out, 'killed'), '--resume')
        all_of_it.append(seconds)
        peaks.append(peak)
        lost.append(killed_s + resumed_s - seconds)
    start_s = statistics.median(one)
    return {
        'images': what,
        'shard': number,
        'image_s': (statistics.median(all_of_it) - start_s) / (number - 1),
        'start_s': start_s,
        'lost_s': statistics.median(lost),
        'predict_mb': max(peaks),
        'cores': available_cores(),
    }


def _predict_s(images: Path, out: Path, *options: str) -> tuple[float, float]:
    """Return the seconds of `tools/predict.py` from its start to its end, and its peak memory."""
    start, peak = time.perf_counter(), 0.0
    for process in watch_python(_PREDICT, images, '--out', out, *options, seconds=0.02):
        peak = max(peak, resident_mb(process.pid))
    return time.perf_counter() - start, peak


def _killed_s(images: Path, out: Path, rows: int) -> float:
    """Return the seconds until the process has written so many rows; then it is killed."""
    start = time.perf_counter()
    command = [sys.executable, str(_PREDICT), str(images), '--out', str(out)]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    table = out / '.predictions.0.csv'
    while process.poll() is None:
        if table.is_file() and table.read_bytes().count(b'\n') >= rows:
            process.kill()
        time.sleep(0.02)
    if process.returncode != -signal.SIGKILL:
        raise InputError(f'{" ".join(command)} ended before it was killed')
    return time.perf_counter() - start


def _search_s(number: int) -> float:
    random = np.random.default_rng(0)
    hashes = [row.tobytes().hex() for row in random.integers(0, 256, (number, 32), np.uint8)]
    start = time.perf_counter()
    near_duplicates(hashes, DEFAULT_DISTANCE)
    return time.perf_counter() - start
