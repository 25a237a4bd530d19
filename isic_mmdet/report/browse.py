"""Sheets that show a data set before a training: its images, and what the network will see."""

import copy
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from mmdet.registry import DATASETS
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.runner import set_random_seed
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from tqdm import tqdm

from isic_mmdet.engine.checks.preflight import preflight
from isic_mmdet.engine.config.data_sets import LOADERS, leaf_datasets
from isic_mmdet.errors import InputError
from isic_mmdet.images.encoding import encode_png
from isic_mmdet.prepare.flips import original_id
from isic_mmdet.report.figures import resolution_figure, save_figure
from isic_mmdet.report.panels import card, contact_sheet, read_image
from isic_mmdet.utils.files import write_atomically

DRAWS = 5  # of the training pipeline for an image
COLUMNS = 4  # images in a row of the sheet of masks


def browse(
    cfg: Config,
    out: str | Path,
    split: str | None = None,
    number: int = 12,
    seed: int = 0,
    augmented: bool = False,
) -> list[Path]:
    """Draw the resolutions of a data set, some of its images, and what the pipeline makes of them.

    Args:
        cfg: a complete experiment. The last transform of its training pipeline is removed, because
            it packs the inputs.
        out: folder for `resolution.png`, `masks.png` and `augmented.png`, which are returned.
        split: `train`, `val` or `test`; None draws training images, and the resolutions of all
            splits that exist.
        number: images on a sheet, drawn at random.
        seed: of the images and the pipeline. The global random generators are set to it.
        augmented: draw the third sheet too, always of training images.

    Raises:
        InputError: `number` is not positive, or the experiment does not fit its data.
    """
    if number < 1:
        raise InputError(f'--number {number}: give 1 image or more')
    loader = f'{split or "train"}_dataloader'
    used = {loader, 'train_dataloader'} if augmented else {loader}
    if augmented:
        for leaf in leaf_datasets(cfg, 'train_dataloader'):
            leaf.pipeline = leaf.pipeline[:-1]
    preflight(cfg, tuple(sorted(used)), with_workers=False)

    sizes = _official_sizes(cfg, [loader] if split else LOADERS)
    originals = [size for isic_id, size in sizes.items() if original_id(isic_id) not in sizes]
    figure = resolution_figure(originals)
    save_figure(figure, Path(out, 'resolution.png'))
    # The first leaf is the data set without the wrappers that balance or repeat it.
    dataset = _build(next(leaf_datasets(cfg, loader)))
    sheets = {'masks.png': _masks_sheet(dataset, sizes, number, seed)}
    if augmented:
        dataset = _build(cfg.train_dataloader.dataset)
        sheets['augmented.png'] = _augmented_sheet(dataset, number, seed)
    for name, sheet in sheets.items():
        write_atomically(Path(out, name), encode_png(sheet))
    return [Path(out, name) for name in ('resolution.png', *sheets)]


def _official_sizes(cfg: Config, loaders: Iterable[str]) -> dict[str, tuple[int, int]]:
    """Return height and width of the official images by ISIC id; absent splits are skipped."""
    sizes = {}
    for dataset in leaf_datasets(cfg, *loaders):
        path = Path(dataset.get('data_root') or '', dataset.ann_file)
        if path.is_file():
            for image in json.loads(path.read_text(encoding='utf-8'))['images']:
                sizes[image['isic_id']] = image['original_height'], image['original_width']
    return sizes


def _masks_sheet(
    dataset: BaseDataset, sizes: Mapping[str, tuple[int, int]], number: int, seed: int
) -> np.ndarray:
    """Draw images of a data set as they were prepared, with their annotated lesions."""
    classes = dataset.metainfo['classes']
    cards = []
    for index in tqdm(_drawn(dataset, number, seed), 'drawing masks', unit='image'):
        record = dataset.get_data_info(index)
        height, width = sizes[record['isic_id']]
        note = f'{width} x {height} px'
        if len(classes) > 1:
            note = f'{classes[record["gt_label"]]}, {note}'
        cards.append(card(*_prepared(record), record['isic_id'], note, height=320))
    return contact_sheet(cards, COLUMNS)


def _augmented_sheet(dataset: BaseDataset, number: int, seed: int) -> np.ndarray:
    """Draw images of a data set, and next to each what its pipeline makes of it at random."""
    indices = _drawn(dataset, number, seed)
    set_random_seed(seed)
    cards = []
    for index in tqdm(indices, 'drawing augmentations', unit='image'):
        record = dataset.get_data_info(index)
        cards.append(_card(*_prepared(record), record['isic_id'], 'as prepared'))
        for draw in range(1, DRAWS + 1):
            results = dataset[index]
            lesion = results['gt_masks'].masks.any(axis=0)
            cards.append(_card(results['img'], lesion, f'draw {draw}', 'as trained'))
    return contact_sheet(cards, 1 + DRAWS)


def _build(dataset: Config) -> BaseDataset:
    return DATASETS.build(copy.deepcopy(dataset))


def _drawn(dataset: BaseDataset, number: int, seed: int) -> list[int]:
    """Return indices without repetition, in rising order."""
    count = min(number, len(dataset))
    return sorted(np.random.default_rng(seed).choice(len(dataset), count, replace=False).tolist())


def _prepared(record: Mapping[str, Any]) -> tuple[np.ndarray, NDArray[np.bool_]]:
    """Return image and annotated mask of a record, (H, W, 3) and (H, W)."""
    masks = coco_mask.decode([instance['mask'] for instance in record['instances']])
    return read_image(record['img_path']), masks.any(axis=2)


def _card(image: np.ndarray, lesion: np.ndarray, title: str, what: str) -> np.ndarray:
    note = f'{what}, {image.shape[1]} x {image.shape[0]} px'
    return card(image, lesion, title, note, height=224)
