"""The data sets that the loaders of a config name."""

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from mmdet.registry import DATASETS
from mmengine.config import Config, ConfigDict
from mmengine.dataset import BaseDataset
from mmengine.registry import init_default_scope

from isic_mmdet.errors import InputError

LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


def leaf_datasets(cfg: Config, *loaders: str) -> Iterator[ConfigDict]:
    """Yield every data set that reads an annotation file, also those inside wrappers.

    Args:
        cfg: a complete config.
        loaders: of the data sets; all of `LOADERS` if none is named.

    Raises:
        InputError: a loader or a data set has a shape from which nothing can be built.
    """
    for name in loaders or LOADERS:
        if cfg.get(name):
            loader = _require_dict(cfg[name], name)
            yield from _leaves(loader.get('dataset'), f'{name}.dataset')


def distinct_datasets(cfg: Config, *loaders: str) -> list[ConfigDict]:
    """Return `leaf_datasets` to be changed in place: once, if a config names one in two places."""
    return list({id(leaf): leaf for leaf in leaf_datasets(cfg, *loaders)}.values())


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
        for dataset in leaf_datasets(cfg, loader)
    ]


def tested_dataset(cfg: Config) -> ConfigDict:
    """Return the data set that gives pipeline and classes of the complete test set.

    Raises:
        InputError: the test set consists of data sets with different pipelines.
    """
    first, *others = leaf_datasets(cfg, 'test_dataloader')
    if any(other.pipeline != first.pipeline for other in others):
        raise InputError(
            f'{cfg.filename}: the data sets of its test_dataloader have different pipelines, so '
            'it is unknown how to read another image; give them the same pipeline'
        )
    return first
