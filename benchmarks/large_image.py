"""Growth of time and memory with the size of an image, from JPEG to mask file.

Every model has a process of its own and they alternate. Ours does what `tools/predict.py` does
once the model is loaded; the baselines read the image, find their 100 detections, and write the
mask with the highest score. All networks see the image at 512 pixels and have random weights.
"""

import io
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from benchmarks import benchmark_cli as alone
from benchmarks.missing import without_bfloat16
from benchmarks.rows import row
from benchmarks.worker import Worker, WorkerError
from isic_mmdet import cli
from isic_mmdet.images.encoding import encode_jpeg
from isic_mmdet.synthetic import make_sample

#: Height and width of the images: 0.25 to 30 megapixels.
SHAPES = ((408, 612), (1000, 1500), (1633, 2449), (4499, 6748))
#: The images that the goals are about.
SMALL, LARGE = (1000, 1500), (4499, 6748)
#: Seconds after which a baseline has not finished.
LIMIT = 120.0
_SIZE = 512
_MOST_MB = 400
_MOST_TIMES = 1.5

Way = tuple[object, ...]


def run(out: Path, quick: bool) -> dict[str, Any]:
    """Measure, and return rows and details.

    Args:
        out: not used; nothing but the result is written.
        quick: two small images and one turn, to see that all of it runs.
    """
    # Imported here, for nothing but the random weights is made in this process.
    import torch

    from benchmarks import networks

    shapes = SHAPES[:2] if quick else SHAPES
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        images = {shape: _write_image(work, shape) for shape in shapes}
        checkpoint = work / 'random.pth'
        torch.save({'state_dict': networks.ours('float32').state_dict(), 'meta': {}}, checkpoint)
        ours: Way = ('ours', networks.OURS, checkpoint)
        ways: dict[str, Way] = {
            'ours': ours,
            'stock mmdet': ('mmdet', _SIZE),
            'torchvision': ('torchvision', _SIZE),
        }
        lacking = without_bfloat16()
        if lacking is None:
            ways = {'ours, bfloat16': (*ours, 'amp'), **ways}
        memory = _memory(work, ways, images[shapes[-1]])
        times, decoding = _times(work, ways, images, 1 if quick else 5, 0 if quick else 1)
    return {
        'rows': [
            *time_rows(times, decoding, shapes[-1]),
            *memory_rows(memory, shapes[-1]),
        ],
        'skipped': [lacking] if lacking else [],
        'details': {
            'input_size': _SIZE,
            'megapixels': [height * width / 1e6 for height, width in shapes],
            'shapes': shapes,
            'seconds': times,
            'decoding_s': decoding,
            'memory_mb': memory,
        },
    }


def picture(shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Return a synthetic image, (height, width, 3) uint8, RGB, with the noise of a camera.

    Args:
        shape: height and width.
    """
    height, width = shape
    small = make_sample(0, 0, 512).image
    drawn = np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)
    random = np.random.default_rng(0)
    for rows in np.array_split(drawn, max(1, height // 256)):
        noise = random.normal(0, 3, rows.shape[:2]).astype(np.float32)
        rows[...] = np.clip(rows + noise[..., None], 0, 255)
    return drawn


def _write_image(folder: Path, shape: tuple[int, int]) -> Path:
    path = folder / f'{shape[0]}x{shape[1]}.jpg'
    path.write_bytes(encode_jpeg(picture(shape)))
    return path


def _started(work: Path, name: str, way: Way) -> Worker:
    mask = work / f'{name.replace(" ", "_")}.png'
    return Worker('benchmarks.file_to_mask', (mask, *way), LIMIT)


def _memory(work: Path, ways: Mapping[str, Way], image: Path) -> dict[str, dict[str, Any]]:
    """Return the memory of each way with its model loaded, and its peak over one image.

    Each in a process that has done nothing before.
    """
    found: dict[str, dict[str, Any]] = {}
    for name, way in tqdm(ways.items(), 'memory', unit='process'):
        process = _started(work, name, way)
        found[name] = dict(process.first)
        try:
            found[name]['peak_mb'] = process.ask(image)['peak_mb']
        except WorkerError as problem:
            found[name]['error'] = str(problem)
        process.close()
    return found


def _times(
    work: Path,
    ways: Mapping[str, Way],
    images: Mapping[tuple[int, int], Path],
    repeats: int,
    warm_ups: int,
) -> tuple[dict[str, list[list[float]]], list[list[float]]]:
    """Return seconds: by way, size and turn; and by size and turn, those of decoding all pixels.

    A way that gives no answer takes no further rounds, and has no times for that size and those
    after it.
    """
    processes = {name: _started(work, name, way) for name, way in ways.items()}
    times: dict[str, list[list[float]]] = {name: [] for name in ways}
    decoding: list[list[float]] = []
    for shape, image in images.items():
        of_size: dict[str, list[float]] = {name: [] for name in processes}
        decoding.append([])
        title = f'{shape[0]} x {shape[1]}'
        for turn in tqdm(range(warm_ups + repeats), title, unit='turn'):
            decoded = _decoded_in(image)
            taken = {}
            for name, process in list(processes.items()):
                try:
                    taken[name] = process.ask(image)['seconds']
                except WorkerError:
                    processes.pop(name).close()
                    del of_size[name]
            if turn >= warm_ups:
                decoding[-1].append(decoded)
                for name, seconds in taken.items():
                    of_size[name].append(seconds)
        for name, values in of_size.items():
            times[name].append(values)
    for process in processes.values():
        process.close()
    return times, decoding


def _decoded_in(image: Path) -> float:
    """Return the seconds that Pillow takes to decode all pixels of a file in memory."""
    data = image.read_bytes()
    start = time.perf_counter()
    Image.open(io.BytesIO(data)).load()
    return time.perf_counter() - start


def time_rows(
    times: Mapping[str, list[list[float]]], decoding: list[list[float]], largest: tuple[int, int]
) -> list[dict[str, Any]]:
    what = f'one {largest[0]} x {largest[1]} image, JPEG to mask file'
    rows: list[dict[str, Any]] = []
    # By name and size; the second size is that of SMALL, the last is `largest`.
    middle = {
        name: [statistics.median(rounds) for rounds in sizes] for name, sizes in times.items()
    }
    decoded = statistics.median(decoding[-1])
    best = next(iter(middle))
    for name in middle:
        if name.startswith('ours'):
            small = f'{_MOST_TIMES:g} x {SMALL[0]} x {SMALL[1]}, and decoding'
            bound = _MOST_TIMES * middle[name][1] + decoded
            rows.append(row(f'{what} ({name})', middle[name][-1], small, bound, at_most=1))
    for name in middle:
        if name.startswith('ours'):
            continue
        if len(middle[name]) == len(decoding):
            rows.append(row(f'{what} ({best})', middle[best][-1], name, middle[name][-1]))
        else:
            rows.append(
                {
                    'what': f'{what} ({best})',
                    'ours_s': middle[best][-1],
                    'baseline': name,
                    'baseline_s': None,
                    'ratio': None,
                }
            )
    return rows


def memory_rows(
    memory: Mapping[str, Mapping[str, Any]], largest: tuple[int, int]
) -> list[dict[str, Any]]:
    what = f'one {largest[0]} x {largest[1]} image, peak above the loaded model'
    above = {
        name: found['peak_mb'] - found['loaded_mb'] if 'peak_mb' in found else None
        for name, found in memory.items()
    }
    rows: list[dict[str, Any]] = []
    for name, ours in above.items():
        if not name.startswith('ours') or ours is None:
            continue
        for baseline, its in above.items():
            if baseline.startswith('ours'):
                continue
            rows.append(
                {
                    'what': f'{what} ({name})',
                    'ours_mb': ours,
                    'baseline': baseline,
                    'baseline_mb': its,
                    'ratio': None if its is None else its / ours,
                    'goal': f'at most {_MOST_MB} MB',
                    'met': ours <= _MOST_MB,
                }
            )
    return rows


if __name__ == '__main__':
    cli.run(lambda: alone.main('large_image', __doc__, run))
