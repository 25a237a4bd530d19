"""Looking at a data set before a training: what is in it, and what the net will see of it."""

import copy
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmdet.registry import DATASETS
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.runner import set_random_seed
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from tqdm import tqdm

from isic_mmdet.engine.checks.preflight import preflight
from isic_mmdet.engine.config.load import LOADERS, leaf_datasets
from isic_mmdet.errors import InputError
from isic_mmdet.report.panels import card, contact_sheet, write_png
from isic_mmdet.report.resolution import resolution_histogram

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
        cfg: a whole experiment; what packs the inputs is taken out of its training pipeline.
        out: folder for `resolution.png`, `masks.png` and `augmented.png`.
        split: `train`, `val` or `test`; None shows training images, and the resolutions of all
            splits that are there.
        number: images on a sheet.
        seed: of the choice of images and of the pipeline. Python's, NumPy's and torch's global
            generators are set to it.
        augmented: draw the third sheet too, always of training images.

    Returns:
        The files written.

    Raises:
        InputError: `number` is not positive, or the experiment does not fit its data.
    """
    if number < 1:
        raise InputError(f'--number {number}: give 1 image or more')
    out = Path(out)
    loader = f'{split or "train"}_dataloader'
    used = [loader]
    if augmented:
        _stop_before_packing(cfg)
        used = list(dict.fromkeys([loader, 'train_dataloader']))
    preflight(cfg, tuple(used), with_workers=False)

    sizes = official_sizes(cfg, (loader,) if split else LOADERS)
    written = [out / 'resolution.png', out / 'masks.png']
    resolution_histogram(list(_of_originals(sizes).values()), written[0])
    write_png(written[1], masks_sheet(_first_leaf(cfg, loader), sizes, number, seed))
    if augmented:
        written.append(out / 'augmented.png')
        dataset = DATASETS.build(copy.deepcopy(cfg.train_dataloader.dataset))
        write_png(written[2], augmented_sheet(dataset, number, seed))
    return written


def official_sizes(cfg: Config, loaders: tuple[str, ...]) -> dict[str, tuple[int, int]]:
    """Return ISIC id to height and width of the official image, in pixels.

    Args:
        cfg: a whole experiment.
        loaders: those whose annotation files are read; files that are absent are passed over.
    """
    sizes = {}
    for dataset in leaf_datasets(Config({name: cfg[name] for name in loaders if cfg.get(name)})):
        path = Path(dataset.get('data_root') or '', dataset.ann_file)
        if path.is_file():
            for image in json.loads(path.read_text(encoding='utf-8'))['images']:
                sizes[image['isic_id']] = image['original_height'], image['original_width']
    return sizes


def masks_sheet(
    dataset: BaseDataset, sizes: dict[str, tuple[int, int]], number: int, seed: int
) -> np.ndarray:
    """Draw images of a data set as they were prepared, with their annotated lesions.

    Args:
        dataset: a `LesionDataset`.
        sizes: see `official_sizes`.
        number: of images, drawn at random; all where there are fewer.
        seed: of the drawing.

    Returns:
        (H, W, 3) uint8, BGR.
    """
    classes = dataset.metainfo['classes']
    cards = []
    for index in tqdm(_drawn(dataset, number, seed), 'drawing masks', unit='image'):
        record = dataset.get_data_info(index)
        height, width = sizes[record['isic_id']]
        note = f'{width} x {height} px'
        if len(classes) > 1:
            note = f'{classes[record["gt_label"]]}, {note}'
        cards.append(card(_image(record), _lesion(record), record['isic_id'], note, height=320))
    return contact_sheet(cards, COLUMNS)


def augmented_sheet(dataset: BaseDataset, number: int, seed: int) -> np.ndarray:
    """Draw images of a data set, and next to each what its pipeline makes of it at random.

    Args:
        dataset: whose pipeline leaves `img` and `gt_masks`, so does not pack them.
        number: of images, drawn at random; all where there are fewer.
        seed: of the drawing and of the pipeline.

    Returns:
        (H, W, 3) uint8, BGR.
    """
    indices = _drawn(dataset, number, seed)
    set_random_seed(seed)
    cards = []
    for index in tqdm(indices, 'drawing augmentations', unit='image'):
        record = dataset.get_data_info(index)
        image, lesion = _image(record), _lesion(record)
        cards.append(card(image, lesion, record['isic_id'], _size('as prepared', image), 224))
        for draw in range(1, DRAWS + 1):
            results = dataset[index]
            image, lesion = results['img'], results['gt_masks'].masks.any(axis=0)
            cards.append(card(image, lesion, f'draw {draw}', _size('as trained', image), 224))
    return contact_sheet(cards, 1 + DRAWS)


def _stop_before_packing(cfg: Config) -> None:
    for dataset in leaf_datasets(Config({'train_dataloader': cfg.train_dataloader})):
        dataset.pipeline = dataset.pipeline[:-1]


def _first_leaf(cfg: Config, loader: str) -> BaseDataset:
    """Build the data set of a loader without what wraps it to balance or repeat it."""
    leaf = next(leaf_datasets(Config({loader: cfg[loader]})))
    return DATASETS.build(copy.deepcopy(leaf))


def _of_originals(sizes: dict[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    """Count an image once whose flipped copies are samples too (`ISIC_0000000_vertical`)."""
    return {isic_id[: len('ISIC_0000000')]: size for isic_id, size in sizes.items()}


def _drawn(dataset: BaseDataset, number: int, seed: int) -> list[int]:
    """Return indices without repetition, in rising order."""
    count = min(number, len(dataset))
    return sorted(np.random.default_rng(seed).choice(len(dataset), count, replace=False).tolist())


def _image(record: dict[str, Any]) -> np.ndarray:
    image = cv2.imread(record['img_path'], cv2.IMREAD_COLOR)
    if image is None:
        raise InputError(
            f'{record["img_path"]}: cannot be read as an image; prepare the data again'
        )
    return image


def _lesion(record: dict[str, Any]) -> NDArray[np.bool_]:
    """Return the annotated mask of a record, (H, W) of the prepared image."""
    return coco_mask.decode([instance['mask'] for instance in record['instances']]).any(axis=2)


def _size(what: str, image: np.ndarray) -> str:
    return f'{what}, {image.shape[1]} x {image.shape[0]} px'
