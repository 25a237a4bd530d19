"""Which real images an exported file is checked with."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from mmdet.registry import DATASETS
from mmengine.config import Config

from isic_mmdet.challenge.sources import SourceFile
from isic_mmdet.errors import InputError
from isic_mmdet.experiment import leaf_datasets
from isic_mmdet.inference.inputs import find_images

#: Images that are taken from a validation split, spread evenly over it.
NUMBER = 20


class CheckImages(NamedTuple):
    """Images, and where they come from.

    Attributes:
        files: by their id.
        source: for people.
    """

    files: dict[str, SourceFile]
    source: str


def check_images(cfg: Config, folder: str | None) -> CheckImages:
    """Return the images of a folder, or `NUMBER` of those of a config's validation split.

    Args:
        cfg: whose `default_scope` is set.
        folder: what the user named, as in `isic_mmdet.inference.inputs.find_images`.

    Raises:
        InputError: there are none.
    """
    if folder is not None:
        files = find_images([folder], Path(folder) / 'masks')
        return CheckImages(files, f'{len(files)} images of {folder}')
    (dataset_cfg,) = leaf_datasets(Config({'val_dataloader': cfg.val_dataloader}))
    place = Path(dataset_cfg.data_root, dataset_cfg.ann_file).resolve()
    try:
        dataset = DATASETS.build(dataset_cfg)
    except (InputError, OSError) as error:
        raise InputError(
            f'{place}: the validation split, with which the file is to be checked, cannot be read '
            f'({error}); name other real images with --check-images DIR'
        ) from error
    paths = [Path(dataset.get_data_info(index)['img_path']) for index in range(len(dataset))]
    chosen = np.linspace(0, len(paths) - 1, min(NUMBER, len(paths))).round().astype(int)
    files = find_images([str(paths[index]) for index in chosen], place.parent / 'none')
    return CheckImages(files, f'{len(files)} of the {len(paths)} images of {place}')
