"""From a config file and command-line arguments to the config that is run."""

import copy
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmdet.registry import DATASETS
from mmengine.config import Config, ConfigDict
from mmengine.dataset import BaseDataset
from mmengine.logging import print_log
from mmengine.registry import init_default_scope

from isic_mmdet.engine.checks.detectors import check_precisions, mask_threshold
from isic_mmdet.engine.config.config_file import read_config
from isic_mmdet.engine.config.data_classes import follow_classes, follow_data
from isic_mmdet.engine.config.options import apply_options
from isic_mmdet.engine.train.checkpoints import (
    holds,
    newest_checkpoint,
    progress,
    trained_classes,
)
from isic_mmdet.errors import InputError
from isic_mmdet.utils.files import require_text
from isic_mmdet.utils.renamed import translate
from isic_mmdet.utils.system import check_bfloat16

LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
# --tta averages the masks of these flips. On 487 validation images they improve the IoU of the CPU
# recipe from 0.8441 to 0.8475; a second size of 0.8 gives 0.8450 (docs/ablations.md).
_FLIPS = (None, 'horizontal', 'vertical', 'diagonal')
# `Runner.register_default_hooks` adds these hooks, and omits those that are None.
_RUNNER_HOOKS = {
    *('runtime_info', 'timer', 'sampler_seed', 'logger', 'param_scheduler', 'checkpoint'),
}


def load_config(
    path: str | Path,
    options: Mapping[str, Any] | None = None,
    data_root: str | Path | Sequence[str | Path] | None = None,
    refused: Mapping[str, str] | None = None,
) -> Config:
    """Return the config at `path` with overrides applied.

    Args:
        path: a config file.
        options: the values of `--cfg-options` by dotted key.
        data_root: prepared data set that replaces the config's own in every split, or several of
            the same classes. Their classes replace those of the config, see `data_classes`.
        refused: options that the command does not use, see `refused_options`.

    Raises:
        InputError: the file or one of its base files is missing or wrong, an option would have
            no effect, or a path is not text in this locale.
    """
    roots = [data_root] if isinstance(data_root, (str, Path)) else list(data_root or ())
    require_text(path, *roots)
    cfg = read_config(path)
    translate(cfg)
    for name in ('model', 'default_scope'):
        if not cfg.get(name):
            raise InputError(
                f'{path} has no {name}, so it is only a part of a config; name such files in the '
                '_base_ of a config, as those in configs/ do'
            )
    if options:
        refused = dict(refused or {})
        if roots:
            refused['*_dataloader.*data_root'] = '--data-root sets it; leave one of them out'
        apply_options(cfg, options, refused)
    # The Runner accepts None only for its own hooks.
    hooks = cfg.get('default_hooks') or {}
    for name in [
        name for name, hook in hooks.items() if hook is None and name not in _RUNNER_HOOKS
    ]:
        del hooks[name]
    if roots:
        _use_data(cfg, list(map(str, roots)))
    for name in LOADERS:
        loader = cfg.get(name)
        if loader and loader.get('num_workers') == 0:  # torch refuses settings of workers there
            loader.persistent_workers = False
            for setting in ('prefetch_factor', 'multiprocessing_context'):
                loader.pop(setting, None)
    return cfg


def _use_data(cfg: Config, roots: Sequence[str]) -> None:
    """Read every data set of a config from some prepared data sets, one after the other."""
    if twice := [root for root in dict.fromkeys(roots) if roots.count(root) > 1]:
        raise InputError(f'--data-root names {", ".join(twice)} twice; name it once')
    # A config may name one data set in two places.
    for dataset in {id(leaf): leaf for leaf in leaf_datasets(cfg)}.values():
        parts = [ConfigDict({**copy.deepcopy(dataset), 'data_root': root}) for root in roots]
        both = ConfigDict(type='ConcatDataset', datasets=parts)
        dataset.clear()
        dataset.update(parts[0] if len(parts) == 1 else both)
    follow_data(cfg, list(leaf_datasets(cfg)))


def configured_hooks(cfg: Config) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the dotted key and the settings of every hook of a config."""
    for name, hook in (cfg.get('default_hooks') or {}).items():
        if isinstance(hook, Mapping):
            yield f'default_hooks.{name}', hook
    for index, hook in enumerate(cfg.get('custom_hooks') or ()):
        if isinstance(hook, Mapping):
            yield f'custom_hooks.{index}', hook


def leaf_datasets(cfg: Config) -> Iterator[ConfigDict]:
    """Yield every data set that reads an annotation file, also those inside wrappers.

    Raises:
        InputError: a loader or a data set has a shape from which nothing can be built.
    """
    for name in LOADERS:
        if cfg.get(name):
            loader = _require_dict(cfg[name], name)
            yield from _leaves(loader.get('dataset'), f'{name}.dataset')


def _leaves(dataset: Any, where: str) -> Iterator[ConfigDict]:
    inner = _require_dict(dataset, where).get('datasets')
    if 'ann_file' in dataset:
        yield dataset
    elif isinstance(inner, (list, tuple)) and inner:
        for index, part in enumerate(inner):
            yield from _leaves(part, f'{where}.datasets.{index}')
    elif 'dataset' in dataset:
        yield from _leaves(dataset['dataset'], f'{where}.dataset')
    else:
        raise InputError(
            f'{where} ({dataset.get("type")}) has neither an ann_file nor a data set inside; add '
            'one of them'
        )


def _require_dict(node: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(node, Mapping):
        raise InputError(
            f'{where} is a {type(node).__name__}, not a dict; write dict(...). Several data sets '
            "of a loader are dataset=dict(type='ConcatDataset', datasets=[...])"
        )
    return node


def lazy_datasets(cfg: Config, loader: str, **settings: Any) -> list[BaseDataset]:
    """Return the data sets of a loader; their annotation files are not read yet.

    Args:
        cfg: a complete config.
        loader: such as 'train_dataloader'.
        settings: replace those of every data set.
    """
    init_default_scope(cfg.default_scope)
    return [
        DATASETS.build({**copy.deepcopy(dataset), **settings, 'lazy_init': True})
        for dataset in leaf_datasets(Config({loader: cfg.get(loader)}))
    ]


def tested_dataset(cfg: Config) -> ConfigDict:
    """Return the data set that gives pipeline and classes of the complete test set.

    Raises:
        InputError: the test set consists of data sets with different pipelines.
    """
    first, *others = leaf_datasets(Config({'test_dataloader': cfg.test_dataloader}))
    if any(other.pipeline != first.pipeline for other in others):
        raise InputError(
            f'{cfg.filename}: the data sets of its test_dataloader have different pipelines, so '
            'it is unknown how to read another image; give them the same pipeline'
        )
    return first


def set_work_dir(cfg: Config, work_dir: str | None, config_path: str, subfolder: str = '') -> None:
    """Set `cfg.work_dir`; one `scalars.json` in it serves a run and all its resumptions.

    Args:
        cfg: changed in place.
        work_dir: from the command line; it replaces the config's own.
        config_path: its name gives the default, `work_dirs/<config>`.
        subfolder: appended if the command line gave no folder.

    Raises:
        InputError: the folder's name is not text in this locale.
    """
    require_text(work_dir)
    own = cfg.get('work_dir') or Path('work_dirs') / Path(config_path).stem
    cfg.work_dir = str(work_dir or Path(own) / subfolder)
    for backend in cfg.visualizer.vis_backends:
        is_local = backend.type == 'LocalVisBackend'
        backend.save_dir = cfg.work_dir if is_local else str(Path(cfg.work_dir, 'tensorboard'))


def set_resume(cfg: Config, resume: str | None, start: str | None = None) -> None:
    """Set the checkpoint that training resumes from, and keep two runs from mixing in one folder.

    The caller holds the lock of the work dir, see `isic_mmdet.utils.run_lock`.

    Args:
        cfg: changed in place; its `work_dir` is set.
        resume: None for a new run; 'auto' for the newest complete checkpoint of the work dir, or
            for `start` if there is none; else the path of a checkpoint.
        start: path of the checkpoint that the run was started from; None for a new run.

    Raises:
        InputError: no such checkpoint, or the run would overwrite checkpoints of the work dir that
            are not part of its history.
    """
    work_dir = Path(cfg.work_dir)
    newest, damaged = newest_checkpoint(work_dir)
    checkpoint = resume if resume != 'auto' else str(newest or start or '') or None
    if resume == 'auto':
        for path in damaged:
            print_log(f'{path} is damaged and is ignored', 'current', logging.WARNING)
        if damaged and newest is None:
            raise InputError(
                f'{work_dir} has only damaged checkpoints; remove them to start a new run:',
                [str(path) for path in damaged],
            )
    if checkpoint is not None:
        _require_checkpoint(checkpoint)
    is_own = checkpoint is not None and holds(work_dir, checkpoint)
    # Of a run that ended before its first checkpoint; `BeforeAfterHook` validates before epoch 1.
    early = set(work_dir.glob('best_*_epoch_0.pth'))
    if not is_own and set(work_dir.glob('*.pth')) - early:
        raise InputError(
            f'{work_dir} already holds the checkpoints of a run; continue that run with --resume '
            'alone, name another --work-dir, or remove the folder'
        )
    if is_own and newest is not None and progress(newest) > progress(Path(str(checkpoint))):
        raise InputError(
            f'{work_dir} holds a later state of the run, {newest.name}: resumed from {checkpoint}, '
            'the folder would hold two histories. Name a new --work-dir, or remove the later '
            'checkpoints (and the best one, if it is of a later epoch)'
        )
    if not is_own and int(os.environ.get('RANK', 0)) == 0:
        for path in (*early, work_dir / 'scalars.json'):
            path.unlink(missing_ok=True)
    cfg.resume = checkpoint is not None
    if checkpoint is not None:
        cfg.load_from = checkpoint
        # The checkpoint replaces these weights, so they need not be available again.
        cfg.model.backbone.init_cfg = None


def set_checkpoint(cfg: Config, checkpoint: str) -> None:
    """Test the weights of a checkpoint, and load no initial weights.

    Raises:
        InputError: no such file.
    """
    _require_checkpoint(checkpoint)
    cfg.load_from = checkpoint
    cfg.resume = False
    cfg.model.backbone.init_cfg = None


def follow_checkpoint(cfg: Config, checkpoint: str) -> None:
    """Give a config the classes that a checkpoint was trained for, to predict without data.

    Raises:
        InputError: no such file.
    """
    _require_checkpoint(checkpoint)
    if classes := trained_classes(Path(checkpoint)):
        follow_classes(cfg, list(leaf_datasets(cfg)), classes)


def _require_checkpoint(path: str) -> None:
    if Path(path).is_dir():
        newest, _ = newest_checkpoint(Path(path))
        hint = f': {newest}' if newest else ''
        raise InputError(f'{path} is a folder; name a checkpoint in it{hint}')
    if not Path(path).is_file():
        raise InputError(f'{path}: no such checkpoint; tools/train.py writes them to its work dir')


def select_split(cfg: Config, split: str) -> None:
    """Test on the images of a split, 'val' or 'test'.

    Raises:
        InputError: the config has no validation set.
    """
    if split == 'val':
        if not cfg.get('val_dataloader'):
            raise InputError(f'{cfg.filename} has no val_dataloader; test with --split test')
        cfg.test_dataloader.dataset = cfg.val_dataloader.dataset


def enable_drawing(cfg: Config, show_dir: str) -> None:
    """Draw every tested image into `show_dir`."""
    cfg.default_hooks.draw_lesions = dict(type='DrawLesionsHook', show_dir=show_dir)


def enable_result_dump(cfg: Config, out: str) -> None:
    """Write all detections of a test to `out`, a COCO result file.

    Raises:
        InputError: `out` is not a .json file.
    """
    if Path(out).suffix != '.json':
        raise InputError(f'--out {out}: write to a file that ends in .json')
    old = cfg.test_evaluator if isinstance(cfg.test_evaluator, list) else [cfg.test_evaluator]
    cfg.test_evaluator = [*old, dict(type='CocoResultDump', out_file=out)]


def use_tta(cfg: Config) -> None:
    """Test every image in all flips, and average the masks.

    Raises:
        InputError: the test pipeline has no `Resize` with a `scale`, or the detector does not
            predict its masks as Mask R-CNN does.
    """
    threshold = mask_threshold(cfg.model)
    leaves = leaf_datasets(Config({'test_dataloader': cfg.test_dataloader}))
    # A config may name one data set in two places.
    for dataset in {id(leaf): leaf for leaf in leaves}.values():
        dataset.pipeline = _with_views(cfg, dataset.pipeline)
    cfg.model = dict(type='LesionTTAModel', mask_threshold=threshold, module=cfg.model)


def _with_views(cfg: Config, pipeline: Sequence[ConfigDict]) -> list[Mapping]:
    """Return a test pipeline that makes all flips of an image."""
    *steps, pack = pipeline
    place = next((i for i, step in enumerate(steps) if step.type == 'Resize'), None)
    if place is None or not steps[place].get('scale'):
        hint = '; remove its TestTimeAug' if pack.type == 'TestTimeAug' else ''
        raise InputError(
            f'{cfg.filename}: its test pipeline has no Resize with a scale, which --tta needs{hint}'
        )
    head, resize, tail = steps[:place], steps[place], steps[place + 1 :]
    moving = [step.type for step in head if step.type.endswith(('Pad', 'Crop', 'Flip'))]
    if moving:
        raise InputError(
            f'{cfg.filename}: --tta flips images at the Resize of the test pipeline, and cannot '
            f'undo {", ".join(moving)} before it; move that behind the Resize'
        )
    flips = [
        dict(type='RandomFlip', prob=0.0 if flip is None else 1.0, direction=flip or 'horizontal')
        for flip in _FLIPS
    ]
    if 'meta_keys' in pack:
        # Without these keys the masks of flipped views would not be flipped back.
        keys = [*pack.meta_keys, 'flip', 'flip_direction']
        pack = {**pack, 'meta_keys': tuple(dict.fromkeys(keys))}
    # Flips precede the padding: flipped padding would be on the other side and move the masks.
    branches = [[resize], flips, *([step] for step in tail), [pack]]
    return [*head, dict(type='TestTimeAug', transforms=branches)]


def use_amp(cfg: Config) -> None:
    """Compute in automatic mixed precision, with convolutions in bfloat16.

    Raises:
        InputError: the model supports no other precision, or the device does not support bfloat16.
    """
    check_precisions(cfg.model)
    check_bfloat16()
    cfg.model.precision = 'bfloat16'


def score_table(cfg: Config, metrics: dict[str, float], show_dir: str | None) -> str:
    """Return the scores of a test in [0, 1] as a table, and the paths of its files.

    If several data sets were tested together, each has a column.
    """
    suffix = '/lesion/iou'
    parts = [name.removesuffix(suffix) for name in metrics if name.endswith(suffix)]
    own = [name for name in metrics if not name.startswith(tuple(f'{part}/' for part in parts))]
    rows = [
        [name, *(f'{metrics[key]:.4f}' for key in (name, *(f'{part}/{name}' for part in parts)))]
        for name in own
    ]
    rows = [['', 'all', *parts], *rows] if parts else rows
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    work_dir = Path(cfg.work_dir)
    lines = [
        *(
            f'  {name:<{widths[0]}}  ' + '  '.join(map(str.rjust, cells, widths[1:]))
            for name, *cells in rows
        ),
        f'scores:    {work_dir / "metrics.json"}',
        f'per image: {work_dir / "per_image.csv"}',
        f'plot:      {work_dir / "plots" / "iou_box.png"}',
    ]
    return '\n'.join(lines + ([f'drawings:  {show_dir}'] if show_dir else []))
