"""Cross-validation: which fold of a prepared data set a run trains and validates on.

The annotations of fold K are `fold<K>/train.json` and `fold<K>/val.json`, next to those of the
splits. A test part belongs to no fold.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config

from isic_mmdet.engine.config.data_sets import distinct_datasets
from isic_mmdet.errors import InputError
from isic_mmdet.utils.files import sha256_together

_FOLDER = re.compile(r'fold(\d+)')


def select_fold(cfg: Config, fold: int) -> None:
    """Train and validate on one fold.

    Raises:
        InputError: a data set has no such fold.
    """
    for dataset in distinct_datasets(cfg, 'train_dataloader', 'val_dataloader'):
        path = Path(dataset.ann_file)
        chosen = path.parent / f'fold{fold}' / path.name
        folder = Path(dataset.get('data_root') or '', path.parent)
        if not Path(dataset.get('data_root') or '', chosen).is_file():
            folds = ', '.join(map(str, sorted(_folds(folder))))
            known = f'the folds {folds}' if folds else 'no folds'
            raise InputError(
                f'--fold {fold}: there is no {folder / chosen.parent.name / path.name}; '
                f'{folder.parent} has {known}. tools/prepare_folder.py --folds N makes folds'
            )
        dataset.ann_file = str(chosen)


def fold_facts(annotation_files: Sequence[str]) -> dict[str, Any] | None:
    """Return which fold some annotation files are of; None if they are not of the same fold.

    The files are those of one data set, or of several that are used together.

    Returns:
        `number`, `of` (how many folds there are), and `digest`, the SHA-256 of the validation parts
        of all folds, which all runs of one cross-validation have in common.
    """
    parents = list(dict.fromkeys(Path(name).parent for name in annotation_files))
    matches = [_FOLDER.fullmatch(parent.name) for parent in parents]
    numbers = {int(match[1]) if match else None for match in matches}
    number = numbers.pop() if len(numbers) == 1 else None
    if number is None:
        return None
    folds = [_folds(parent.parent) for parent in parents]
    parts = [path / 'val.json' for found in folds for _, path in sorted(found.items())]
    digest = sha256_together([path for path in parts if path.is_file()])
    return {'number': number, 'of': len(folds[0]), 'digest': digest}


def _folds(folder: Path) -> dict[int, Path]:
    found = ((path, _FOLDER.fullmatch(path.name)) for path in folder.glob('fold*'))
    return {int(match[1]): path for path, match in found if match}
