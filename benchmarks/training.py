"""A training step compared with those of the baselines and with its lower bound.

A step is forward, backward and the optimizer's move on a batch that is ready in memory. The lower
bound is forward and backward of the bare backbone and FPN.
"""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from benchmarks import networks
from benchmarks.arithmetic import arithmetic
from benchmarks.images import Picture, pictures
from benchmarks.missing import without_bfloat16
from benchmarks.rows import row
from benchmarks.timing import interleaved, medians
from isic_mmdet.masks.run_lengths import bounding_box

# After networks, which installs what mmcv lacks.
from mmdet.structures.mask import BitmapMasks  # isort: skip

Step = Callable[[], object]


def run(out: Path, quick: bool) -> dict[str, Any]:
    """Measure, and return rows and details.

    Args:
        out: not used; nothing but the result is written.
        quick: one step each, at 128 px, to see that all of it runs.
    """
    device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    size, batch = (128, 2) if quick else (512, 16 if device.type == 'cuda' else 2)
    repeats = 1 if quick else 7
    batch_of = pictures(batch, size)
    lacking = without_bfloat16()
    best = 'ours, float32' if lacking else 'ours, bfloat16'
    steps, memory = {}, {}
    for name, build in _steps(size, batch_of, device, with_bfloat16=lacking is None).items():
        before = _memory(device)
        steps[name] = build()
        memory[name] = peak_memory(steps[name], device, before)
    seconds = interleaved(steps, repeats, warm_ups=1 if quick else 2, title='training steps')
    middle = medians(seconds)
    what = f'training step, R50-FPN, batch {batch}, {size} px'
    goals = {'stock mmdet': 4.0, 'torchvision': 4.0} if device.type == 'cpu' else {}
    goals = goals or {'stock mmdet': 3.0, 'torchvision': 3.0}
    rows = [
        # Goals are about bfloat16.
        row(what, middle[best], name, middle[name], at_least=None if lacking else goal)
        for name, goal in goals.items()
    ]
    limit = 1.5 if device.type == 'cpu' else 2.0
    rows += [
        row(what, middle[best], name, middle[name], at_most=limit)
        for name in middle
        if name.startswith('lower bound: ')
    ]
    if not lacking:
        rows += [
            row(f'{what}, without --amp', middle['ours, float32'], name, middle[name])
            for name in goals
        ]
    if device.type == 'cuda':
        rows.append(_memory_at_1024(device, 'float32' if lacking else 'bfloat16'))
    return {
        'rows': rows,
        'skipped': [lacking] if lacking else [],
        'details': {
            'device': str(device),
            'seconds': seconds,
            'peak_memory_bytes': memory,
            **({} if lacking else {'arithmetic': arithmetic(steps[best], middle[best], device)}),
            'profile': {
                best: _shares(steps[best], device),
                'stock mmdet': _shares(steps['stock mmdet'], device),
            },
        },
    }


def _steps(
    size: int, batch: list[Picture], device: torch.device, with_bfloat16: bool
) -> dict[str, Callable[[], Step]]:
    """Return what makes each step; the networks are made one by one, for they are large."""
    steps: dict[str, Callable[[], Step]] = {
        'ours, bfloat16': lambda: mmdet_step(networks.ours('bfloat16'), batch, device),
        'ours, float32': lambda: mmdet_step(networks.ours('float32'), batch, device),
        'stock mmdet': lambda: mmdet_step(networks.stock_mmdet(), batch, device),
        'torchvision': lambda: _torchvision_step(
            networks.torchvision_baseline(size), batch, device
        ),
        'lower bound: stock backbone and FPN, bfloat16': lambda: _bound_step(
            networks.stock_mmdet(), size, len(batch), device
        ),
        'lower bound: our backbone and FPN, bfloat16': lambda: _bound_step(
            networks.ours('bfloat16'), size, len(batch), device
        ),
    }
    return {name: build for name, build in steps.items() if with_bfloat16 or 'bfloat16' not in name}


def mmdet_step(model: Any, batch: list[Picture], device: torch.device) -> Step:
    """Return a training step of a detector of mmdet on a batch that is ready in memory."""
    model.to(device).train()
    optimizer = _optimizer(model)
    images = [torch.from_numpy(each.image[..., ::-1].transpose(2, 0, 1).copy()) for each in batch]
    samples = [_sample(each) for each in batch]

    def step() -> None:
        data = {'inputs': images, 'data_samples': copy.deepcopy(samples)}
        data = model.data_preprocessor(data, training=True)
        loss, _ = model.parse_losses(model(**data, mode='loss'))
        _move(optimizer, loss, device)

    return step


def _torchvision_step(model: nn.Module, batch: list[Picture], device: torch.device) -> Step:
    model.to(device).train()
    optimizer = _optimizer(model)
    images = [torch.from_numpy(each.image.transpose(2, 0, 1) / np.float32(255)) for each in batch]
    targets = [
        {
            'boxes': torch.tensor([_box(each)]),
            'labels': torch.ones(1, dtype=torch.int64),
            'masks': torch.from_numpy(each.lesion[None].astype(np.uint8)),
        }
        for each in batch
    ]

    def step() -> None:
        placed = [{key: value.to(device) for key, value in each.items()} for each in targets]
        losses = model([image.to(device) for image in images], placed)
        _move(optimizer, torch.stack(list(losses.values())).sum(), device)

    return step


def _bound_step(model: nn.Module, size: int, batch: int, device: torch.device) -> Step:
    model.to(device).train()
    maps_of = networks.bare(model, 'bfloat16')
    images = torch.randn(batch, 3, size, size, device=device)

    def step() -> None:
        loss = torch.stack([each.float().mean() for each in maps_of(images)]).sum()
        model.zero_grad()
        loss.backward()
        _wait(device)

    return step


def _optimizer(model: nn.Module) -> torch.optim.Optimizer:
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    # The rate of a first warm-up step: random weights stay what they are.
    return torch.optim.SGD(learning, lr=1e-5, momentum=0.9, weight_decay=1e-4)


def _move(optimizer: torch.optim.Optimizer, loss: Tensor, device: torch.device) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    _wait(device)


def _wait(device: torch.device) -> None:
    if device.type == 'cuda':
        torch.cuda.synchronize()


def _sample(picture: Picture) -> DetDataSample:
    height, width = picture.lesion.shape
    sample = DetDataSample(
        metainfo={
            'img_shape': (height, width),
            'ori_shape': (height, width),
            'pad_shape': (height, width),
            'scale_factor': (1.0, 1.0),
        }
    )
    sample.gt_instances = InstanceData(
        bboxes=torch.tensor([_box(picture)]),
        labels=torch.zeros(1, dtype=torch.int64),
        masks=BitmapMasks([picture.lesion.astype(np.uint8)], height, width),
    )
    return sample


def _box(picture: Picture) -> list[float]:
    x, y, width, height = bounding_box(picture.lesion)
    return [float(x), float(y), float(x + width), float(y + height)]


def _memory(device: torch.device) -> int:
    """Return the bytes that a GPU holds now; 0 on a CPU, which does not tell."""
    return torch.cuda.memory_allocated() if device.type == 'cuda' else 0


def peak_memory(step: Step, device: torch.device, before: int) -> int | None:
    """Return the most bytes that a GPU holds in a step, weights included; None on a CPU.

    Args:
        step: whose network is on the GPU.
        device: which it is on.
        before: what the GPU held without that network, for other networks stay there.
    """
    if device.type != 'cuda':
        return None
    step()  # the optimizer's own numbers come with the first step
    torch.cuda.reset_peak_memory_stats()
    step()
    return torch.cuda.max_memory_allocated() - before


def _memory_at_1024(device: torch.device, precision: str) -> dict[str, Any]:
    """Return the row of the most memory that a step on two images of 1024 px takes."""
    batch = pictures(2, 1024)
    megabytes = {}
    for name, model in (
        ('ours', networks.ours(precision)),
        ('stock mmdet', networks.stock_mmdet()),
    ):
        before = _memory(device)
        step = mmdet_step(model, batch, device)
        megabytes[name] = (peak_memory(step, device, before) or 0) / 1e6
        del step
        torch.cuda.empty_cache()
    return {
        'what': 'memory of a training step, R50-FPN, batch 2, 1024 px',
        'ours_mb': megabytes['ours'],
        'baseline': 'stock mmdet',
        'baseline_mb': megabytes['stock mmdet'],
        'ratio': megabytes['stock mmdet'] / megabytes['ours'],
        'goal': 'at most 4096 MB',
        'met': megabytes['ours'] <= 4096,
    }


def _shares(step: Step, device: torch.device) -> dict[str, float]:
    """Return the twelve operators that take most of a step, with their shares of its time."""
    step()
    activities = [ProfilerActivity.CPU]
    if device.type == 'cuda':
        activities.append(ProfilerActivity.CUDA)
    with profile(activities=activities) as profiled:
        step()
    key = 'self_device_time_total' if device.type == 'cuda' else 'self_cpu_time_total'
    times = {each.key: getattr(each, key) for each in profiled.key_averages()}
    total = sum(times.values())
    largest = sorted(times, key=lambda name: -times[name])[:12]
    return {name: round(times[name] / total, 4) for name in largest}
