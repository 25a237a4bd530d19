"""The reader of what a training and an evaluation leave in a work dir."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isic_mmdet.errors import InputError
from isic_mmdet.evaluation.metrics_file import read_reports
from isic_mmdet.evaluation.per_image import read_per_image
from isic_mmdet.evaluation.summary import summarize
from isic_mmdet.utils.schema import COUNT, NUMBER, Shape, shape_errors

Report = Mapping[str, Any]
Record = dict[str, Any]
Values = NDArray[np.float64]

# The prefix of `loss`, `loss_mask` and so on in the log, and the images of these losses.
LOSS_PREFIXES = {'': 'training', 'val/': 'validation', 'test/': 'test'}
RULES = {'iou': 'highest-scoring detection', 'iou_max': 'best detection (oracle)'}
_RECORD: Shape = {'step': COUNT, 'epoch?': COUNT, '*': NUMBER}


@dataclass(frozen=True)
class TrainingLog:
    """What a training logged: numbers by name, as in `scalars.json`, and its unit of time."""

    records: Sequence[Record] = ()
    unit: str = 'iteration'  # or 'epoch'
    length: float = 1  # of the unit, in iterations

    @classmethod
    def of(cls, records: Iterable[Record]) -> 'TrainingLog':
        """Return the log of one training from the records of its resumed or repeated parts."""
        kept = _continued(records)
        return cls(kept, *_time_unit(kept))

    @property
    def losses(self) -> list[str]:
        """Names of the losses, without prefixes, in the order of the log."""
        names = (_loss_name(key) for record in self.records for key in record)
        plain = (name.removeprefix('val/').removeprefix('test/') for name in names)
        return list(dict.fromkeys(name for name in plain if name.startswith('loss')))

    def curve(self, name: str) -> Values:
        """Return the times and values of a score or a loss, (N, 2).

        A loss of a detector with stages is the sum over its stages.
        """
        # Losses are logged by iteration, the scores of an epoch-based training by epoch.
        length = 1 if name.startswith('lesion/') else self.length
        points = []
        for record in self.records:
            values = [value for key, value in record.items() if _loss_name(key) == name]
            if values:
                points.append((record['step'] / length, sum(values)))
        return np.array(points, np.float64).reshape(-1, 2)


def read_evaluation(work_dir: str | Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the content of `metrics.json` and the rows of `per_image.csv`.

    Raises:
        InputError: a file is missing or damaged, or the two are not of one evaluation.
    """
    folder = Path(work_dir)
    (report,) = read_reports([folder / 'metrics.json'])
    rows = read_per_image(folder / 'per_image.csv')
    for name, value in summarize(rows, intervals=()).items():
        reported = report['metrics'].get(name)
        if reported is not None and abs(reported - value) > 1e-6:
            raise InputError(
                f'{folder}: {name} is {reported:.6f} in metrics.json, but {value:.6f} in '
                'per_image.csv; they are of two evaluations, run tools/test.py again'
            )
    return report, rows


def read_log(path: Path) -> TrainingLog:
    """Read the `scalars.json` of a training, a JSON-lines file of mmengine.

    Raises:
        InputError: the file is missing or damaged; names the line.
    """
    try:
        lines = path.read_text(encoding='utf-8').splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f'{path}: cannot be read ({error}); replace it by a good copy') from error
    records = []
    for number, line in enumerate(lines, 1):
        try:
            record = json.loads(line)
            errors = shape_errors(record, _RECORD)
        except (ValueError, RecursionError) as error:
            errors = [f'not JSON ({error})']
        if errors:
            raise InputError(f'{path}, line {number}: {errors[0]}; remove the damaged line')
        records.append(record)
    return TrainingLog.of(records)


def summary(values: Values) -> dict[str, float]:
    """Return min, Q1, median, Q3, max (linear interpolation, as NumPy) and mean of (N,) values."""
    quantiles = np.quantile(values, (0, 0.25, 0.5, 0.75, 1))
    names = ('min', 'Q1', 'median', 'Q3', 'max', 'mean')
    return dict(zip(names, [*map(float, quantiles), float(values.mean())], strict=True))


def data_and_split(report: Report) -> str | None:
    """Return data set and split, such as 'isic2018 test', as far as they are known."""
    return ' '.join(report[key] for key in ('data', 'split') if report.get(key)) or None


def training_data(report: Report) -> str | None:
    """Return what a model was trained on, such as 'isic2018 train, 1457 images, a1b2c3d4'.

    The last part is the beginning of the SHA-256 of the annotation file. Unknown parts are skipped.
    """
    training = report.get('training') or {}
    images, digest = training.get('images'), training.get('data_digest')
    parts = [training.get('data'), images and f'{images} images', digest and str(digest)[:8]]
    return ', '.join(str(part) for part in parts if part) or None


@cache
def _loss_name(key: str) -> str:
    """Return a name of the log without the stage, `loss_mask` for `s0.loss_mask`."""
    return re.sub(r'(^|/)(\w+\.|stage\d+_)(?=loss)', r'\1', key)


def _continued(records: Iterable[Record]) -> list[Record]:
    """Return the records without those that a resumed training has repeated.

    When the iteration number falls, the training was resumed there. All earlier records from that
    iteration on are dropped, also the validations in between. All losses have the iteration. The
    scores of a validation do not have it, so their place in the log decides.
    """
    kept: list[Record] = []
    for record in records:
        kind, end = _kind(record), len(kept)
        # One step has one record of each kind.
        for index in reversed(range(len(kept) if kind is not None else 0)):
            earlier, step = _kind(kept[index]), kept[index]['step']
            if earlier is not None and step < record['step']:
                break
            if earlier is not None and (step > record['step'] or earlier == kind):
                end = index
        kept[end:] = [record]
    return kept


def _kind(record: Record) -> str | None:
    """Return the prefix of the losses of a record, None for one without losses."""
    return next((prefix for prefix in LOSS_PREFIXES if f'{prefix}loss' in record), None)


def _time_unit(records: Sequence[Record]) -> tuple[str, float]:
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
