"""The Runner of a training, with the checks that hold whatever a config says."""

from mmengine.config import Config
from mmengine.runner import Runner

from isic_mmdet.engine.hooks.finite_training_hook import FiniteTrainingHook
from isic_mmdet.engine.hooks.loaded_weights_hook import LoadedWeightsHook


def build_runner(cfg: Config, partial_weights: bool = False) -> Runner:
    """Return a Runner that trains only from the weights that were asked for, and only on numbers.

    Args:
        cfg: a whole experiment.
        partial_weights: train even if parts of the model are not filled, see `LoadedWeightsHook`.
    """
    runner = Runner.from_cfg(cfg)
    runner.register_hook(LoadedWeightsHook(partial_weights))
    runner.register_hook(FiniteTrainingHook())
    return runner
