"""From JPEG to mask file, compared with the baselines and with a lower bound.

Ours is what `tools/predict.py` does with a loaded model. The baselines read an image, predict, and
write the mask with the highest score. The lower bound is the bare backbone and FPN.
"""

import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks import networks
from benchmarks.harness import (
    BASELINES,
    interleaved,
    medians,
    network_rows,
    row,
    without_bfloat16,
)
from benchmarks.images import write_pictures
from benchmarks.predictors import FilePredictor, mmdet_files, torchvision_files
from isic_mmdet.deploy.predict.folder import in_groups, predict_groups
from isic_mmdet.deploy.predict.settings import FolderSettings
from isic_mmdet.deploy.segmenter import LesionSegmenter
from isic_mmdet.images.sources import SourceFile

# With random weights a baseline finds as many as it may keep; a trained one finds few.
_DETECTIONS = (1, 10, 100)


def run(quick: bool) -> dict[str, Any]:
    """Return rows and details; a quick run takes one round at 128 px."""
    device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    on_gpu = device.type == 'cuda'
    size, batch = 128 if quick else 512, 16 if on_gpu else 1
    number = batch if quick else 2 * batch
    skipped = without_bfloat16()
    # Enough batches for the processes of a GPU, whose start takes as long as some of them.
    rounds = 64 if on_gpu and not quick else 1
    with tempfile.TemporaryDirectory() as folder:
        paths = write_pictures(number, size, Path(folder, 'images'))
        ways = _ways(Path(folder), paths, rounds, size, batch, device, with_bfloat16=not skipped)
        repeats, warm_ups = (1, 1) if quick else (7, 2)
        seconds = {
            name: [value / number / (rounds if name.startswith('ours') else 1) for value in values]
            for name, values in interleaved(ways, repeats, warm_ups, 'inference').items()
        }
    middle = medians(seconds)
    what = f'inference, JPEG to mask file, R50-FPN, {size} px, batch {batch}'
    best = 'ours, float32' if skipped else 'ours, bfloat16'
    goals = {'stock mmdet': 10.0} if on_gpu else {'stock mmdet': 8.0, 'torchvision': 6.0}
    rows = network_rows(what, middle, goals, 1.6, with_bfloat16=not skipped)
    rows += [
        row(f'{what}, baselines keep {count}', middle[best], name, middle[f'{name}, {count} kept'])
        for name in BASELINES
        for count in _DETECTIONS[:-1]
    ]
    return {
        'rows': rows,
        'skipped': [skipped] if skipped else [],
        'details': {'device': str(device), 'seconds_per_image': seconds},
    }


def _ways(
    work: Path,
    paths: Sequence[Path],
    rounds: int,
    size: int,
    batch: int,
    device: torch.device,
    with_bfloat16: bool,
) -> dict[str, Callable[[], object]]:
    ways: dict[str, Callable[[], object]] = {}
    checkpoint = networks.save_ours(work / 'random.pth')
    files = {
        f'{number}_{path.stem}': SourceFile(path, None, path.stat().st_size, 0)
        for number in range(rounds)
        for path in paths
    }
    groups = in_groups(files, batch)
    settings = FolderSettings(work / 'ours', overlay=False, batch_size=batch, workers=None)
    for precision in ('bfloat16', 'float32') if with_bfloat16 else ('float32',):
        segmenter = LesionSegmenter(networks.OURS, checkpoint, device, amp=precision == 'bfloat16')
        # Only the process of rank 0 shows a progress bar.
        ways[f'ours, {precision}'] = partial(
            predict_groups, segmenter, groups, files, settings, rank=1
        )
    for count in _DETECTIONS:
        kept = '' if count == _DETECTIONS[-1] else f', {count} kept'
        stock = networks.stock_mmdet(count).to(device)
        ways[f'stock mmdet{kept}'] = _one_by_one(mmdet_files(stock, size, work / 'm.png'), paths)
        baseline = networks.torchvision_baseline(size, count).to(device)
        ways[f'torchvision{kept}'] = _one_by_one(torchvision_files(baseline, work / 't.png'), paths)
    if with_bfloat16:
        for of, model in (('stock', networks.stock_mmdet()), ('our', networks.ours('bfloat16'))):
            name = f'lower bound: {of} backbone and FPN, bfloat16'
            ways[name] = _bound(model.to(device), size, batch, len(paths) // batch, device)
    return ways


def _one_by_one(predict: FilePredictor, paths: Sequence[Path]) -> Callable[[], None]:
    def way() -> None:
        for path in paths:
            predict(path)

    return way


def _bound(
    model: nn.Module, size: int, batch: int, batches: int, device: torch.device
) -> Callable[[], None]:
    maps_of = networks.bare(model.eval())
    images = torch.randn(batch, 3, size, size, device=device)

    @torch.inference_mode()
    def way() -> None:
        for _ in range(batches):
            maps_of(images)
        if device.type == 'cuda':
            torch.cuda.synchronize()

    return way
