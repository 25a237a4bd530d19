"""Gathering the files of one evaluation, and making sure that they belong together."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isic_mmdet.errors import InputError
from isic_mmdet.evaluation.metrics_file import read_reports
from isic_mmdet.evaluation.per_image import Row, read_per_image
from isic_mmdet.evaluation.scores import threshold_jaccard
from isic_mmdet.report.run_files import continued, read_scalars

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
    images = map(_image, read_per_image(folder / 'per_image.csv'))
    logs = [path for path in (folder, folder.resolve().parent) if (path / 'scalars.json').is_file()]
    scalars = continued(read_scalars(logs[0] / 'scalars.json')) if logs else []
    evaluation = Evaluation(metrics, tuple(images), tuple(scalars))
    for name, values in evaluation.per_image().items():
        reported = evaluation.find('metrics', f'lesion/{name}')
        if reported is not None and abs(reported - values.mean()) > _TOLERANCE:
            raise InputError(
                f'{folder}: metrics.json has lesion/{name} {reported:.6f}, but the mean over '
                f'per_image.csv is {values.mean():.6f}; they are not of the same evaluation, '
                'run tools/test.py again'
            )
    return evaluation


def _image(row: Row) -> ImageScores:
    others = ('image_id', 'score', 'label', 'predicted_label', 'detections', 'height', 'width')
    scores = {name: row[name] for name in SCORES}
    return ImageScores(scores=scores, **{name: row[name] for name in others})
