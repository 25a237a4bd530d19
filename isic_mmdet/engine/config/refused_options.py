"""Settings that a command does not use, or that it sets itself from its other arguments."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from mmengine.config import Config

from isic_mmdet.engine.config.load import configured_hooks

_OF_EVERY_RUN = {
    'resume': 'use --resume',
    'launcher': 'use --launcher',
    'tta_model': 'use --tta of tools/test.py',
    'tta_pipeline': 'use --tta of tools/test.py',
    'visualizer.vis_backends.*.save_dir': 'use --work-dir, which holds everything',
    'custom_imports': 'it was carried out when the config was loaded; set it in the config file',
}
_EITHER = 'leave one of them out'
_NOT_IN_TRAINING = 'training does not use it; give it to tools/test.py'


def refused_in_training(
    work_dir: str | None, resume: str | None, amp: bool, skip_bad_batches: bool
) -> dict[str, str]:
    """Return the settings that `tools/train.py` does not use or sets itself, see `apply_options`.

    Args:
        work_dir: argument of the command, as are the others.
        resume: None, 'auto' or the path of a checkpoint.
        amp: whether convolutions are computed in bfloat16.
        skip_bad_batches: whether bad batches are skipped.
    """
    refused = {**_OF_EVERY_RUN, **_of_work_dir(work_dir)}
    if resume is not None:
        refused['resume'] = 'leave it out; --resume does it'
    if resume not in (None, 'auto'):
        why = f'leave it out; the weights come from --resume {resume}'
        refused |= {'load_from': why, 'model.backbone.init_cfg': why}
    if amp:
        refused['model.precision'] = f'--amp sets it; {_EITHER}'
    if skip_bad_batches:
        refused['train_cfg.skip_bad_batches'] = f'--skip-bad-batches sets it; {_EITHER}'
    for name in ('test_dataloader', 'test_cfg', 'test_evaluator'):
        refused[name] = _NOT_IN_TRAINING
    return refused


def refused_in_test(
    work_dir: str | None, split: str, amp: bool, show_dir: str | None
) -> dict[str, str]:
    """Return the settings that `tools/test.py` does not use or sets itself, see `apply_options`.

    Args:
        work_dir: argument of the command, as are the others.
        split: 'val' or 'test'.
        amp: whether convolutions are computed in bfloat16.
        show_dir: folder for images.
    """
    refused = {**_OF_EVERY_RUN, **_of_work_dir(work_dir)}
    for name in ('load_from', 'model.backbone.init_cfg'):
        refused[name] = 'leave it out; all weights come from the checkpoint'
    for name in ('train_dataloader', 'train_cfg', 'optim_wrapper', 'param_scheduler'):
        refused[name] = 'a test does not use it; give it to tools/train.py'
    refused['auto_scale_lr'] = refused['train_cfg']
    refused['val_cfg'] = refused['val_evaluator'] = (
        'a test uses test_cfg and test_evaluator, also with --split val'
    )
    if split == 'val':
        refused['val_dataloader.dataset'] = ''
        refused['test_dataloader.dataset'] = (
            'with --split val the data set is that of val_dataloader.dataset; set it there'
        )
        refused['val_dataloader'] = (
            'with --split val only its dataset is used; set test_dataloader for the rest'
        )
    else:
        refused['val_dataloader'] = 'the test split is scored; set test_dataloader, or --split val'
    if amp:
        refused['model.precision'] = f'--amp sets it; {_EITHER}'
    if show_dir:
        refused['default_hooks.draw_lesions'] = f'--show-dir sets it; {_EITHER}'
    return refused


def refused_in_browsing(split: str | None, augmented: bool) -> dict[str, str]:
    """Return the settings that `tools/browse_dataset.py` does not use, see `apply_options`.

    Args:
        split: argument of the command: 'train', 'val', 'test' or None for all.
        augmented: whether the training pipeline is drawn.
    """
    used = [split] if split else ['train', 'val', 'test']
    used += ['train'] if augmented else []
    refused = {f'{name}_dataloader.dataset': '' for name in used}
    return {**refused, '*': 'nothing that is drawn depends on it'}


def _of_work_dir(work_dir: str | None) -> dict[str, str]:
    return {'work_dir': f'--work-dir {work_dir} sets it; {_EITHER}'} if work_dir else {}


def reason_to_refuse(cfg: Config, key: str, value: Any, refused: Mapping[str, str]) -> str:
    """Return why a command refuses a key, or an empty text.

    Args:
        cfg: that the command loaded.
        key: dotted.
        value: that it shall get.
        refused: patterns of keys to reasons; the first pattern that fits counts.
    """
    patterns = (each for each in refused if fnmatchcase(key, each) or fnmatchcase(key, f'{each}.*'))
    reason = refused.get(next(patterns, ''), '')
    if value is None and key in ('load_from', 'model.backbone.init_cfg'):
        return ''  # no weights to start from: the command has none in any case
    if reason is _NOT_IN_TRAINING and key.startswith('test_dataloader.'):
        # ValidationLossHook may take the test split.
        hooks = configured_hooks(cfg)
        return '' if any(hook.get('split') == 'test' for _, hook in hooks) else reason
    return reason
