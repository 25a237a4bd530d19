"""The number of epochs of a config that follows the number of training images.

Such a config has `epochs_by_images=dict(images=N, power=P)`. Its `train_cfg.max_epochs` belongs to
N images; n images get max_epochs (N / n) ** P epochs. With P between 0 and 1, more images get fewer
epochs, and yet more steps. The number of validations stays about the same.
"""

import json
from collections.abc import Collection
from pathlib import Path

from mmengine.config import Config
from mmengine.logging import print_log

from isic_mmdet.engine.config.data_sets import leaf_datasets
from isic_mmdet.errors import InputError

_FEWEST, _MOST = 2, 60


def follow_images(cfg: Config, given: Collection[str] = ()) -> None:
    """Set epochs and validation interval from the number of training images; log both.

    Nothing changes without `epochs_by_images`, or if the annotations cannot be read, which the
    checks before the run report.

    Args:
        cfg: changed in place.
        given: dotted names of the settings of the command line, which stay as they are.

    Raises:
        InputError: a number of the rule is not positive.
    """
    rule = cfg.pop('epochs_by_images', None)
    if rule is None or 'train_cfg.max_epochs' in given:
        return
    numbers = rule.get('images'), rule.get('power')
    if not all(isinstance(each, (int, float)) and each > 0 for each in numbers):
        raise InputError(
            f'{cfg.filename}: epochs_by_images is {dict(rule)}; give two positive numbers, such as '
            'dict(images=50, power=0.4)'
        )
    datasets = leaf_datasets(cfg, 'train_dataloader')
    files = [Path(each.get('data_root') or '', each.ann_file) for each in datasets]
    images = sum(map(_images, files))
    if not images:
        return
    loop = cfg.train_cfg
    validations = loop.max_epochs / loop.val_interval
    epochs = round(loop.max_epochs * (rule.images / images) ** rule.power)
    loop.max_epochs = min(max(epochs, _FEWEST), _MOST)
    if 'train_cfg.val_interval' not in given:
        loop.val_interval = max(1, round(loop.max_epochs / validations))
    print_log(
        f'{images} training images: {loop.max_epochs} epochs, with a validation every '
        f'{loop.val_interval}; set train_cfg.max_epochs for another number',
        'current',
    )


def _images(path: Path) -> int:
    try:
        return len(json.loads(path.read_text(encoding='utf-8'))['images'])
    except (OSError, ValueError, RecursionError, KeyError, TypeError):
        return 0
