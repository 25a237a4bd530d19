"""Where a number comes from: the facts that stand beside the metrics in `metrics.json`."""

import os
import platform
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
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
from isic_mmdet.engine.config.recorded_config import training_digest
from isic_mmdet.engine.hooks.loaded_weights_hook import LoadedWeightsHook
from isic_mmdet.engine.results_folder import evaluation_settings
from isic_mmdet.engine.train.checkpoints import TRAINING, TRAINING_IMAGES
from isic_mmdet.utils.files import sha256, sha256_together


class TrainingRecord:
    """How a model was trained, kept in its checkpoint so that a test can report it.

    The facts lie in the checkpoint under `meta.training`:

    - config: name of its file.
    - code: version of the project.
    - weights: names of the files that training started from, or 'random'.
    - loaded: what was really loaded from them, see `LoadedWeightsHook.records`; None where that
      hook was not there.
    - data: names of data folder and annotation file, such as 'isic2018 train'.
    - data_digest: SHA-256 of the annotation file.
    - images: how many images this training had, without those of earlier generations.
    - averaged_weights: whether the checkpoint's weights are a running average (EMA).
    - seed, hardware and command.
    - seconds: wall clock until the checkpoint was written, validations and the parts before a
      resumption included.

    A resumed run keeps the facts of its start; where code or hardware are others, both are named
    ('..., then ...').

    The ids of all images that the weights have seen lie under `meta.training_images`: those of
    this training, of the checkpoint it started from, of the one that started from, and so on.

    Attributes:
        loaded_epoch: number of finished epochs of the loaded checkpoint, if it says so.
        images: ids of the images that the model was, or is being, trained on, all generations
            together; None where the loaded checkpoint does not say.
    """

    def __init__(self) -> None:
        self.loaded_epoch: int | None = None
        self.images: frozenset[str] | None = frozenset()
        self._loaded: dict[str, Any] = {}
        self._facts: dict[str, Any] = {}
        self._started: float | None = None

    @property
    def under_way(self) -> bool:
        """Whether this process is training."""
        return self._started is not None

    def load(self, checkpoint: Mapping[str, Any]) -> None:
        """Take over the facts of a checkpoint that was just loaded, as far as it has any."""
        meta = checkpoint.get('meta') or {}
        self.loaded_epoch = meta.get('epoch')
        self._loaded = dict(meta.get(TRAINING, {}))
        if 'ema_state_dict' in checkpoint:
            self._loaded['averaged_weights'] = True
        images = meta.get(TRAINING_IMAGES)
        self.images = None if images is None else frozenset(images)

    def start(self, runner: Runner) -> None:
        """Start the clock; a resumed run goes on with the facts of its checkpoint."""
        dataset = runner.train_dataloader.dataset
        ids = frozenset(image_ids(dataset))
        weights = next((h for h in runner.hooks if isinstance(h, LoadedWeightsHook)), None)
        # An unknown past adds nothing: files that do not say what they were trained on are named
        # under `loaded`.
        self.images = ids | (self.images or frozenset()) | (weights.images if weights else ids)
        self._facts = {
            'config': config_name(runner.cfg),
            'code': code_version(),
            'weights': weights.names if weights else initial_weights(runner.cfg),
            'loaded': weights.records if weights and not runner._resume else None,
            **_training_data(dataset),
            'averaged_weights': any(isinstance(hook, EMAHook) for hook in runner.hooks),
            'seed': runner.seed,
            'settings_digest': training_digest(runner.cfg),
            'hardware': hardware(runner),
            'command': command(),
            'seconds': 0.0,
        }
        if runner._resume:
            changed = {
                name: _then(self._loaded.get(name), self._facts[name])
                for name in ('code', 'hardware')
            }
            self._facts |= self._loaded | changed
        self._started = time.monotonic()

    def seen(self, dataset: Any) -> int | None:
        """Return how many images of a data set the model was trained on; None if unknown."""
        if self.images is None:
            return None
        return len(self.images.intersection(image_ids(dataset)))

    def save(self, checkpoint: Mapping[str, Any]) -> None:
        """Write the facts into a checkpoint that is about to be saved."""
        checkpoint['meta'][TRAINING] = self.facts()
        checkpoint['meta'][TRAINING_IMAGES] = sorted(self.images or ())

    def facts(self) -> dict[str, Any]:
        """Return the facts of the training under way, else those of the loaded checkpoint."""
        if self._started is None:
            return dict(self._loaded)
        seconds = self._facts['seconds'] + time.monotonic() - self._started
        return {**self._facts, 'seconds': round(seconds, 3)}


def evaluation_facts(runner: Runner, dataset: Any, training: TrainingRecord) -> dict[str, Any]:
    """Return where the numbers of an evaluation come from, for `LesionMetric.provenance`.

    Args:
        runner: that evaluates.
        dataset: that is evaluated on.
        training: how the model came about.

    Returns:
        config; code (version of the project); data, split and data_digest (names of the data
        folder and of the annotation file, and its SHA-256; the names of several data sets are
        joined by ' + '); trained_on (how many of these images the model was trained on, in this
        training or in those that its weights come from); checkpoint (file name) and
        checkpoint_sha256, both None while training; epoch, the number of finished ones; seed of
        the training; training, see `TrainingRecord`; hardware and command of the evaluation; date
        (ISO 8601, UTC); versions; and the entries of `evaluation_settings`. What is not known is
        None.
    """
    checkpoint = None
    if not training.under_way and runner._load_from:
        checkpoint = Path(runner._load_from)
    return {
        'config': config_name(runner.cfg),
        'code': code_version(),
        **data_facts(dataset),
        'trained_on': training.seen(dataset),
        'checkpoint': checkpoint.name if checkpoint else None,
        'checkpoint_sha256': sha256(checkpoint) if checkpoint else None,
        'epoch': runner.epoch if training.under_way else training.loaded_epoch,
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


def data_digest(dataset: Any) -> str:
    """Return the SHA-256 of a data set's annotation file; of several the one of their digests."""
    return sha256_together([leaf.ann_file for leaf in leaves(dataset)])


def data_facts(dataset: Any) -> dict[str, str]:
    """Return `data`, `split` and `data_digest`, as `evaluation_facts` describes them."""
    parts = list(leaves(dataset))
    return {
        'data': ' + '.join(dict.fromkeys(Path(part.data_root).name for part in parts)),
        'split': ' + '.join(dict.fromkeys(Path(part.ann_file).stem for part in parts)),
        'data_digest': data_digest(dataset),
    }


def _training_data(dataset: Any) -> dict[str, Any]:
    facts = data_facts(dataset)
    return {
        'data': f'{facts["data"]} {facts["split"]}',
        'data_digest': facts['data_digest'],
        'images': len(set(image_ids(dataset))),
    }


@cache
def code_version() -> str:
    """Return the version of the project, and its commit where it runs from its own git checkout.

    Such as '0.1.0 (1a2b3c4-dirty)', where '-dirty' stands for changes that are not committed.
    """
    commit = _commit(Path(isic_mmdet.__file__))
    return f'{isic_mmdet.__version__} ({commit})' if commit else isic_mmdet.__version__


def _commit(package_file: Path) -> str | None:
    """Return the commit of the repository that a package is developed in, if git tells it.

    A copy or an installation of the project may lie inside another repository, whose commit says
    nothing about it. So the repository has to begin where the project does, and to track the file.

    Args:
        package_file: `__init__.py` of the package, in the project's root.
    """
    package_file = package_file.resolve()
    root = package_file.parents[1]

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(
                ['git', '-C', str(root), *arguments],
                capture_output=True,
                text=True,
                # GIT_DIR and its like, which hooks of git set, name any other repository.
                env={k: v for k, v in os.environ.items() if not k.startswith('GIT_')},
            )
        except OSError:  # no git
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    top = git('rev-parse', '--show-toplevel')
    if not top or Path(top).resolve() != root:
        return None
    if git('ls-files', '--error-unmatch', '--', str(package_file.relative_to(root))) is None:
        return None
    return git('describe', '--always', '--dirty')


def _then(before: str | None, now: str) -> str:
    """Return what a resumed run used, one after the other."""
    if before is None or before == now or before.endswith(f', then {now}'):
        return before or now
    return f'{before}, then {now}'


def config_name(cfg: Config) -> str | None:
    """Return the name of the config file without its ending; None for a config without file."""
    return Path(cfg.filename).stem if cfg.filename else None


def initial_weights(cfg: Mapping[str, Any]) -> str:
    """Return the names of the files that training starts from, or 'random'.

    `load_from` covers the whole model and wins over what the parts of the model name in their
    `init_cfg`.
    """
    if cfg.get('load_from'):
        return Path(cfg['load_from']).name
    names = dict.fromkeys(Path(name).name for name in _pretrained(cfg['model']))
    return ', '.join(names) or 'random'


def _pretrained(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        init_cfg = node.get('init_cfg')
        for part in init_cfg if isinstance(init_cfg, (list, tuple)) else [init_cfg]:
            if isinstance(part, Mapping) and part.get('checkpoint'):
                yield part['checkpoint']
        for key, value in node.items():
            if key != 'init_cfg':
                yield from _pretrained(value)
    elif isinstance(node, (list, tuple)):
        for value in node:
            yield from _pretrained(value)


def hardware(runner: Runner) -> str:
    """Return what the model runs on, such as '2 x NVIDIA A100' or '4 CPU cores (Intel ...)'."""
    on_gpu = next(runner.model.parameters()).is_cuda
    name = hardware_here(on_gpu)
    return f'{runner.world_size} x {name}' if on_gpu and runner.world_size > 1 else name


def hardware_here(gpu: bool | None = None) -> str:
    """Return the GPU of this process, or the CPU cores that it may use.

    Args:
        gpu: which of the two; None takes the GPU where there is one.
    """
    if torch.cuda.is_available() if gpu is None else gpu:
        return torch.cuda.get_device_name()
    usable = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()
    name = _cpu_name()
    return f'{usable} CPU core{"s" if usable != 1 else ""}' + (f' ({name})' if name else '')


def _cpu_name() -> str:
    info = Path('/proc/cpuinfo')
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith('model name'):
                return line.partition(':')[2].strip()
    return platform.processor()


def command() -> str:
    """Return the command line of this process as it was typed after `python`."""
    return shlex.join(['python', *sys.argv])


def versions() -> dict[str, str]:
    """Return the versions that a result may depend on."""
    modules = (torch, mmdet, mmengine, mmcv, np, isic_mmdet)
    return {
        'python': platform.python_version(),
        **{module.__name__: module.__version__ for module in modules},
        'torchvision': version('torchvision'),  # importing it takes a second
    }
