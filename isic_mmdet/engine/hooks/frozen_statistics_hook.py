"""Training with the batch-norm statistics of the loaded weights."""

from typing import Any

from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.nn.modules.batchnorm import _BatchNorm

from isic_mmdet.engine.distributed import unwrapped


@HOOKS.register_module()
class FrozenStatisticsHook(Hook):
    """Normalizes with the running statistics of all batch norms, and does not update them.

    The statistics of a few small batches are noisier than those of the loaded weights. Scale and
    shift are trained. mmdet's `norm_eval` does the same for a backbone alone.
    """

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Freeze them again, because the loop calls `model.train()` after each validation."""
        for module in unwrapped(runner.model).modules():
            if isinstance(module, _BatchNorm):
                module.eval()
