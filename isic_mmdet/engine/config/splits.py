"""Which annotation files a config uses."""

import copy

from mmdet.registry import DATASETS
from mmengine.config import Config
from mmengine.registry import init_default_scope

from isic_mmdet.datasets.checks import AnnotationFile
from isic_mmdet.datasets.lesion_dataset import LesionDataset
from isic_mmdet.engine.config.load import leaf_datasets
from isic_mmdet.errors import InputError


def config_splits(cfg: Config) -> list[tuple[str, AnnotationFile]]:
    """Return names and annotation files of the splits that a config uses.

    Raises:
        InputError: a data set is no `LesionDataset`.
    """
    init_default_scope(cfg.default_scope)
    splits: list[tuple[str, AnnotationFile]] = []
    for name in ('train', 'val', 'test'):
        loader = f'{name}_dataloader'
        for dataset_cfg in leaf_datasets(Config({loader: cfg.get(loader)})):
            dataset = DATASETS.build({**copy.deepcopy(dataset_cfg), 'lazy_init': True})
            if not isinstance(dataset, LesionDataset):
                raise InputError(
                    f'{dataset.ann_file}: {type(dataset).__name__} cannot be checked; use '
                    'LesionDataset or LesionDiagnosisDataset'
                )
            file = dataset.annotation_file
            if file.path not in [known.path for _, known in splits]:
                splits.append((name, file))
    return splits
