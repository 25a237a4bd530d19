"""From JPEG to mask file, compared with the baselines and the lower bound.

Ours is what `tools/predict.py` does with a model that is loaded. The baselines read an image,
predict, and write the mask with the highest score. The lower bound is the bare backbone and FPN.
"""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmcv.transforms import Compose
from torch import nn

from benchmarks import networks
from benchmarks.images import pictures
from benchmarks.missing import without_bfloat16
from benchmarks.rows import row
from benchmarks.timing import interleaved, medians
from isic_mmdet.deploy.predict.folder import in_groups, predict_groups
from isic_mmdet.deploy.predict.outputs import FolderSettings
from isic_mmdet.deploy.segmenter import LesionSegmenter
from isic_mmdet.images.encoding import encode_jpeg
from isic_mmdet.images.sources import SourceFile

# After networks, which installs what mmcv lacks.
from mmdet.apis import inference_detector  # isort: skip

# With random weights every baseline finds as many as it keeps; a trained one would find few.
_DETECTIONS = (1, 10, 100)
# Any process but the first shows no progress bar.
_QUIET = 1


def run(out: Path, quick: bool) -> dict[str, Any]:
    """Measure, and return rows and details.

    Args:
        out: not used; nothing but the result is written.
        quick: one turn at 128 px, to see that all of it runs.
    """
    device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    on_gpu = device.type == 'cuda'
    size = 128 if quick else 512
    batch = 16 if on_gpu else 1
    number = (1 if quick else 2) * batch
    lacking = without_bfloat16()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        files = {}
        for index, picture in enumerate(pictures(number, size)):
            path = work / f'{index}.jpg'
            path.write_bytes(encode_jpeg(picture.image))
            files[path.stem] = SourceFile(path, None, path.stat().st_size, 0)
        ways = _ways(work, files, size, batch, device, with_bfloat16=lacking is None)
        repeats, warm_ups = (1, 1) if quick else (7, 2)
        seconds = {
            name: [value / number for value in values]
            for name, values in interleaved(ways, repeats, warm_ups, 'inference').items()
        }
    middle = medians(seconds)
    what = f'inference, JPEG to mask file, R50-FPN, {size} px, batch {batch}'
    best = 'ours, float32' if lacking else 'ours, bfloat16'
    goals = {'stock mmdet': 10.0} if on_gpu else {'stock mmdet': 8.0, 'torchvision': 6.0}
    rows = [
        # Goals are about bfloat16.
        row(what, middle[best], name, middle[name], at_least=None if lacking else goals.get(name))
        for name in ('stock mmdet', 'torchvision')
    ]
    rows += [
        row(what, middle[best], name, middle[name], at_most=1.6)
        for name in middle
        if name.startswith('lower bound: ')
    ]
    if not lacking:
        rows += [
            row(f'{what}, without --amp', middle['ours, float32'], name, middle[name])
            for name in ('stock mmdet', 'torchvision')
        ]
    rows += [
        row(f'{what}, baselines keep {count}', middle[best], name, middle[f'{name}, {count} kept'])
        for name in ('stock mmdet', 'torchvision')
        for count in _DETECTIONS[:-1]
    ]
    return {
        'rows': rows,
        'skipped': [lacking] if lacking else [],
        'details': {'device': str(device), 'seconds_per_image': seconds},
    }


def _ways(
    work: Path,
    files: dict[str, SourceFile],
    size: int,
    batch: int,
    device: torch.device,
    with_bfloat16: bool,
) -> dict[str, Callable[[], object]]:
    ways: dict[str, Callable[[], object]] = {}
    paths = [file.path for file in files.values()]
    for precision in ('bfloat16', 'float32') if with_bfloat16 else ('float32',):
        checkpoint = work / f'{precision}.pth'
        model = networks.ours(precision)
        torch.save({'state_dict': model.state_dict(), 'meta': {}}, checkpoint)
        segmenter = LesionSegmenter(networks.OURS, checkpoint, device, amp=precision == 'bfloat16')
        settings = FolderSettings(work / 'ours', overlay=False, batch_size=batch, workers=4)
        groups = in_groups(files, batch)
        ours = partial(predict_groups, segmenter, groups, files, settings, _QUIET)
        ways[f'ours, {precision}'] = ours
    for count in _DETECTIONS:
        kept = '' if count == _DETECTIONS[-1] else f', {count} kept'
        ways[f'stock mmdet{kept}'] = _mmdet_way(
            networks.stock_mmdet(count).to(device), paths, size, work
        )
        ways[f'torchvision{kept}'] = _torchvision_way(
            networks.torchvision_baseline(size, count).to(device), paths, work
        )
    if not with_bfloat16:
        return ways
    for of, build in (
        ('stock', networks.stock_mmdet),
        ('our', partial(networks.ours, 'bfloat16')),
    ):
        ways[f'lower bound: {of} backbone and FPN, bfloat16'] = _bound_way(
            build().to(device), size, batch, len(files) // batch, device
        )
    return ways


def _mmdet_way(model: Any, paths: list[Path], size: int, work: Path) -> Callable[[], object]:
    model.eval()
    pipeline = Compose(
        [
            dict(type='LoadImageFromFile'),
            dict(type='mmdet.Resize', scale=(size, size), keep_ratio=True),
            dict(
                type='mmdet.PackDetInputs',
                meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor'),
            ),
        ]
    )
    # All that `inference_detector` asks of the config where it is given a pipeline.
    model.cfg = {}

    def way() -> None:
        for path in paths:
            found = inference_detector(model, str(path), test_pipeline=pipeline).pred_instances
            best = found.masks[int(found.scores.argmax())].cpu().numpy()
            cv2.imwrite(str(work / 'mmdet.png'), best.astype(np.uint8) * 255)

    return way


def _torchvision_way(model: nn.Module, paths: list[Path], work: Path) -> Callable[[], object]:
    model.eval()
    device = next(model.parameters()).device

    @torch.inference_mode()
    def way() -> None:
        for path in paths:
            stored = cv2.imread(str(path))
            assert stored is not None  # written above
            image = cv2.cvtColor(stored, cv2.COLOR_BGR2RGB)
            tensor = torch.from_numpy(image.transpose(2, 0, 1) / np.float32(255)).to(device)
            (found,) = model([tensor])
            best = found['masks'][int(found['scores'].argmax()), 0] > 0.5
            cv2.imwrite(str(work / 'torchvision.png'), best.cpu().numpy().astype(np.uint8) * 255)

    return way


def _bound_way(
    model: nn.Module, size: int, batch: int, batches: int, device: torch.device
) -> Callable[[], object]:
    maps_of = networks.bare(model.eval(), 'bfloat16')
    images = torch.randn(batch, 3, size, size, device=device)

    @torch.inference_mode()
    def way() -> None:
        for _ in range(batches):
            maps_of(images)
        if device.type == 'cuda':
            torch.cuda.synchronize()

    return way
