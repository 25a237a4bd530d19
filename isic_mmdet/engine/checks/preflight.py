"""Checks before a run: data, heads and weights have to fit together."""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.hooks import EMAHook
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from isic_mmdet.datasets.checks import class_count_errors
from isic_mmdet.datasets.consistency import shared_images
from isic_mmdet.datasets.lesion_dataset import LesionDataset
from isic_mmdet.engine.checks.detectors import detector_errors
from isic_mmdet.engine.checks.loaders import loader_errors, repeated_images
from isic_mmdet.engine.checks.shared_memory import bytes_of_an_image, shared_memory_errors
from isic_mmdet.engine.config.data_sets import lazy_datasets, leaf_datasets
from isic_mmdet.engine.config.hooks import configured_hooks
from isic_mmdet.engine.config.parts import argument_errors, built_with
from isic_mmdet.engine.config.trackers import tracker_errors
from isic_mmdet.engine.hooks.finite_training_hook import non_finite, wrapper_errors
from isic_mmdet.engine.train.checkpoints import trained_classes
from isic_mmdet.engine.train.evaluation import packing_errors
from isic_mmdet.errors import InputError
from isic_mmdet.utils.shown_path import shown_path


def preflight(cfg: Config, loaders: tuple[str, ...], with_workers: bool = True) -> None:
    """Refuse a config that cannot be right, with all its errors at once.

    Loads every data set, which checks its files and follows its masks through its pipeline, and
    compares the class count of every head with its classes. A data set that is strange but may be
    meant, such as one with images of another split, gets a warning in the log.

    Args:
        cfg: a complete config.
        loaders: which of `train_dataloader`, `val_dataloader`, `test_dataloader` will be used.
        with_workers: whether their worker processes will be used, which need shared memory.

    Raises:
        InputError: with one line per error.
    """
    init_default_scope(cfg.default_scope)
    for name in loaders:
        list(leaf_datasets(cfg, name))  # raises for a wrong shape
    errors = argument_errors(cfg, built_with(loaders)) + loader_errors(cfg, loaders)
    errors += detector_errors(cfg, loaders)
    errors += tracker_errors(cfg)
    if 'train_dataloader' in loaders:
        errors += wrapper_errors(cfg)
    _require_none(cfg, errors)
    metainfo: dict[str, dict[str, Any]] = {}
    image_bytes = dict.fromkeys(loaders, 0)
    splits: dict[str, dict[str, Path]] = {}
    notes: list[str] = []
    for name in loaders:
        ids: list[str] = []
        for dataset in lazy_datasets(cfg, name):
            found = _dataset_errors(dataset, cfg.model)
            errors += found
            if found:
                continue
            metainfo[dataset.ann_file] = dataset.metainfo
            if with_workers:
                image_bytes[name] = max(image_bytes[name], bytes_of_an_image(dataset))
            records = [dataset.get_data_info(i) for i in range(len(dataset))]
            if name != 'train_dataloader':
                ids += [record['isic_id'] for record in records]
                errors += packing_errors(cfg, name, dataset)
            splits.setdefault(name.partition('_')[0], {}).update(
                {record['isic_id']: Path(record['img_path']) for record in records}
            )
            notes += _dataset_notes(dataset, records)
        errors += repeated_images(ids, name)
    errors += _different_classes(metainfo)
    errors += shared_memory_errors(
        {name: cfg[name] for name in loaders if cfg.get(name)},
        image_bytes,
        together=any(
            hook.get('type') == 'ValidationLossHook' and not hook.get('by_epoch', True)
            for _, hook in configured_hooks(cfg)
        ),
    )
    _require_none(cfg, errors)
    if int(os.environ.get('RANK', '0')) == 0:
        for note in dict.fromkeys(notes + shared_images(splits)):
            MMLogger.get_current_instance().warning(note)


def _require_none(cfg: Config, errors: Sequence[str]) -> None:
    if errors:
        distinct = list(dict.fromkeys(errors))
        raise InputError(f'{cfg.filename} cannot be run, fix this first:', distinct)


def _dataset_errors(dataset: BaseDataset, model: dict[str, Any]) -> list[str]:
    """Load a data set, and return what is wrong with it or does not fit the model."""
    if not isinstance(dataset, LesionDataset):
        return [
            f'{dataset.ann_file}: {type(dataset).__name__} does not have the official masks that '
            'the scores need; use LesionDataset or LesionDiagnosisDataset'
        ]
    found = class_count_errors(model, dataset.metainfo['classes'])
    try:
        dataset.full_init()
    except InputError as error:
        # A message without a list names the file itself.
        file = shown_path(dataset.ann_file)
        found += [f'{file}: {problem}' for problem in error.errors] or [str(error)]
    return found


def _dataset_notes(dataset: BaseDataset, records: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what is strange about a data set but may be meant, one sentence each."""
    notes = []
    several = [record['isic_id'] for record in records if len(record['instances']) > 1]
    if several:
        notes.append(
            f'{dataset.ann_file}: {len(several)} images have several annotations (such as '
            f'{several[0]}); the scores compare the highest-scoring detection alone with the '
            'official mask, so all parts of a lesion belong to one annotation (--one-lesion of '
            'tools/prepare_folder.py joins them)'
        )
    if not Path(dataset.data_root or '', 'prepare_report.json').is_file():
        notes.append(
            f'{dataset.ann_file} was not made by tools/prepare_isic.py: tools/check_dataset.py '
            'decodes all its files and searches near-duplicates in other splits'
        )
    return notes


def _different_classes(metainfo: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return which data sets have other classes, or other class facts, than the first one.

    Args:
        metainfo: of each data set, by its annotation file.
    """
    first = next(iter(metainfo), '')
    return [
        f'{file} has {dict(found)}, {first} has {dict(metainfo[first])}; all data sets of a run '
        'need the same classes in the same order, and the same palette'
        for file, found in metainfo.items()
        if found != metainfo[first]
    ]


def load_weights(runner: Runner, checkpoint: str) -> None:
    """Load all weights of the model from a checkpoint, and nothing else.

    mmengine skips weights that do not fit, and would score random weights. A checkpoint that was
    written with an `EMAHook` already has the averaged weights as its `state_dict`, so the hook,
    which works in training only, is removed from the runner.

    Args:
        runner: of the test.
        checkpoint: a local file.

    Raises:
        InputError: weights are missing, too many, of another shape or not finite, or the
            checkpoint was trained for other classes than the test data have.
    """
    runner.hooks[:] = [hook for hook in runner.hooks if not isinstance(hook, EMAHook)]
    load_strictly(
        partial(runner.load_checkpoint, checkpoint),
        checkpoint,
        runner.cfg.filename,
        runner.test_dataloader.dataset.metainfo['classes'],
    )


def load_strictly(
    load: Callable[..., dict[str, Any]], checkpoint: str, config: str, classes: Sequence[str]
) -> None:
    """Load all weights of a model from a checkpoint, and nothing else.

    Args:
        load: function of mmengine that loads this checkpoint into this model with `strict=True`.
        checkpoint: a local file, for the message.
        config: path of the model's config, for the message.
        classes: of the model.

    Raises:
        InputError: as `load_weights`.
    """
    trained = trained_classes(Path(checkpoint))
    if trained is not None and trained != tuple(classes):
        raise InputError(
            f'{checkpoint} was trained for the classes {list(trained)}, {config} and its data have '
            f'{list(classes)}; use data of the same classes, and the config it was trained with'
        )
    try:
        loaded = load(strict=True)
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise InputError(
            f'{checkpoint} does not hold the weights of {config}; use it with the config it was '
            'trained with:',
            lines[1:],
            shown=4,
        ) from error
    broken = non_finite(loaded.get('state_dict', loaded))
    if broken:
        raise InputError(
            f'{checkpoint} holds weights that are NaN or infinite: its training diverged; use '
            'an earlier checkpoint, or train again with a lower learning rate:',
            broken,
            shown=4,
        )
