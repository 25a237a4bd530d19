"""Gathering the files of one evaluation, and making sure that they belong together."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isic_mmdet.errors import InputError
from isic_mmdet.evaluation.metrics_file import read_reports
from isic_mmdet.evaluation.per_image import PER_IMAGE_COLUMNS
from isic_mmdet.evaluation.scores import threshold_jaccard
from isic_mmdet.report.run_files import continued, read_scalars
from isic_mmdet.utils.csv_file import read_csv, to_number

SCORES = ('iou', 'iou_max', 'dice', 'pixel_accuracy', 'sensitivity', 'specificity')
_TOLERANCE = 1e-6


@dataclass(frozen=True)
class ImageScores:
    """One row of `per_image.csv`; what the file leaves empty is None.

    Attributes:
        image_id: ISIC id.
        scores: the columns `SCORES`, in [0, 1].
        score: confidence of the detection with the highest one, in [0, 1].
        label: true class.
        predicted_label: class of the detection with the highest score.
        detections: how many there are.
        height: of the official mask in pixels.
        width: of the official mask in pixels.
    """

    image_id: str
    scores: Mapping[str, float]
    score: float | None
    label: str | None
    predicted_label: str | None
    detections: int
    height: int
    width: int


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation left, and the log of the training behind it.

    Attributes:
        metrics: content of `metrics.json`.
        images: rows of `per_image.csv`.
        scalars: records of the training's log, empty where there is none.
    """

    metrics: Mapping[str, Any]
    images: tuple[ImageScores, ...]
    scalars: tuple[dict[str, Any], ...]

    def per_image(self) -> dict[str, NDArray[np.float64]]:
        """Return the values per image of every metric that is a mean over images, (N,) each."""
        columns = {name: [image.scores[name] for image in self.images] for name in SCORES}
        columns['iou_thr65'] = [threshold_jaccard(value) for value in columns['iou']]
        columns['missed'] = [float(image.detections == 0) for image in self.images]
        return {name: np.array(values, np.float64) for name, values in columns.items()}

    def find(self, *keys: str) -> Any:
        """Return a nested value of `metrics.json`, None where it is not known."""
        value: Any = self.metrics
        for key in keys:
            value = value.get(key) if isinstance(value, Mapping) else None
        return value


def read_evaluation(work_dir: str | Path) -> Evaluation:
    """Read `metrics.json`, `per_image.csv` and `scalars.json`.

    Args:
        work_dir: folder of a test, or of a run, whose files are those of the last validation. The
            folder above a test's is that of its training.

    Raises:
        InputError: if one of the first two is missing or damaged, they are not of one evaluation,
            or the log is damaged.
    """
    folder = Path(work_dir)
    (metrics,) = read_reports([folder / 'metrics.json'])
    images = _read_images(folder / 'per_image.csv')
    logs = [path for path in (folder, folder.resolve().parent) if (path / 'scalars.json').is_file()]
    scalars = continued(read_scalars(logs[0] / 'scalars.json')) if logs else []
    evaluation = Evaluation(metrics, tuple(images), tuple(scalars))
    for name, values in evaluation.per_image().items():
        told = evaluation.find('metrics', f'lesion/{name}')
        if told is not None and abs(told - values.mean()) > _TOLERANCE:
            raise InputError(
                f'{folder}: metrics.json has lesion/{name} {told:.6f}, but the mean over '
                f'per_image.csv is {values.mean():.6f}; they are not of the same evaluation, '
                'run tools/test.py again'
            )
    return evaluation


def _read_images(path: Path) -> list[ImageScores]:
    table = read_csv(path, PER_IMAGE_COLUMNS, 'run tools/test.py first')
    absent = [name for name in PER_IMAGE_COLUMNS if name not in table.header.columns]
    if absent and table.header.columns:
        raise InputError(
            f'{path}: lacks the column {", ".join(absent)}; give the per_image.csv of a test'
        )
    if not table.rows:
        raise InputError(f'{path}: has no rows; run tools/test.py again to write it')
    images, faults = [], []
    for number, row in table.rows:
        try:
            images.append(_image(row))
        except ValueError as error:
            faults.append(f'line {number}: {error}')
    counts = Counter(image.image_id for image in images)
    faults += [f'{name} comes {count} times' for name, count in counts.items() if count > 1]
    if faults:
        raise InputError(f'{path}: damaged; run tools/test.py again to write it:', faults)
    return images


def _image(row: Mapping[str, str]) -> ImageScores:
    scores = {name: _number(row, name) for name in SCORES}
    score = _number(row, 'score') if row['score'] else None
    for value in (*scores.values(), score):
        if value is not None and not 0 <= value <= 1:
            raise ValueError(f'a score of {value}, which is not in [0, 1]')
    counts = [_number(row, name) for name in ('detections', 'height', 'width')]
    are_counts = all(count.is_integer() and 0 <= count < 2**31 for count in counts)
    if not are_counts or 0 in counts[1:]:
        raise ValueError(f'detections, height and width of {counts}')
    return ImageScores(
        row['image_id'],
        scores,
        score,
        row['label'] or None,
        row['predicted_label'] or None,
        *map(int, counts),
    )


def _number(row: Mapping[str, str], column: str) -> float:
    value = to_number(row[column])
    if value is None:
        raise ValueError(f'column {column}: {row[column]!r} is not a number')
    return value
