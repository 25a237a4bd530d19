"""Growth of time and memory with the size of an image, from JPEG to mask file.

Every model has its own process, and they alternate. Ours does what `tools/predict.py` does with a
loaded model. The baselines read the image, find their 100 detections, and write the mask with the
highest score. All networks see the image at 512 pixels and have random weights.
"""

import io
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image
from tqdm import tqdm

from benchmarks.harness import (
    Worker,
    WorkerError,
    goal,
    peak_mb,
    reset_peak,
    resident_mb,
    row,
    without_bfloat16,
)
from benchmarks.images import camera_image
from benchmarks.predictors import file_worker
from isic_mmdet.images.encoding import encode_jpeg

#: Height and width: 0.25 to 30 megapixels. The goals compare the last with the second.
SHAPES = ((408, 612), (1000, 1500), (1633, 2449), (4499, 6748))
# Seconds after which a baseline has not finished.
_LIMIT = 120.0
_SIZE = 512
_MOST_MB = 400
_MOST_TIMES = 1.5

Shape = tuple[int, int]
Ways = Mapping[str, tuple[Any, ...]]


def run(quick: bool) -> dict[str, Any]:
    """Return rows and details; a quick run takes two small images and one round."""
    from benchmarks import networks  # here, because workers import this module without torch

    shapes = SHAPES[:2] if quick else SHAPES
    skipped = without_bfloat16()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        images = {shape: work / f'{shape[0]}x{shape[1]}.jpg' for shape in shapes}
        for shape, path in images.items():
            path.write_bytes(encode_jpeg(camera_image(shape)))
        ours = networks.OURS, networks.save_ours(work / 'random.pth')
        masks = iter(work / f'mask{number}.png' for number in range(4))
        ways: dict[str, tuple[Any, ...]] = {
            'ours, bfloat16': ('ours', next(masks), *ours, True),
            'ours': ('ours', next(masks), *ours, False),
            'stock mmdet': ('stock mmdet', next(masks), _SIZE),
            'torchvision': ('torchvision', next(masks), _SIZE),
        }
        if skipped:
            del ways['ours, bfloat16']
        memory = _memory(ways, images[shapes[-1]])
        times, decoding = _times(ways, images, 1 if quick else 5, 0 if quick else 1)
    return {
        'rows': [*_time_rows(times, decoding, shapes[-1]), *_memory_rows(memory, shapes[-1])],
        'skipped': [skipped] if skipped else [],
        'details': {
            'input_size': _SIZE,
            'megapixels': [height * width / 1e6 for height, width in shapes],
            'shapes': shapes,
            'seconds': times,
            'decoding_s': decoding,
            'memory_mb': memory,
        },
    }


def _memory(ways: Ways, image: Path) -> dict[str, dict[str, Any]]:
    """Return the memory of each way with its model loaded, and its peak over one image.

    Each in a new process.
    """
    found: dict[str, dict[str, Any]] = {}
    for name, way in tqdm(ways.items(), 'memory', unit='process'):
        worker = Worker(file_worker, *way, limit=_LIMIT)
        found[name] = {'loaded_mb': resident_mb(worker.pid)}
        reset_peak(worker.pid)
        try:
            worker.ask(image)
            found[name]['peak_mb'] = peak_mb(worker.pid)
        except WorkerError as error:
            found[name]['error'] = str(error)
        worker.close()
    return found


def _times(
    ways: Ways, images: Mapping[Shape, Path], repeats: int, warm_ups: int
) -> tuple[dict[str, list[list[float]]], list[list[float]]]:
    """Return seconds by way, size and round, and the seconds of decoding by size and round.

    A way that fails takes part in no further rounds. It has no times for that size and for those
    after it.
    """
    workers = {name: Worker(file_worker, *way, limit=_LIMIT) for name, way in ways.items()}
    times: dict[str, list[list[float]]] = {name: [] for name in ways}
    decoding: list[list[float]] = []
    for shape, image in images.items():
        of_size: dict[str, list[float]] = {name: [] for name in workers}
        decoding.append([])
        title = f'{shape[0]} x {shape[1]}'
        for number in tqdm(range(warm_ups + repeats), title, unit='round'):
            decoded = _decoding_seconds(image)
            if number >= warm_ups:
                decoding[-1].append(decoded)
            for name, worker in list(workers.items()):
                try:
                    seconds = worker.ask(image)
                except WorkerError:
                    workers.pop(name).close()
                    del of_size[name]
                else:
                    if number >= warm_ups:
                        of_size[name].append(seconds)
        for name, values in of_size.items():
            times[name].append(values)
    for worker in workers.values():
        worker.close()
    return times, decoding


def _decoding_seconds(image: Path) -> float:
    """Return the seconds that Pillow takes to decode all pixels of a file in memory."""
    data = image.read_bytes()
    start = time.perf_counter()
    Image.open(io.BytesIO(data)).load()
    return time.perf_counter() - start


def _time_rows(
    times: Mapping[str, list[list[float]]], decoding: list[list[float]], largest: Shape
) -> list[dict[str, Any]]:
    what = f'one {largest[0]} x {largest[1]} image, JPEG to mask file'
    middle = {
        name: [statistics.median(rounds) for rounds in sizes] for name, sizes in times.items()
    }
    decoded = statistics.median(decoding[-1])
    ours = [name for name in middle if name.startswith('ours')]
    height, width = SHAPES[1]
    small = f'{_MOST_TIMES:g} x {height} x {width}, and decoding'
    rows = [
        row(
            f'{what} ({name})',
            middle[name][-1],
            small,
            _MOST_TIMES * middle[name][1] + decoded,
            at_most=1,
        )
        for name in ours
    ]
    best = ours[0]
    return rows + [
        row(
            f'{what} ({best})',
            middle[best][-1],
            name,
            middle[name][-1] if len(middle[name]) == len(decoding) else None,
        )
        for name in middle
        if name not in ours
    ]


def _memory_rows(memory: Mapping[str, Mapping[str, Any]], largest: Shape) -> list[dict[str, Any]]:
    what = f'one {largest[0]} x {largest[1]} image, peak above the loaded model'
    above = {
        name: found['peak_mb'] - found['loaded_mb'] if 'peak_mb' in found else None
        for name, found in memory.items()
    }
    return [
        row(f'{what} ({name})', ours, baseline, other, 'mb')
        | goal(f'at most {_MOST_MB} MB', ours <= _MOST_MB)
        for name, ours in above.items()
        for baseline, other in above.items()
        if name.startswith('ours') and ours is not None and not baseline.startswith('ours')
    ]
