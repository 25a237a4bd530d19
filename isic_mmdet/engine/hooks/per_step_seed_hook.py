"""Random numbers of a training step that depend on seed and step alone."""

import random
from typing import Any

import numpy as np
import torch
from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner


@HOOKS.register_module()
class PerStepSeedHook(Hook):
    """Seeds all generators before every step.

    The heads draw the proposals that they learn from. With what this hook does, a run that goes on
    from a checkpoint draws what it would have drawn, and no generator has to be saved. Every
    process draws its own. See `isic_mmdet.datasets.seeded` for the images.
    """

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Seed the generators of torch, NumPy and `random`."""
        entropy = (runner.seed, runner.iter, runner.rank)
        state = np.random.SeedSequence(entropy).generate_state(3)
        torch.manual_seed(int(state[0]))
        np.random.seed(state[1])
        random.seed(int(state[2]))
