"""A training step compared with those of the baselines and with a lower bound.

A step is forward, backward and the optimizer on a batch in memory. The lower bound is forward and
backward of the bare backbone and FPN.
"""

import copy
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import networks
from benchmarks.harness import (
    BASELINES,
    goal,
    interleaved,
    medians,
    network_rows,
    row,
    without_bfloat16,
)
from benchmarks.images import Picture, pictures
from isic_mmdet.masks.run_lengths import bounding_box

# After networks, which installs what mmcv lacks.
from mmdet.structures.mask import BitmapMasks  # isort: skip

Step = Callable[[], object]

COMPILED = 'ours, bfloat16, compiled'
LOWER_BOUND = 'lower bound: {} backbone and FPN, bfloat16'


def run(quick: bool) -> dict[str, Any]:
    """Return rows and details; a quick run takes one step each at 128 px."""
    device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    on_gpu = device.type == 'cuda'
    size, batch = (128, 2) if quick else (512, 16 if on_gpu else 2)
    skipped = without_bfloat16()
    best = 'ours, float32' if skipped else 'ours, bfloat16'
    steps, memory = {}, {}
    for name, build in _steps(size, pictures(batch, size), device).items():
        if name == COMPILED and not on_gpu:
            continue  # a step on a CPU is no faster when it is compiled
        if skipped and 'bfloat16' in name:
            continue
        before = torch.cuda.memory_allocated() if on_gpu else 0
        steps[name] = build()
        memory[name] = _peak_memory(steps[name], before) if on_gpu else None
    seconds = interleaved(steps, 1 if quick else 7, 1 if quick else 2, 'training steps')
    middle = medians(seconds)
    what = f'training step, R50-FPN, batch {batch}, {size} px'
    goals = {} if on_gpu else dict.fromkeys(BASELINES, 4.0)
    rows = network_rows(what, middle, goals, 1.5, with_bfloat16=not skipped)
    if COMPILED in middle:
        rows += _compiled_rows(f'{what}, compiled', middle)
    if on_gpu:
        rows.append(_memory_at_1024(device, 'float32' if skipped else 'bfloat16'))
    details = {
        'device': str(device),
        'seconds': seconds,
        'peak_memory_bytes': memory,
        'profile': {name: _shares(steps[name], device) for name in (best, 'stock mmdet')},
    }
    if not skipped:
        details['arithmetic'] = _arithmetic(steps[best], middle[best], device)
    return {'rows': rows, 'skipped': [skipped] if skipped else [], 'details': details}


def _compiled_rows(what: str, middle: dict[str, float]) -> list[dict[str, Any]]:
    """Return the comparisons of the compiled step, which is one CUDA graph."""
    ours, bound = middle[COMPILED], LOWER_BOUND.format('our')
    goals = {'stock mmdet': 6.0, 'torchvision': 4.5}
    return [
        *(row(what, ours, name, middle[name], at_least=goals[name]) for name in BASELINES),
        row(what, ours, bound, middle[bound], at_most=1.5),
        row(what, ours, 'not compiled', middle['ours, bfloat16']),
    ]


def _steps(size: int, batch: list[Picture], device: torch.device) -> dict[str, Callable[[], Step]]:
    """Return what makes each step; the networks are large and are made one by one."""
    bound = LOWER_BOUND
    ours, stock = partial(networks.ours, 'bfloat16'), networks.stock_mmdet
    return {
        'ours, bfloat16': lambda: mmdet_step(ours(), batch, device),
        'ours, float32': lambda: mmdet_step(networks.ours('float32'), batch, device),
        COMPILED: lambda: mmdet_step(networks.ours('bfloat16', compiled=True), batch, device),
        'stock mmdet': lambda: mmdet_step(stock(), batch, device),
        'torchvision': lambda: torchvision_step(networks.torchvision_baseline(size), batch, device),
        bound.format('stock'): lambda: _bound_step(stock(), size, len(batch), device),
        bound.format('our'): lambda: _bound_step(ours(), size, len(batch), device),
    }


def mmdet_step(model: Any, batch: list[Picture], device: torch.device) -> Step:
    """Return a training step of a detector of mmdet on a batch in memory."""
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


def torchvision_step(model: nn.Module, batch: list[Picture], device: torch.device) -> Step:
    """Return a training step of a detector of torchvision on a batch in memory."""
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
    maps_of = networks.bare(model)
    images = torch.randn(batch, 3, size, size, device=device)

    def step() -> None:
        loss = torch.stack([each.float().mean() for each in maps_of(images)]).sum()
        model.zero_grad()
        loss.backward()
        _wait(device)

    return step


def _optimizer(model: nn.Module) -> torch.optim.Optimizer:
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    # So low that the random weights hardly change.
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


def _peak_memory(step: Step, before: int) -> int:
    """Return the peak memory of the GPU in a step in bytes, weights included.

    Args:
        step: of a network on the GPU.
        before: what the GPU held before that network was made; other networks stay there.
    """
    step()  # the optimizer allocates its state in the first step
    torch.cuda.reset_peak_memory_stats()
    step()
    return torch.cuda.max_memory_allocated() - before


def _memory_at_1024(device: torch.device, precision: str) -> dict[str, Any]:
    """Return the row of the peak memory of a step on two images of 1024 px."""
    batch = pictures(2, 1024)
    megabytes = []
    for build in (partial(networks.ours, precision), networks.stock_mmdet):
        before = torch.cuda.memory_allocated()
        step = mmdet_step(build(), batch, device)
        megabytes.append(_peak_memory(step, before) / 1e6)
        del step
        torch.cuda.empty_cache()
    ours, stock = megabytes
    what = 'memory of a training step, R50-FPN, batch 2, 1024 px'
    return row(what, ours, 'stock mmdet', stock, 'mb') | goal('at most 4096 MB', ours <= 4096)


def _shares(step: Step, device: torch.device) -> dict[str, float]:
    """Return the twelve operators that take most of the time of a step, with their shares of it."""
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


def _arithmetic(step: Step, seconds: float, device: torch.device) -> dict[str, float]:
    """Compare the arithmetic of a step with that of a matrix product.

    Returns:
        `operations` of a step (a multiplication and an addition are two), `operations_per_s`,
        `bfloat16_operations_per_s` of the product of two large matrices, and the `share` of the
        second in the third.
    """
    with FlopCounterMode(display=False) as counter:
        step()
    operations = counter.get_total_flops()
    side = 2048
    left, right = (torch.randn(side, side, dtype=torch.bfloat16, device=device) for _ in range(2))
    times = []
    for _ in range(8):
        start = time.perf_counter()
        left @ right
        _wait(device)
        times.append(time.perf_counter() - start)
    peak = 2 * side**3 / min(times)
    rate = operations / seconds
    return {
        'operations': operations,
        'operations_per_s': rate,
        'bfloat16_operations_per_s': peak,
        'share': rate / peak,
    }
