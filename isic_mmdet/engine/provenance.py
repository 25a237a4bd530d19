"""Where a result comes from: the facts next to the metrics in `metrics.json`."""

import os
import platform
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import datetime, timezone
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mmcv
import mmdet
import mmengine
import numpy as np
import torch
from mmengine.config import Config
from mmengine.hooks import EMAHook
from mmengine.runner import Runner

import isic_mmdet
from isic_mmdet.datasets.wrapped import leaves
from isic_mmdet.engine.config.folds import fold_facts
from isic_mmdet.engine.config.recorded_config import training_digest
from isic_mmdet.engine.hooks.loaded_weights_hook import LoadedWeightsHook
from isic_mmdet.engine.results_folder import evaluation_settings
from isic_mmdet.engine.train.checkpoints import TRAINING, TRAINING_IMAGES
from isic_mmdet.utils.files import sha256, sha256_together
from isic_mmdet.utils.system import available_cores


class TrainingRecord:
    """How a model was trained, kept in the `meta` of its checkpoints.

    A resumed run keeps the facts of its start; if code or hardware differ, both are named
    ('..., then ...'). `seconds` includes validations and the parts before a resumption.

    Attributes:
        is_training: whether this process trains.
        loaded_epoch: finished epochs of the loaded checkpoint, if it records them.
        images: ids of all images that the model is or was trained on, in this training, in that of
            the checkpoint it started from, and so on; None if the checkpoint does not record them.
    """

    def __init__(self) -> None:
        self.loaded_epoch: int | None = None
        self.images: frozenset[str] | None = frozenset()
        self.is_training = False
        self._loaded: dict[str, Any] = {}
        self._facts: dict[str, Any] = {}
        self._started = 0.0

    def load(self, checkpoint: Mapping[str, Any]) -> None:
        """Read the facts of a checkpoint."""
        meta = checkpoint.get('meta') or {}
        self.loaded_epoch = meta.get('epoch')
        self._loaded = dict(meta.get(TRAINING, {}))
        if 'ema_state_dict' in checkpoint:
            self._loaded['averaged_weights'] = True
        images = meta.get(TRAINING_IMAGES)
        self.images = None if images is None else frozenset(images)

    def start(self, runner: Runner) -> None:
        """Start the clock, from the facts of the checkpoint in a resumed run."""
        dataset = runner.train_dataloader.dataset
        ids = frozenset(image_ids(dataset))
        weights = next((h for h in runner.hooks if isinstance(h, LoadedWeightsHook)), None)
        # A file that does not record its training images adds none; `loaded` names it.
        self.images = ids | (self.images or frozenset()) | (weights.images if weights else ids)
        data = data_facts(dataset)
        self._facts = {
            'config': config_name(runner.cfg),
            'code': code_version(),
            'weights': weights.names if weights else None,
            'loaded': weights.records if weights and not runner._resume else None,
            'data': f'{data["data"]} {data["split"]}',
            'data_digest': data['data_digest'],
            'images': len(ids),
            **({'fold': data['fold']} if 'fold' in data else {}),
            'averaged_weights': any(isinstance(hook, EMAHook) for hook in runner.hooks),
            'seed': runner.seed,
            'settings_digest': training_digest(runner.cfg),
            'hardware': hardware(runner),
            'command': command(),
            'seconds': 0.0,
        }
        if runner._resume:
            now = self._facts
            self._facts = now | self._loaded
            for name in ('code', 'hardware'):
                before = self._loaded.get(name) or now[name]
                is_known = before == now[name] or before.endswith(f', then {now[name]}')
                self._facts[name] = before if is_known else f'{before}, then {now[name]}'
        self.is_training, self._started = True, time.monotonic()

    def seen(self, dataset: Any) -> int | None:
        """Return how many images of a data set the model was trained on; None if unknown."""
        return None if self.images is None else len(self.images.intersection(image_ids(dataset)))

    def save(self, checkpoint: Mapping[str, Any]) -> None:
        """Write the facts into a checkpoint that is about to be saved."""
        checkpoint['meta'][TRAINING] = self.facts()
        checkpoint['meta'][TRAINING_IMAGES] = sorted(self.images or ())

    def facts(self) -> dict[str, Any]:
        """Return the facts of the current training, else those of the loaded checkpoint."""
        if not self.is_training:
            return dict(self._loaded)
        seconds = self._facts['seconds'] + time.monotonic() - self._started
        return {**self._facts, 'seconds': round(seconds, 3)}


def evaluation_facts(runner: Runner, dataset: Any, training: TrainingRecord) -> dict[str, Any]:
    """Return where the scores of an evaluation come from, for `LesionMetric.provenance`.

    Unknown values are None, and so are `checkpoint` and its digest in a training. `trained_on`
    counts the images that the model was trained on.
    """
    checkpoint = None
    if not training.is_training and runner._load_from:
        checkpoint = Path(runner._load_from)
    return {
        'config': config_name(runner.cfg),
        'code': code_version(),
        **data_facts(dataset),
        'trained_on': training.seen(dataset),
        'checkpoint': checkpoint.name if checkpoint else None,
        'checkpoint_sha256': sha256(checkpoint) if checkpoint else None,
        'epoch': runner.epoch if training.is_training else training.loaded_epoch,
        'seed': training.facts().get('seed'),
        'training': training.facts(),
        'hardware': hardware(runner),
        'command': command(),
        'date': datetime.now(timezone.utc).isoformat(timespec='seconds'),
        'versions': versions(),
        **evaluation_settings(runner.cfg),
    }


def image_ids(dataset: Any) -> list[str]:
    """Return the ids of all images of a data set, in its order."""
    return [dataset.get_data_info(index)['isic_id'] for index in range(len(dataset))]


def data_facts(dataset: Any) -> dict[str, Any]:
    """Return data (folder), split (annotation file) and data_digest (SHA-256 of that file).

    Names of several data sets are joined by ' + '; their digest is that of their digests. A fold of
    a cross-validation adds `fold`, see `fold_facts`.
    """
    parts = list(leaves(dataset))
    fold = fold_facts([part.ann_file for part in parts])
    return {
        'data': ' + '.join(dict.fromkeys(Path(part.data_root).name for part in parts)),
        'split': ' + '.join(dict.fromkeys(Path(part.ann_file).stem for part in parts)),
        'data_digest': sha256_together([part.ann_file for part in parts]),
        **({} if fold is None else {'fold': fold}),
    }


@cache
def code_version() -> str:
    """Return the version of the project, with the commit if it runs from its own git checkout.

    Such as '0.1.0 (1a2b3c4-dirty)', where '-dirty' stands for changes that are not committed.
    """
    commit = commit_of(Path(isic_mmdet.__file__))
    return f'{isic_mmdet.__version__} ({commit})' if commit else isic_mmdet.__version__


def commit_of(package_file: Path) -> str | None:
    """Return the commit of the repository in which a package is developed, or None.

    A copy of the project may lie inside another repository, whose commit would be wrong. Therefore
    the repository must begin at the project's root and track the package's `__init__.py`.
    """
    folder = package_file.resolve().parent
    # In a git hook, GIT_DIR and similar variables name another repository.
    environment = {k: v for k, v in os.environ.items() if not k.startswith('GIT_')}

    def git(*arguments: str) -> str:
        command = ['git', '-C', str(folder), *arguments]
        return subprocess.check_output(
            command, stderr=subprocess.DEVNULL, text=True, env=environment
        ).strip()

    try:
        tracked = git('ls-files', '--full-name', '--error-unmatch', package_file.name)
        is_own = tracked == f'{folder.name}/{package_file.name}'
        return git('describe', '--always', '--dirty') if is_own else None
    except (OSError, subprocess.CalledProcessError):  # no git, or no repository of this user
        return None


def config_name(cfg: Config) -> str | None:
    """Return the name of the config file without its suffix; None for a config without a file."""
    return Path(cfg.filename).stem if cfg.filename else None


def hardware(runner: Runner) -> str:
    """Return what the model runs on, such as '2 x NVIDIA A100' or '4 CPU cores (Intel ...)'."""
    on_gpu = next(runner.model.parameters()).is_cuda
    name = hardware_here(on_gpu)
    return f'{runner.world_size} x {name}' if on_gpu and runner.world_size > 1 else name


def hardware_here(gpu: bool | None = None) -> str:
    """Return the GPU, or the CPU cores of this process; with `gpu=None` the GPU if there is one."""
    if torch.cuda.is_available() if gpu is None else gpu:
        return torch.cuda.get_device_name()
    cores, info = available_cores(), Path('/proc/cpuinfo')
    text = info.read_text(encoding='utf-8') if info.is_file() else ''
    models = re.findall(r'^model name\s*: (.*)', text, re.MULTILINE)
    name = models[0].strip() if models else platform.processor()
    return f'{cores} CPU core{"s" if cores != 1 else ""}' + (f' ({name})' if name else '')


def command() -> str:
    """Return the command line of this process."""
    return shlex.join(['python', *sys.argv])


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that a result may depend on."""
    modules = (torch, mmdet, mmengine, mmcv, np, isic_mmdet)
    return {
        'python': platform.python_version(),
        **{module.__name__: module.__version__ for module in modules},
        'torchvision': version('torchvision'),
    }
