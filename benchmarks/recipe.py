"""The recipe for CPUs compared with stock networks at its own image size, 256 px.

A training step is forward, backward and the optimizer on four images in memory. A prediction is
from a JPEG to its mask file, by the model of the project and by its ONNX files in single precision
and in 8 bits. The baselines have a ResNet-50, random weights and their own 100 detections.
"""

import statistics
import tempfile
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from benchmarks import networks
from benchmarks.harness import BASELINES, ROOT, Worker, interleaved, medians, row, without_bfloat16
from benchmarks.images import pictures, write_pictures
from benchmarks.onnxruntime_avx2 import copy_with_avx2
from benchmarks.predictors import file_worker
from benchmarks.train import mmdet_step, torchvision_step
from isic_mmdet.deploy.export.run import ExportSettings, export

_CONFIG = networks.CPU_RECIPE
_MODELS = ROOT / 'models'
_SIZE = 256
_BATCH = 4
#: How many times as fast as stock mmdet each way has to be without bfloat16.
_GOALS = {'PyTorch': 6.0, 'ONNX Runtime': 12.0, 'ONNX Runtime, 8 bits': 12.0}
_AMP = ', bfloat16'


def run(quick: bool) -> dict[str, Any]:
    """Return rows and details; a quick run takes one round."""
    skipped = without_bfloat16()
    repeats, warm_ups = (1, 0) if quick else (9, 2)
    steps = _steps(repeats, warm_ups, with_bfloat16=not skipped)
    files = _files(repeats, warm_ups, with_bfloat16=not skipped)
    step, file = medians(steps), medians(files)
    what = f'training step, {_CONFIG.stem}, batch {_BATCH}, {_SIZE} px'
    ours = [name for name in step if name not in BASELINES]
    rows = [
        row(what + name.removeprefix('ours'), step[name], baseline, step[baseline], at_least=goal)
        for name in ours
        for baseline in BASELINES
        for goal in [4.0 if name == 'ours' and baseline == 'stock mmdet' else None]
    ]
    rows += [
        row(
            f'JPEG to mask file, {_CONFIG.stem}, {_SIZE} px, {name}',
            file[name],
            baseline,
            file[baseline],
            at_least=_GOALS.get(name) if baseline == 'stock mmdet' else None,
        )
        for name in file
        if name not in BASELINES
        for baseline in BASELINES
    ]
    full, small = 'ONNX Runtime', 'ONNX Runtime, 8 bits'
    rows.append(row(f'JPEG to mask file, {small}', file[small], full, file[full], at_least=1.0))
    return {
        'rows': rows,
        'skipped': [skipped] if skipped else [],
        'details': {'seconds_per_step': steps, 'seconds_per_image': files},
    }


def _steps(repeats: int, warm_ups: int, with_bfloat16: bool) -> dict[str, list[float]]:
    device, batch = torch.device('cpu'), pictures(_BATCH, _SIZE)
    models = {'ours': networks.ours('float32', _CONFIG), 'stock mmdet': networks.stock_mmdet()}
    if with_bfloat16:
        models[f'ours{_AMP}'] = networks.ours('bfloat16', _CONFIG)
    steps = {name: mmdet_step(model, batch, device) for name, model in models.items()}
    baseline = networks.torchvision_baseline(_SIZE)
    steps['torchvision'] = torchvision_step(baseline, batch, device)
    return interleaved(steps, repeats, warm_ups, 'training steps')


def _files(repeats: int, warm_ups: int, with_bfloat16: bool) -> dict[str, list[float]]:
    """Return the seconds per image of each way; each has a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        (image,) = write_pictures(1, _SIZE, work / 'image')
        checkpoint, exported = _MODELS / 'lesion_lite.pth', work / 'single.onnx'
        settings = ExportSettings(check_images=str(work / 'image'))
        export(str(_CONFIG), str(checkpoint), exported, settings)
        # The variables that keep PyTorch to AVX2 mean nothing to ONNX Runtime.
        only_avx2 = torch.backends.cpu.get_cpu_capability() == 'AVX2'
        runtime = [copy_with_avx2(work)] if only_avx2 else []
        ways: dict[str, tuple[Any, ...]] = {
            'PyTorch': ('ours', _CONFIG, checkpoint, False),
            'ONNX Runtime': ('onnx', exported, *runtime),
            'ONNX Runtime, 8 bits': ('onnx', _MODELS / 'lesion_lite.onnx', *runtime),
            **{name: (name, _SIZE) for name in BASELINES},
        }
        if with_bfloat16:
            ways[f'PyTorch{_AMP}'] = ('ours', _CONFIG, checkpoint, True)
        workers = {}
        for name, (kind, *arguments) in ways.items():
            own = work / name
            own.mkdir()
            workers[name] = Worker(file_worker, kind, own / 'mask.png', *arguments)
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for _ in tqdm(range(warm_ups + repeats), 'predictions', unit='round'):
            for name, worker in workers.items():
                # The first of three finds the caches of the processor as another process left them.
                seconds[name].append(statistics.median(worker.ask(image) for _ in range(3)))
        for worker in workers.values():
            worker.close()
    return {name: values[warm_ups:] for name, values in seconds.items()}
