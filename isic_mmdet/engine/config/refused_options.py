"""Settings that a command does not use, or that it sets itself from its other arguments.

The functions return patterns of dotted keys, and why the command refuses them. The first pattern
that fits counts. An empty reason accepts the key.
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from mmengine.config import Config

_OF_EVERY_RUN = {
    'resume': 'use --resume',
    'launcher': 'use --launcher',
    'tta_model': 'use --tta of tools/test.py',
    'tta_pipeline': 'use --tta of tools/test.py',
    'visualizer.vis_backends.*.save_dir': 'use --work-dir, which contains all files of the run',
    'custom_imports': 'it was used when the config was loaded; set it in the config file',
}
_NOT_IN_TRAINING = 'training does not use it; give it to tools/test.py'
_NOT_IN_TEST = 'a test does not use it; give it to tools/train.py'


def refused_in_training(
    work_dir: str | None, resume: str | None, amp: bool, skip_bad_batches: bool
) -> dict[str, str]:
    """Return the patterns for the arguments of `tools/train.py`."""
    refused = {**_OF_EVERY_RUN, **_set_by('--work-dir', 'work_dir', work_dir)}
    if resume is not None:
        refused['resume'] = 'remove it; --resume does it'
    if resume not in (None, 'auto'):
        why = f'remove it; the weights come from --resume {resume}'
        refused |= {'load_from': why, 'model.backbone.init_cfg': why}
    refused |= _set_by('--amp', 'model.precision', amp)
    refused |= _set_by('--skip-bad-batches', 'train_cfg.skip_bad_batches', skip_bad_batches)
    unused = ('test_dataloader', 'test_cfg', 'test_evaluator')
    return {**refused, **dict.fromkeys(unused, _NOT_IN_TRAINING)}


def refused_in_test(
    work_dir: str | None, split: str, amp: bool, show_dir: str | None
) -> dict[str, str]:
    """Return the patterns for the arguments of `tools/test.py`."""
    refused = {**_OF_EVERY_RUN, **_set_by('--work-dir', 'work_dir', work_dir)}
    weights = ('load_from', 'model.backbone.init_cfg')
    refused |= dict.fromkeys(weights, 'remove it; all weights come from the checkpoint')
    unused = ('train_dataloader', 'train_cfg', 'optim_wrapper', 'param_scheduler', 'auto_scale_lr')
    refused |= dict.fromkeys((*unused, 'epochs_by_images'), _NOT_IN_TEST)
    why = 'a test uses test_cfg and test_evaluator, also with --split val'
    refused |= {'val_cfg': why, 'val_evaluator': why}
    if split == 'val':
        refused |= {
            'val_dataloader.dataset': '',
            'val_dataloader': 'with --split val, set test_dataloader for all except the dataset',
            'test_dataloader.dataset': 'with --split val, set val_dataloader.dataset',
        }
    else:
        refused['val_dataloader'] = 'the test split is scored; set test_dataloader, or --split val'
    refused |= _set_by('--amp', 'model.precision', amp)
    return refused | _set_by('--show-dir', 'default_hooks.draw_lesions', show_dir)


def refused_in_browsing(split: str | None, augmented: bool) -> dict[str, str]:
    """Return the patterns for the arguments of `tools/browse_dataset.py`."""
    used = [split] if split else ['train', 'val', 'test']
    used += ['train'] if augmented else []
    accepted = {f'{name}_dataloader.dataset': '' for name in used}
    return {**accepted, '*': 'no drawing depends on it; remove it'}


def _set_by(argument: str, key: str, value: Any) -> dict[str, str]:
    return {key: f'{argument} sets it; remove one of them'} if value else {}


def reason_to_refuse(cfg: Config, key: str, value: Any, refused: Mapping[str, str]) -> str:
    """Return why a command refuses a dotted key with a value; '' if it accepts them."""
    patterns = (each for each in refused if fnmatchcase(key, each) or fnmatchcase(key, f'{each}.*'))
    reason = refused.get(next(patterns, ''), '')
    if value is None and key in ('load_from', 'model.backbone.init_cfg'):
        return ''  # without initial weights: the command has none in any case
    if reason is _NOT_IN_TRAINING and key.startswith('test_dataloader.'):
        # ValidationLossHook may use the test split.
        hooks = [*(cfg.get('default_hooks') or {}).values(), *(cfg.get('custom_hooks') or ())]
        return '' if any(hook and hook.get('split') == 'test' for hook in hooks) else reason
    return reason
