"""Whether training can be resumed from a checkpoint, and whether anything is left to train."""

import os
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmdet.registry import DATASETS
from mmengine.config import Config
from mmengine.registry import init_default_scope

from isic_mmdet.engine.config.load import configured_hooks, leaf_datasets
from isic_mmdet.engine.config.recorded_config import recorded_changes
from isic_mmdet.engine.train.checkpoints import ENDED_EARLY, ITERATIONS, VALIDATED, open_checkpoint
from isic_mmdet.errors import InputError
from isic_mmdet.utils.files import sha256_together

# With another value of these, the state of a checkpoint would be used for something else than what
# it was made for. Weights of `init_cfg` are replaced by those of the checkpoint.
_FIXED = (
    'model.',
    'optim_wrapper.constructor',
    'optim_wrapper.optimizer.type',
    'optim_wrapper.paramwise_cfg',
    'randomness.seed',
    'train_cfg.by_epoch',
    'train_cfg.type',
)
_FREE_IN_MODEL = ('init_cfg', 'precision')


def check_resume(cfg: Config, checkpoint_path: str) -> str | None:
    """Check that a checkpoint belongs to the run that a config describes.

    The model, the training data, the classes, the kind of optimizer and the seed have to be those
    that the checkpoint records. Everything else may change: batch size, epochs, learning rate,
    workers, the place of the data, hooks.

    Args:
        cfg: of the run; its `work_dir` is set.
        checkpoint_path: of a local file.

    Returns:
        None, or if the run is at its end, a message with the next steps.

    Raises:
        InputError: with all differences, or for a file that holds no state of a training.
    """
    checkpoint = open_checkpoint(Path(checkpoint_path))
    _require_training_state(cfg, checkpoint, checkpoint_path)
    errors = [str(change) for change in recorded_changes(cfg, checkpoint) if _is_fixed(change.key)]
    errors += _data_differences(cfg, checkpoint['meta'])
    if errors:
        raise InputError(
            f'{checkpoint_path} cannot be resumed with {cfg.filename}, because it records another '
            f'training. Use its own config and data, or start a new run from its weights:\n'
            f'    {_new_run(cfg, checkpoint_path)}\nThe differences (checkpoint -> now):',
            errors,
        )
    return _nothing_left(cfg, checkpoint, checkpoint_path)


def _is_fixed(key: str) -> bool:
    names = key.split('.')
    if names[0] == 'model':
        return not any(name in _FREE_IN_MODEL for name in names)
    return key.startswith(_FIXED)


def _require_training_state(cfg: Config, checkpoint: Any, path: str) -> None:
    is_ours = isinstance(checkpoint, Mapping) and isinstance(checkpoint.get('meta'), Mapping)
    missing = [
        name
        for name in ('state_dict', 'optimizer', 'message_hub')
        if not (is_ours and name in checkpoint)
    ]
    if is_ours and not missing and {'epoch', 'iter'} <= checkpoint['meta'].keys():
        return
    raise InputError(
        f'{path} holds no state of a training ({", ".join(missing) or "epoch"} missing), so it '
        'cannot be resumed. Checkpoints of the best epoch hold weights alone. Name an '
        f'epoch_N.pth, or start a new run from its weights:\n    {_new_run(cfg, path)}'
    )


def _data_differences(cfg: Config, meta: Mapping[str, Any]) -> Iterator[str]:
    init_default_scope(cfg.default_scope)
    recorded = meta.get('training', {}).get('data_digest')
    datasets = [
        DATASETS.build({**dataset.to_dict(), 'lazy_init': True, 'pipeline': []})
        for dataset in leaf_datasets(Config({'train_dataloader': cfg.train_dataloader}))
    ]
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


def _nothing_left(cfg: Config, checkpoint: Mapping[str, Any], path: str) -> str | None:
    meta, info = checkpoint['meta'], checkpoint['message_hub']['runtime_info']
    done, wanted = meta['epoch'], cfg.train_cfg.max_epochs
    unit, key = 'epoch', 'max_epochs'
    is_validated = not cfg.get('val_cfg') or info.get(VALIDATED) == done
    if not cfg.get('log_processor', {}).get('by_epoch', True):
        # A config that counts iterations, see `isic_mmdet.engine.train.runner`.
        length = meta.get(ITERATIONS, 1)
        unit, key, done, wanted = 'iteration', 'max_iters', done * length, wanted * length
    if done > wanted:
        state = f'{unit} {done} is done, and the training is to end with {unit} {wanted}.'
        longer = {f'train_cfg.{key}': 2 * done}
    elif done == wanted and is_validated:
        state = f'{unit} {done} of {wanted} is done.'
        longer = {f'train_cfg.{key}': 2 * done}
    elif info.get(ENDED_EARLY) and not _is_to_go_on(cfg, checkpoint):
        state = (
            f'{unit} {done} of {wanted} is done, and early stopping ended the training there, '
            'because the score had stopped rising.'
        )
        longer = _more_patience(cfg) or {f'train_cfg.{key}': 2 * wanted}
    else:
        return None
    return (
        f'{state} Nothing is left to do.\n'
        f'To train longer:\n    {_command(longer, cfg.work_dir, resume=path)}\n'
        f'To start a new run from these weights:\n    {_new_run(cfg, path)}'
    )


def _is_to_go_on(cfg: Config, checkpoint: Mapping[str, Any]) -> bool:
    """Tell whether the end or the patience of a training that ended early was changed."""
    keys = ('train_cfg.max_', 'custom_hooks', 'default_hooks.early_stopping')
    return any(change.key.startswith(keys) for change in recorded_changes(cfg, checkpoint))


def _more_patience(cfg: Config) -> dict[str, Any]:
    for key, hook in configured_hooks(cfg):
        if 'EarlyStopping' in str(hook.get('type')):
            return {f'{key}.patience': 2 * hook.get('patience', 5)}
    return {}


def _new_run(cfg: Config, checkpoint_path: str) -> str:
    return _command({'load_from': checkpoint_path}, f'{cfg.work_dir.rstrip("/")}_2', resume=None)


def _command(settings: Mapping[str, Any], work_dir: str, resume: str | None) -> str:
    """Return the command of this process with other settings.

    Args:
        settings: dotted keys and values for `--cfg-options`.
        work_dir: of the new command.
        resume: checkpoint to resume from; None for a new run.
    """
    kept, options = _split(sys.argv[1:])
    added = [f'{key}={value}' for key, value in settings.items()]
    keys = tuple(f'{key}=' for key in settings)
    options = [option for option in options if not option.startswith(keys)] + added
    resumption = []
    if resume is not None:
        own = Path(resume).resolve().parent == Path(work_dir).resolve()
        resumption = ['--resume'] if own else ['--resume', resume]
    start = ['python', sys.argv[0], *kept]
    processes = os.environ.get('LOCAL_WORLD_SIZE')
    if processes is not None and kept:  # tools/dist_train.sh puts the config first
        start = ['bash', str(Path(sys.argv[0]).with_name('dist_train.sh')), kept[0], processes]
        start += kept[1:]
    return shlex.join([*start, '--work-dir', work_dir, *resumption, '--cfg-options', *options])


def _split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the arguments that every command keeps, and the values of `--cfg-options`."""
    replaced: dict[str, list[str]] = {
        name: [] for name in ('--work-dir', '--launcher', '--local-rank', '--resume')
    }
    kept: list[str] = []
    options: list[str] = []
    target = kept
    for argument in arguments:
        name, assigned, _ = argument.partition('=')
        if name in replaced:
            target = kept if assigned else replaced[name]
        elif argument == '--cfg-options':
            target = options
        else:
            if argument.startswith('--'):
                target = kept
            target.append(argument)
            if target is not options:
                target = kept
    return kept, options
