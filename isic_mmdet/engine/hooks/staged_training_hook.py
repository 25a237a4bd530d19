"""Training in stages: which parts of the model are trained in which epochs."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.nn import Module
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel

from isic_mmdet.engine.distributed import unwrapped
from isic_mmdet.errors import InputError


class Stage(NamedTuple):
    """A stage of a training, from the epoch `begin` (from 0) on."""

    begin: int
    train: tuple[str, ...]

    def trains(self, name: str) -> bool:
        """Return whether the stage trains the parameter or module of this dotted name."""
        return f'{name}.'.startswith(tuple(f'{part}.' for part in self.train))


@HOOKS.register_module()
class StagedTrainingHook(Hook):
    """Freezes and trains parts of the model by epoch.

    The stage depends only on the epoch, so a resumed run is in the right one. A frozen parameter
    has no gradient. Optimizers skip it: neither momentum nor weight decay changes it.

    DistributedDataParallel synchronizes only the parameters that require a gradient when it wraps
    the model. Therefore the hook freezes nothing before training begins, and it demands
    `find_unused_parameters=True`, so that no process waits for gradients of frozen parameters.

    Args:
        stages: dicts with `begin`, the first epoch of the stage, counted from 0, and `train`, the
            names of the modules or parameters that are trained. All others are frozen. The first
            stage begins with epoch 0, each other one later than the previous one.

    Raises:
        InputError: the stages are not in order, or at the start of the training, they do not fit
            the model.

    Example:
        The heads for five epochs, then everything from ResNet stage 3 on::

            heads = ['neck', 'rpn_head', 'roi_head']
            dict(
                type='StagedTrainingHook',
                stages=[
                    dict(begin=0, train=heads),
                    dict(begin=5, train=['backbone.layer2', 'backbone.layer3', *heads]),
                ],
            )
    """

    def __init__(self, stages: Sequence[Mapping[str, Any]]) -> None:
        self.stages = [Stage(stage['begin'], tuple(stage['train'])) for stage in stages]
        begins = [stage.begin for stage in self.stages]
        if not begins or begins[0] != 0 or begins != sorted(set(begins)):
            raise InputError(
                f'StagedTrainingHook: the stages begin with the epochs {begins}; the first must '
                'begin with 0 and each other later than the previous one'
            )
        self._current: Stage | None = None

    def before_train(self, runner: Runner) -> None:
        """Check all stages before the first iteration."""
        wrapper, model = runner.model, unwrapped(runner.model)
        problems = self._unknown_parts(model) + self._always_frozen(model)
        problems += self._moving_statistics(model)
        if isinstance(wrapper, DistributedDataParallel) and not wrapper.find_unused_parameters:
            problems.append(
                'DistributedDataParallel would wait for the gradients of frozen parameters; set '
                'find_unused_parameters=True in the config'
            )
        if problems:
            raise InputError('the stages of StagedTrainingHook do not fit the model:', problems)

    def before_train_epoch(self, runner: Runner) -> None:
        """Start the stage of the epoch."""
        stage = [stage for stage in self.stages if stage.begin <= runner.epoch][-1]
        if stage is self._current:
            return
        self._current = stage
        model = unwrapped(runner.model)
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(stage.trains(name))
            if not parameter.requires_grad:
                parameter.grad = None
        runner.logger.info(
            f'stage {self.stages.index(stage) + 1} of {len(self.stages)} from epoch '
            f'{runner.epoch + 1} on ({", ".join(stage.train)}): {_overview(model)}'
        )

    def _unknown_parts(self, model: Module) -> list[str]:
        names = [name for name, _ in model.named_parameters()]
        parts = ', '.join(dict.fromkeys(name.partition('.')[0] for name in names))
        return [
            f"stage {number} trains '{part}', but the model has no such part; it has {parts}"
            for number, stage in enumerate(self.stages, 1)
            for part in stage.train
            if not any(Stage(0, (part,)).trains(name) for name in names)
        ]

    def _always_frozen(self, model: Module) -> list[str]:
        # DistributedDataParallel ignores such parameters, and mmdet's ResNet freezes its
        # `frozen_stages` again at the start of every epoch.
        parts = dict.fromkeys(
            '.'.join(name.split('.')[:2])
            for name, value in model.named_parameters()
            if not value.requires_grad and any(stage.trains(name) for stage in self.stages)
        )
        return [
            f'a stage trains {part}, which the model keeps frozen; lower its frozen_stages, or '
            'remove the part from the stage'
            for part in parts
        ]

    def _moving_statistics(self, model: Module) -> list[str]:
        model.train()
        return [
            f'{name} is frozen in a stage, but its batch norm would update its statistics; set '
            'norm_eval=True, or train it in every stage'
            for name, module in model.named_modules()
            if isinstance(module, _BatchNorm)
            and module.training
            and module.track_running_stats
            and not all(stage.trains(name) for stage in self.stages)
        ]


def _overview(model: Module) -> str:
    """Describe how many parameters are trained."""
    sizes = [(each.numel(), each.requires_grad) for each in model.parameters()]
    trained = sum(size for size, is_trained in sizes if is_trained)
    return f'{trained:,} of {sum(size for size, _ in sizes):,} parameters are trained'
