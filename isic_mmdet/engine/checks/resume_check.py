"""Whether training can be resumed from a checkpoint, and whether anything is left to train."""

import argparse
import os
import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config

from isic_mmdet.engine.config.data_sets import lazy_datasets
from isic_mmdet.engine.config.hooks import configured_hooks
from isic_mmdet.engine.config.recorded_config import Change, recorded_changes
from isic_mmdet.engine.train.checkpoints import ENDED_EARLY, ITERATIONS, VALIDATED, open_checkpoint
from isic_mmdet.errors import InputError
from isic_mmdet.utils.files import sha256_together

# With other values of these settings, the state in a checkpoint would have another meaning.
_FIXED = (
    *('model', 'optim_wrapper.constructor', 'optim_wrapper.optimizer.type'),
    *('optim_wrapper.paramwise_cfg', 'randomness.seed', 'train_cfg.by_epoch', 'train_cfg.type'),
)


def check_resume(cfg: Config, checkpoint_path: str) -> str | None:
    """Check that a checkpoint belongs to the run that a config describes.

    The model, the training data, the classes, the kind of optimizer and the seed have to be those
    that the checkpoint records. All other settings may change: batch size, epochs, learning rate,
    workers, the place of the data, hooks.

    Args:
        cfg: of the run; its `work_dir` is set.
        checkpoint_path: of a local file.

    Returns:
        None, or if the run is at its end, a message with the next steps.

    Raises:
        InputError: with all differences, or for a file without the state of a training.
    """
    checkpoint = open_checkpoint(Path(checkpoint_path))
    new_run = _command({'load_from': checkpoint_path}, f'{cfg.work_dir.rstrip("/")}_2')
    _require_training_state(checkpoint, checkpoint_path, new_run)
    changes = recorded_changes(cfg, checkpoint)
    errors = [
        str(change)
        for change in changes
        if change.key.startswith(_FIXED) and not change.key.endswith('.precision')
    ]
    errors += _data_differences(cfg, checkpoint['meta'])
    if errors:
        raise InputError(
            f'{checkpoint_path} cannot be resumed with {cfg.filename}, because it records another '
            f'training. Use its own config and data, or start a new run from its weights:\n'
            f'    {new_run}\nThe differences (checkpoint -> now):',
            errors,
        )
    finished = _finished(cfg, checkpoint, changes)
    if finished is None:
        return None
    state, longer = finished
    return (
        f'{state} Nothing is left to do.\n'
        f'To train longer:\n    {_command(longer, cfg.work_dir, checkpoint_path)}\n'
        f'To start a new run from these weights:\n    {new_run}'
    )


def _require_training_state(checkpoint: Any, path: str, new_run: str) -> None:
    found = set(checkpoint) if isinstance(checkpoint, Mapping) else set()
    meta = checkpoint.get('meta') if found else None
    found |= set(meta) if isinstance(meta, Mapping) else set()
    missing = sorted({'state_dict', 'optimizer', 'message_hub', 'epoch', 'iter'} - found)
    if missing:
        raise InputError(
            f'{path} holds no state of a training ({", ".join(missing)} missing), so it cannot be '
            'resumed. Checkpoints of the best epoch hold weights alone. Name an epoch_N.pth, or '
            f'start a new run from its weights:\n    {new_run}'
        )


def _data_differences(cfg: Config, meta: Mapping[str, Any]) -> Iterator[str]:
    recorded = meta.get('training', {}).get('data_digest')
    datasets = lazy_datasets(cfg, 'train_dataloader', pipeline=[])
    classes = list(datasets[0].metainfo.get('classes', ()))
    trained = list((meta.get('dataset_meta') or {}).get('classes', classes))
    if trained != classes:
        yield f'classes: {trained} -> {classes}'
    paths = [dataset.ann_file for dataset in datasets]
    if not recorded or not all(Path(path).is_file() for path in paths):
        return  # `preflight` names the files that are missing
    digest = sha256_together(paths)
    if digest != recorded:
        yield f'training data: SHA-256 {recorded[:12]}... -> {digest[:12]}... ({", ".join(paths)})'


def _finished(
    cfg: Config, checkpoint: Mapping[str, Any], changes: list[Change]
) -> tuple[str, dict[str, Any]] | None:
    """Return why no training is left and which settings extend it; None if some is left."""
    meta, info = checkpoint['meta'], checkpoint['message_hub']['runtime_info']
    done, wanted = meta['epoch'], cfg.train_cfg.max_epochs
    unit, key = 'epoch', 'train_cfg.max_epochs'
    is_validated = not cfg.get('val_cfg') or info.get(VALIDATED) == done
    if not cfg.get('log_processor', {}).get('by_epoch', True):
        # A config that counts iterations, see `isic_mmdet.engine.train.runner`.
        length = meta.get(ITERATIONS, 1)
        unit, key, done, wanted = 'iteration', 'train_cfg.max_iters', done * length, wanted * length
    if done > wanted:
        state = f'{unit} {done} is done, and the training is to end with {unit} {wanted}.'
        return state, {key: 2 * done}
    if done == wanted and is_validated:
        return f'{unit} {done} of {wanted} is done.', {key: 2 * done}
    # With a later end or more patience, a training that stopped early continues.
    stopping = ('train_cfg.max_', 'custom_hooks', 'default_hooks.early_stopping')
    if info.get(ENDED_EARLY) and not any(change.key.startswith(stopping) for change in changes):
        state = f'{unit} {done} of {wanted} is done, and early stopping ended the training there.'
        for hook_key, hook in configured_hooks(cfg):
            if 'EarlyStopping' in str(hook.get('type')):
                return state, {f'{hook_key}.patience': 2 * hook.get('patience', 5)}
        return state, {key: 2 * wanted}
    return None


def _command(settings: Mapping[str, Any], work_dir: str, resume: str | None = None) -> str:
    """Return the command of this process with other settings.

    Args:
        settings: dotted keys and values for `--cfg-options`.
        work_dir: of the new command.
        resume: checkpoint to resume from; None for a new run.
    """
    parser = argparse.ArgumentParser(add_help=False)
    for name in ('--work-dir', '--launcher', '--local-rank'):
        parser.add_argument(name)
    parser.add_argument('--resume', nargs='?')
    parser.add_argument('--cfg-options', nargs='+', action='extend', default=[])
    given, kept = parser.parse_known_args()
    options = [word for word in given.cfg_options if word.partition('=')[0] not in settings]
    options += [f'{key}={value}' for key, value in settings.items()]
    resumption = []
    if resume is not None:
        own = Path(resume).resolve().parent == Path(work_dir).resolve()
        resumption = ['--resume'] if own else ['--resume', resume]
    start = ['python', sys.argv[0], *kept]
    processes = os.environ.get('LOCAL_WORLD_SIZE')
    if processes is not None and kept:  # tools/dist_train.sh takes the config first
        start = ['bash', str(Path(sys.argv[0]).with_name('dist_train.sh')), kept[0], processes]
        start += kept[1:]
    return shlex.join([*start, '--work-dir', work_dir, *resumption, '--cfg-options', *options])
