"""Which annotation files a config uses."""

import copy
from pathlib import Path

from mmdet.registry import DATASETS
from mmengine.config import Config
from mmengine.registry import init_default_scope

from isic_mmdet.datasets.full_check import Split
from isic_mmdet.datasets.lesion_dataset import LesionDataset
from isic_mmdet.engine.config.load import leaf_datasets
from isic_mmdet.errors import InputError


def config_splits(cfg: Config) -> list[Split]:
    """Return the splits that a config trains, validates and tests on.

    Raises:
        InputError: a data set is no `LesionDataset`.
    """
    init_default_scope(cfg.default_scope)
    splits: list[Split] = []
    for name in ('train', 'val', 'test'):
        loader = f'{name}_dataloader'
        for dataset_cfg in leaf_datasets(Config({loader: cfg.get(loader)})):
            dataset = DATASETS.build({**copy.deepcopy(dataset_cfg), 'lazy_init': True})
            if not isinstance(dataset, LesionDataset):
                raise InputError(
                    f'{dataset.ann_file}: {type(dataset).__name__} cannot be checked; use '
                    'LesionDataset or LesionDiagnosisDataset'
                )
            split = Split(
                name,
                Path(dataset.ann_file),
                Path(dataset.data_root or ''),
                Path(dataset.data_prefix.get('img', '')),
                tuple(dataset.metainfo['classes']),
            )
            if split.ann_file not in [known.ann_file for known in splits]:
                splits.append(split)
    return splits
