"""The annotation files that a config uses."""

from mmengine.config import Config

from isic_mmdet.datasets.checks import AnnotationFile
from isic_mmdet.datasets.lesion_dataset import LesionDataset
from isic_mmdet.engine.config.data_sets import lazy_datasets
from isic_mmdet.errors import InputError


def config_splits(cfg: Config) -> list[tuple[str, AnnotationFile]]:
    """Return names and annotation files of the splits that a config uses.

    Raises:
        InputError: a data set is not a `LesionDataset`.
    """
    splits: list[tuple[str, AnnotationFile]] = []
    for name in ('train', 'val', 'test'):
        for dataset in lazy_datasets(cfg, f'{name}_dataloader'):
            if not isinstance(dataset, LesionDataset):
                raise InputError(
                    f'{dataset.ann_file}: {type(dataset).__name__} cannot be checked; use '
                    'LesionDataset or LesionDiagnosisDataset'
                )
            file = dataset.annotation_file
            if file.path not in [known.path for _, known in splits]:
                splits.append((name, file))
    return splits
