"""The training losses on validation or test images."""

import copy
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from mmdet.registry import HOOKS
from mmengine.config import Config
from mmengine.dist import all_gather_object, all_reduce, get_world_size, is_main_process
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch.nn import Module
from tqdm import tqdm

from isic_mmdet.engine.config.data_sets import leaf_datasets
from isic_mmdet.engine.console import FILE_ONLY
from isic_mmdet.engine.distributed import unwrapped
from isic_mmdet.errors import InputError

# Set before every batch: the heads sample proposals at random, but the losses of two epochs should
# differ only because of the model.
SEED = 0


@HOOKS.register_module()
class ValidationLossHook(Hook):
    """Computes and logs all losses of the model on the validation or the test split.

    The images of the split go through their own pipeline, with the annotations, and through the
    model as in training, but in evaluation mode and without gradients. Batch-norm statistics, the
    modes of all modules, gradients and the states of all random generators are unchanged after it.

    The mean losses over images are logged as `val/loss`, `val/loss_rpn_cls` and so on (or
    `test/...`), with the number of finished iterations as the step. In a distributed run each
    process computes a share of the images.

    Args:
        split: 'val' or 'test'.
        by_epoch: True computes the losses of the split after every epoch; False computes those of
            its next batch after every iteration.
    """

    def __init__(self, split: str = 'val', by_epoch: bool = True) -> None:
        if split not in ('val', 'test'):
            raise InputError(f"ValidationLossHook: split '{split}'; choose 'val' or 'test'")
        self.split = split
        self.by_epoch = by_epoch
        self._loader: Any = None
        self._batches: Iterator[dict[str, Any]] = iter(())

    def before_train(self, runner: Runner) -> None:
        """Build the loader, which checks the data before the first iteration."""
        name = f'{self.split}_dataloader'
        if not runner.cfg.get(name):
            raise InputError(
                f'ValidationLossHook: the config has no {name}; add one, or set '
                'default_hooks.validation_loss=None'
            )
        with _unchanged_randomness():
            self._loader = runner.build_dataloader(_with_truth(runner.cfg[name]), seed=runner.seed)
        if len(self._loader.dataset) < get_world_size():
            raise InputError(
                f'ValidationLossHook: the {self.split} split has fewer images than there are '
                'processes; start fewer, or set default_hooks.validation_loss=None'
            )

    def after_train_epoch(self, runner: Runner) -> None:
        """Log the losses over the complete split."""
        if not self.by_epoch:
            return
        number = max(all_gather_object(len(self._loader)))
        is_hidden = None if is_main_process() else True  # None hides it outside a terminal
        bar = tqdm(self._loader, f'{self.split} losses', leave=False, disable=is_hidden)
        losses = self._log(runner, in_step(bar, number), runner.iter)
        text = ', '.join(f'{name} {value:.4f}' for name, value in losses.items())
        runner.logger.info(f'epoch {runner.epoch + 1}, {text}', extra=FILE_ONLY)

    def after_train_iter(self, runner: Runner, *_: Any, **__: Any) -> None:
        """Log the losses of the next batch of the split."""
        if not self.by_epoch:
            self._log(runner, in_step(self._next_batch(), 1), runner.iter + 1)

    def _log(
        self, runner: Runner, batches: Iterable[tuple[dict[str, Any], bool]], step: int
    ) -> dict[str, float]:
        model: Any = unwrapped(runner.model)
        with _unchanged_randomness(), _evaluating(model):
            means = mean_losses(model, batches)
        losses = {f'{self.split}/{name}': value for name, value in means.items()}
        runner.visualizer.add_scalars(losses, step=step)
        return losses

    def _next_batch(self) -> Iterator[dict[str, Any]]:
        """Yield the next batch of the split, and the first one after the last."""
        batch = next(self._batches, None)
        if batch is None:
            self._batches = iter(self._loader)
            batch = next(self._batches)
        yield batch


def _with_truth(config: dict[str, Any]) -> dict[str, Any]:
    """Return a dataloader config with a fixed order, whose pipeline loads boxes and masks."""
    config = copy.deepcopy(config)
    for dataset in leaf_datasets(Config({'val_dataloader': config})):
        if not any(transform['type'] == 'LoadAnnotations' for transform in dataset['pipeline']):
            # Right after the image, so that a transform that resizes it resizes the masks too.
            truth = dict(type='LoadAnnotations', with_bbox=True, with_mask=True)
            dataset['pipeline'] = [dataset['pipeline'][0], truth, *dataset['pipeline'][1:]]
    # Without rounding up, no image counts twice in a distributed run.
    config['sampler'] = dict(type='DefaultSampler', shuffle=False, round_up=False)
    return config


def in_step(
    batches: Iterable[dict[str, Any]], number: int
) -> Iterator[tuple[dict[str, Any], bool]]:
    """Yield (batch, True) for each batch, then (last batch, False) up to `number` in all.

    Processes may have different numbers of batches of one shape, but the losses of some heads
    wait for all processes (`reduce_mean` of mmdet).
    """
    batch, done = None, 0
    for batch in batches:
        yield batch, True
        done += 1
    while batch is not None and done < number:
        yield batch, False
        done += 1


def mean_losses(
    model: BaseModel, batches: Iterable[tuple[dict[str, Any], bool]]
) -> dict[str, float]:
    """Return the mean of each loss over the counted images of all processes."""
    sums: dict[str, float] = defaultdict(float)
    images = 0
    for batch, counts in batches:
        data = model.data_preprocessor(batch, training=True)
        torch.manual_seed(SEED)
        _, losses = model.parse_losses(model(**data, mode='loss'))
        count = len(data['data_samples']) if counts else 0
        images += count
        for name, value in losses.items():
            if 'loss' in name:
                sums[name] += count * float(value)
    device = next(model.parameters()).device
    precision = torch.float32 if device.type == 'mps' else torch.float64  # mps has no float64
    totals = torch.tensor([images, *sums.values()], dtype=precision, device=device)
    all_reduce(totals)
    return dict(zip(sums, (totals[1:] / totals[0]).tolist(), strict=True))


@contextmanager
def _evaluating(model: Module) -> Iterator[None]:
    """Run a block without gradients in evaluation mode, and restore the mode of every module."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, training in modes.items():
            module.training = training


@contextmanager
def _unchanged_randomness() -> Iterator[None]:
    """Run a block, and restore the states of all random generators after it."""
    numpy_state, python_state = np.random.get_state(), random.getstate()
    with torch.random.fork_rng():
        try:
            yield
        finally:
            np.random.set_state(numpy_state)
            random.setstate(python_state)
