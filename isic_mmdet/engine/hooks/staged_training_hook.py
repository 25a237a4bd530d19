"""Training in stages: which parts of the model learn, from which epoch on."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch.nn import Module, Parameter
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel

from isic_mmdet.errors import InputError


class Stage(NamedTuple):
    """A part of a training.

    Attributes:
        begin: first epoch of the stage, counted from 0.
        train: names of the modules (or parameters) that learn, such as 'neck' or
            'backbone.layer2'; everything else is frozen.
    """

    begin: int
    train: tuple[str, ...]

    def trains(self, name: str) -> bool:
        """Tell whether the parameter of this dotted name learns in the stage."""
        return any(name == part or name.startswith(f'{part}.') for part in self.train)


@HOOKS.register_module()
class StagedTrainingHook(Hook):
    """Switches parts of the model between learning and frozen as the epochs pass.

    Which stage holds is a function of the epoch alone, so a resumed run is in the right one. A
    frozen parameter has no gradient, which optimizers pass over: neither momentum nor weight
    decay moves it.

    DistributedDataParallel synchronizes, for the rest of the run, those parameters that require a
    gradient when it wraps the model. The hook therefore freezes nothing before training begins,
    when the model is wrapped, and asks for `find_unused_parameters=True`, by which
    DistributedDataParallel does not wait for the gradients of what is frozen for the time being.

    Args:
        stages: dicts with the entries of `Stage`; the first begins with epoch 0, each other later
            than the one before.

    Raises:
        InputError: the stages are not in order; and before the first iteration, if a stage names
            a part that the model does not have or that the model itself keeps frozen, if a frozen
            batch norm would go on learning its statistics, or if DistributedDataParallel would
            wait for frozen parameters.

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
                f'StagedTrainingHook: the stages begin with the epochs {begins}; the first has to '
                'begin with 0 and each other later than the one before'
            )
        self._current: Stage | None = None

    def before_train(self, runner: Runner) -> None:
        """Look over all stages before the first iteration."""
        model = _unwrapped(runner.model)
        faults = [*self._unknown_parts(model), *self._always_frozen(model)]
        faults += self._moving_statistics(model)
        wrapper = runner.model
        if isinstance(wrapper, DistributedDataParallel) and not wrapper.find_unused_parameters:
            faults.append(
                'DistributedDataParallel would wait for the gradients of frozen parameters; set '
                'find_unused_parameters=True in the config'
            )
        if faults:
            raise InputError('the stages of StagedTrainingHook do not fit the model:', faults)

    def before_train_epoch(self, runner: Runner) -> None:
        """Enter the stage of the epoch that begins."""
        stage = [stage for stage in self.stages if stage.begin <= runner.epoch][-1]
        if stage is self._current:
            return
        self._current = stage
        model = _unwrapped(runner.model)
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(stage.trains(name))
            if not parameter.requires_grad:
                parameter.grad = None
        runner.logger.info(
            f'stage {self.stages.index(stage) + 1} of {len(self.stages)} from epoch '
            f'{runner.epoch + 1} on: {_overview(model)}'
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
        """Name what a stage trains and the model froze when it was built.

        DistributedDataParallel has passed over such parameters, and mmdet's ResNet freezes its
        `frozen_stages` anew at the start of every epoch.
        """
        frozen = [name for name, value in model.named_parameters() if not value.requires_grad]
        parts = dict.fromkeys('.'.join(name.split('.')[:2]) for name in self._trained(frozen))
        return [
            f'a stage trains {part}, which the model keeps frozen; lower its frozen_stages, or '
            'take the part out of the stage'
            for part in parts
        ]

    def _moving_statistics(self, model: Module) -> list[str]:
        model.train()
        return [
            f'{name} is frozen in a stage, but its batch norm goes on learning statistics; set '
            'norm_eval=True, or train it in every stage'
            for name, module in model.named_modules()
            if isinstance(module, _BatchNorm)
            and module.training
            and module.track_running_stats
            and not all(stage.trains(name) for stage in self.stages)
        ]

    def _trained(self, names: Iterable[str]) -> list[str]:
        return [name for name in names if any(stage.trains(name) for stage in self.stages)]


def _unwrapped(model: Any) -> Module:
    return model.module if is_model_wrapper(model) else model


def _overview(model: Module) -> str:
    """Say how many parameters learn, and in which parts."""
    learning: Counter[str] = Counter()
    frozen: Counter[str] = Counter()
    for name, parameter in model.named_parameters():
        (learning if parameter.requires_grad else frozen)[_part(name, parameter)] += (
            parameter.numel()
        )
    total = learning.total() + frozen.total()
    return (
        f'{learning.total() / 1e6:.2f} of {total / 1e6:.2f} million parameters learn '
        f'({_listed(learning)}); frozen: {_listed(frozen)}'
    )


def _part(name: str, parameter: Parameter) -> str:
    """Return the part a parameter is counted with: stages of the backbone one by one."""
    first, *rest = name.split('.')
    return f'{first}.{rest[0]}' if first == 'backbone' and len(rest) > 1 else first


def _listed(parts: Mapping[str, int]) -> str:
    return ', '.join(f'{part} {count / 1e6:.2f} M' for part, count in parts.items()) or 'nothing'
