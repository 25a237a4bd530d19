"""Experiment trackers: TensorBoard, MLflow and Weights & Biases, by mmengine's writers."""

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config


@dataclass(frozen=True)
class _Tracker:
    package: str
    folder: str


# Weights & Biases itself adds a folder of its name.
_TRACKERS = {
    'TensorboardVisBackend': _Tracker('tensorboard', 'tensorboard'),
    'MLflowVisBackend': _Tracker('mlflow', 'mlflow'),
    'WandbVisBackend': _Tracker('wandb', ''),
}


def set_tracker_folders(cfg: Config) -> None:
    """Let the writers of `cfg.visualizer` write into the work dir, each into its own folder.

    Nothing leaves the machine unless the user names a server: MLflow's `tracking_uri`, or for
    Weights & Biases `WANDB_MODE=online` or its `init_kwargs.mode`.
    """
    for writer in cfg.visualizer.vis_backends:
        tracker = _TRACKERS.get(writer.type)
        writer.save_dir = str(Path(cfg.work_dir, tracker.folder if tracker else ''))
        if writer.type == 'MLflowVisBackend' and not writer.get('tracking_uri'):
            # MLflow 3 refuses folders without this, and mmengine writes into one.
            os.environ.setdefault('MLFLOW_ALLOW_FILE_STORE', 'true')
        elif writer.type == 'WandbVisBackend':
            os.environ.setdefault('WANDB_MODE', 'offline')


def tracker_errors(cfg: Config) -> list[str]:
    """Return which packages the writers of `cfg.visualizer` lack, one sentence each."""
    types = [writer.get('type') for writer in cfg.visualizer.get('vis_backends') or ()]
    return [
        f'visualizer.vis_backends: {name} needs the package {_TRACKERS[name].package}, which is '
        f'not installed; install it with: pip install {_TRACKERS[name].package}'
        for name in types
        if name in _TRACKERS and importlib.util.find_spec(_TRACKERS[name].package) is None
    ]
