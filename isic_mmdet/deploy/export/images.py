"""Selects real images to check, quantize and score an exported file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from mmdet.registry import DATASETS
from mmengine.config import Config

from isic_mmdet.deploy.predict.inputs import find_images
from isic_mmdet.engine.config.data_sets import leaf_datasets
from isic_mmdet.errors import InputError
from isic_mmdet.images.sources import SourceFile

Record = TypeVar('Record')

#: Number of images taken from a validation split, at equal distances.
NUMBER = 20


class CheckImages(NamedTuple):
    """Images by id, and a description of their source for messages."""

    files: dict[str, SourceFile]
    source: str


def check_images(cfg: Config, folder: str | None) -> CheckImages:
    """Return the images of a folder, or `NUMBER` images of the validation split.

    Args:
        cfg: whose `default_scope` is set.
        folder: see `isic_mmdet.deploy.predict.inputs.find_images`; None for the split.

    Raises:
        InputError: there are no images.
    """
    if folder is not None:
        files = find_images([folder], Path(folder) / 'masks').files
        return CheckImages(files, f'{len(files)} images of {folder}')
    try:
        records = split_records(cfg, 'val_dataloader')
    except InputError as error:
        raise InputError(f'{error}\nor name other real images with --check-images DIR') from error
    chosen = [record['img_path'] for record in spread(records, NUMBER)]
    files = find_images(chosen, Path(cfg.filename).parent / 'none').files
    return CheckImages(files, f'{len(files)} of the {len(records)} validation images')


def split_records(cfg: Config, loader: str) -> list[dict[str, Any]]:
    """Return the annotations of a split: `img_path`, `original_mask`, ... of each image.

    Args:
        cfg: whose `default_scope` is set.
        loader: 'train_dataloader' or 'val_dataloader'.

    Raises:
        InputError: the data cannot be read.
    """
    records = []
    for leaf in leaf_datasets(cfg, loader):
        dataset_cfg = {**leaf, 'pipeline': [], 'test_mode': True}
        annotations = Path(dataset_cfg['data_root'], dataset_cfg['ann_file']).resolve()
        try:
            dataset = DATASETS.build(dataset_cfg)
        except (InputError, OSError) as error:
            raise InputError(f'the images of {annotations} cannot be read: {error}') from error
        records += [dataset.get_data_info(index) for index in range(len(dataset))]
    return records


def spread(records: Sequence[Record], number: int) -> list[Record]:
    """Return at most `number` records, at equal distances from the first to the last."""
    chosen = np.linspace(0, len(records) - 1, min(number, len(records))).round().astype(int)
    return [records[index] for index in chosen]
