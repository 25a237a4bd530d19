"""An exported model compared with its checkpoint and with mmdet's own inferencer.

Each has its own process, and they alternate in two measurements: from the start of the process to
the first mask, and the lesion of one image of 1024 x 1024 pixels in memory. Memory is the peak of
the process.
"""

import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks.harness import Worker, goal, peak_mb, row, without_bfloat16
from benchmarks.images import write_pictures
from benchmarks.predictors import image_worker

# A model with random weights finds as many lesions as it may keep, and pastes a mask of each; a
# trained one finds few. Keeping one favors this baseline.
_STOCK = """_base_ = 'mmdet::mask_rcnn/mask-rcnn_r50_fpn_1x_coco.py'
model = dict(
    roi_head=dict(bbox_head=dict(num_classes=1), mask_head=dict(num_classes=1)),
    test_cfg=dict(rcnn=dict(max_per_img=1)),
)
"""

Ways = Mapping[str, Sequence[object]]


def run(
    quick: bool,
    model: Path | None = None,
    config: Path | None = None,
    checkpoint: Path | None = None,
) -> dict[str, Any]:
    """Return rows and details.

    Args:
        quick: a small model and one round.
        model: an exported file; None exports the recommended recipe with random weights.
        config: that the file was exported from.
        checkpoint: that the file was exported from.
    """
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        if model is None or config is None or checkpoint is None:
            from benchmarks import networks

            config = networks.SMALL if quick else networks.OURS
            model, checkpoint = networks.export_ours(work, config)
        (image,) = write_pictures(1, 1024, work / 'image')
        stock = work / 'stock.py'
        stock.write_text(_STOCK)
        skipped = without_bfloat16()
        ways: Ways = {
            'ONNX Runtime': ('onnx', model.resolve()),
            'PyTorch': ('pytorch', config, checkpoint, False),
            **({} if skipped else {'PyTorch, bfloat16': ('pytorch', config, checkpoint, True)}),
            "mmdet's inferencer, our model": ('mmdet', config, checkpoint),
            "mmdet's inferencer, stock R50-FPN": ('mmdet', stock, None),
        }
        starts = _starts(image, ways, 1 if quick else 5, 0 if quick else 1)
        seconds, peaks = _rounds(image, ways, 1 if quick else 9, 1 if quick else 3)
    return {
        'rows': _rows(starts, seconds, peaks, config.stem),
        'skipped': [skipped] if skipped else [],
        'details': {
            'model': model.name,
            'config': config.name,
            'start_to_first_mask_s': starts,
            'seconds_per_image': seconds,
            'peak_memory_mb': peaks,
        },
    }


def _starts(image: Path, ways: Ways, repeats: int, warm_ups: int) -> dict[str, list[float]]:
    """Return the seconds of each way from the start of its process to its first mask."""
    found: dict[str, list[float]] = {name: [] for name in ways}
    for number in tqdm(range(warm_ups + repeats), 'starting', unit='round'):
        for name, arguments in ways.items():
            start = time.perf_counter()
            worker = Worker(image_worker, image, *arguments)
            seconds = time.perf_counter() - start
            worker.close()
            if number >= warm_ups:
                found[name].append(seconds)
    return found


def _rounds(
    image: Path, ways: Ways, repeats: int, warm_ups: int
) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Return the seconds of each way in each round, and its peak memory after them in MB."""
    workers = {name: Worker(image_worker, image, *way) for name, way in ways.items()}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in tqdm(range(warm_ups + repeats), 'predicting', unit='round'):
        for name, worker in workers.items():
            seconds[name].append(worker.ask())
    peaks = {name: peak_mb(worker.pid) for name, worker in workers.items()}
    for worker in workers.values():
        worker.close()
    return {name: values[warm_ups:] for name, values in seconds.items()}, peaks


def _rows(
    starts: Mapping[str, list[float]],
    seconds: Mapping[str, list[float]],
    peaks: Mapping[str, float],
    config: str,
) -> list[dict[str, Any]]:
    ours, *others = starts
    first = {name: statistics.median(values) for name, values in starts.items()}
    middle = {name: statistics.median(values) for name, values in seconds.items()}
    image_rows, start_rows, memory_rows = [], [], []
    for name in others:
        is_mmdets = name.startswith('mmdet')
        what = f'ONNX Runtime, {config}'
        image_rows.append(
            row(
                f'{what}: one image, 1 megapixel',
                middle[ours],
                name,
                middle[name],
                at_least=1.0 if name == 'PyTorch' else None,
            )
        )
        start_rows.append(
            row(
                f'{what}: from start to first mask',
                first[ours],
                name,
                first[name],
                at_least=5.0 if is_mmdets else None,
            )
        )
        memory = row(f'{what}: peak memory', peaks[ours], name, peaks[name], 'mb')
        if is_mmdets:
            memory |= goal('at most 1/3 of it', memory['ratio'] >= 3)
        memory_rows.append(memory)
    return image_rows + start_rows + memory_rows
