"""Reading what a training and an evaluation leave, for figures and reports."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isic_mmdet.errors import InputError
from isic_mmdet.evaluation import per_image
from isic_mmdet.utils.schema import COUNT, NUMBER, shape_errors

# The prefix of `loss`, `loss_mask` and so on in the log, and the images that it stands for.
LOSS_PREFIXES = {'': 'training', 'val/': 'validation', 'test/': 'test'}
RULES = {'iou': 'highest-scoring detection', 'iou_max': 'best detection (oracle)'}


def read_per_image(path: str | Path) -> dict[str, NDArray[np.float64]]:
    """Return the columns `iou`, `iou_max` and `detections` of a `per_image.csv`, (N,) each.

    Raises:
        InputError: as `per_image.read_per_image`.
    """
    names = (*RULES, 'detections')
    rows = per_image.read_per_image(Path(path), ('image_id', *names))
    return {name: np.array([row[name] for row in rows], np.float64) for name in names}


def summary(values: NDArray[np.float64]) -> dict[str, float]:
    """Return min, Q1, median, Q3, max (linear interpolation, as NumPy) and mean of (N,) values."""
    quantiles = np.quantile(values, (0, 0.25, 0.5, 0.75, 1))
    names = ('min', 'Q1', 'median', 'Q3', 'max', 'mean')
    return dict(zip(names, [*map(float, quantiles), float(values.mean())], strict=True))


def read_scalars(path: str | Path) -> list[dict[str, Any]]:
    """Return the records of a JSON-lines file of mmengine: numbers by their names.

    Raises:
        InputError: the file is missing or damaged; names the line.
    """
    try:
        lines = Path(path).read_text(encoding='utf-8').splitlines()
    except OSError as error:
        raise InputError(f'{path}: cannot be read ({error.strerror}); train first') from error
    except UnicodeDecodeError as error:
        raise InputError(f'{path}: not text ({error}); replace it by a good copy') from error
    records = []
    for number, line in enumerate(lines, 1):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(
                f'{path}, line {number}: not JSON ({error}); remove the damaged line'
            ) from error
        if not _is_record(record):
            raise InputError(
                f'{path}, line {number}: no numbers by their names; remove the damaged line'
            )
        records.append(record)
    return records


def continued(records: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the records of one training from those of its resumed or repeated parts.

    When the iteration number falls, the training was resumed from there: everything logged from
    that iteration on is void, the validations in between too. Losses carry the iteration, also
    those of held-out images. The scores of a validation do not, so their place in the log decides.
    """
    kept: list[dict[str, Any]] = []
    latest: dict[str, int] = {}
    for record in records:
        kind = _kind(record)
        if kind is not None:
            step = record['step']
            # One step has one record of each kind.
            if step < max(latest.values(), default=step) or step == latest.get(kind):
                del kept[_first_void(kept, kind, step) :]
                latest.clear()
            latest[kind] = step
        kept.append(record)
    return kept


def time_unit(records: Sequence[Mapping[str, Any]]) -> tuple[str, float]:
    """Return the unit in which a training counts its time, and its length in iterations.

    The log does not hold the length of an epoch, but every epoch logs its first record after the
    same number of iterations. Of a single epoch only the last logged iteration is known.
    """
    first_steps: dict[int, int] = {}
    for record in records:
        if 'epoch' in record:
            first_steps.setdefault(record['epoch'], record['step'])
    if not first_steps:
        return 'iteration', 1
    start, end = min(first_steps), max(first_steps)
    if start == end:
        return 'epoch', max(record['step'] for record in records) / start
    return 'epoch', (first_steps[end] - first_steps[start]) / (end - start)


def training_data(training: Any) -> str | None:
    """Return what a model was trained on, such as 'isic2018 train, 1457 images, a1b2c3d4'.

    Args:
        training: of a `metrics.json`; unknown parts are skipped, and None is returned if all are.
            The last part is the beginning of the SHA-256 of the annotation file.
    """
    if not isinstance(training, Mapping):
        return None
    name, images, digest = (training.get(key) for key in ('data', 'images', 'data_digest'))
    parts = [name, None if images is None else f'{images} images', digest and str(digest)[:8]]
    return ', '.join(str(part) for part in parts if part) or None


def _is_record(value: Any) -> bool:
    if shape_errors(value, {'*': NUMBER}):
        return False
    counts = [value[key] for key in ('step', 'epoch', 'iter') if key in value]
    return not shape_errors(counts, [COUNT]) and (
        'step' in value or (_kind(value) is None and 'epoch' not in value)
    )


def _kind(record: Mapping[str, Any]) -> str | None:
    """Return which images a record holds the losses of, None for one without losses."""
    return next((prefix for prefix in LOSS_PREFIXES if f'{prefix}loss' in record), None)


def _first_void(records: Sequence[Mapping[str, Any]], kind: str, step: int) -> int:
    """Return the index of the first losses that those of `kind` at an iteration replace."""
    return next(
        index
        for index, record in enumerate(records)
        if (other := _kind(record)) is not None
        and (record['step'] > step or (record['step'] == step and other == kind))
    )
