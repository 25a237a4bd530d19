"""The transition from the learning rate of a checkpoint to a schedule that was rebuilt."""

from typing import Any

from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner

from isic_mmdet.engine.train.schedule import ramp_of


@HOOKS.register_module()
class RateRampHook(Hook):
    """Adds to the learning rates of the schedule what `engine.train.schedule` has left to add.

    The schedulers compute each rate from the one before. So the rates of the schedule are put back
    after every step, before the schedulers and a checkpoint see them.
    """

    priority = 'HIGHEST'  # before the rate is logged, and before the schedulers step

    def __init__(self) -> None:
        self._scheduled: list[float] = []

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Set the rates of this step."""
        self._put_back(runner)  # a batch that failed has no end
        ramp = ramp_of(runner.message_hub.runtime_info)
        if ramp is None or runner.iter >= ramp.start + ramp.steps:
            return
        groups = runner.optim_wrapper.param_groups
        self._scheduled = [group['lr'] for group in groups]
        for group, offset in zip(groups, ramp.at(runner.iter), strict=True):
            group['lr'] += offset

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Put the rates of the schedule back."""
        self._put_back(runner)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Save the rates of the schedule, also after a step that failed."""
        if self._scheduled and 'optimizer' in checkpoint:
            state = checkpoint['optimizer']
            groups = [*state['param_groups'], *filter(None, [state.get('base_param_settings')])]
            for group, rate in zip(groups, self._scheduled, strict=True):
                group['lr'] = rate

    def _put_back(self, runner: Runner) -> None:
        for group, rate in zip(runner.optim_wrapper.param_groups, self._scheduled, strict=False):
            group['lr'] = rate
        self._scheduled = []
