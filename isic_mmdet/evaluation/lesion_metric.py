"""The mmengine evaluator of this project: the challenge's scores at the original image size."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mmdet.registry import METRICS
from mmengine.dist import all_gather_object, is_main_process
from mmengine.evaluator import BaseMetric

from isic_mmdet.errors import InputError
from isic_mmdet.evaluation.calibration import calibration
from isic_mmdet.evaluation.classification import (
    class_metrics,
    confusion_matrix,
    have_classes,
    positive_class,
)
from isic_mmdet.evaluation.expected_iou import (
    ExpectedIoU,
    add_expected_iou,
    fit_expected_iou,
)
from isic_mmdet.evaluation.image_row import image_row
from isic_mmdet.evaluation.metrics_file import write_metrics
from isic_mmdet.evaluation.per_image import (
    PER_IMAGE_COLUMNS,
    UNCERTAINTY_COLUMNS,
    class_columns,
    classes_of,
    write_per_image,
)
from isic_mmdet.evaluation.summary import summarize

# Columns of `per_image.csv` that are averaged.
_SCORES = ('iou', 'iou_max', 'dice', 'pixel_accuracy', 'sensitivity', 'specificity')


class DataSet(NamedTuple):
    """Image ids and facts for `metrics.json` of a data set that is evaluated with others."""

    images: frozenset[str]
    facts: Mapping[str, Any]


@METRICS.register_module()
class LesionMetric(BaseMetric):
    """Jaccard index and related scores per image, and how well classes are separated.

    Each predicted mask is compared with the official mask file at the size of that file.
    `lesion/iou` scores the detection with the highest score, `lesion/iou_max` the one that
    overlaps the truth most (the rule of the 2018 student project). An image without a detection is
    scored as an empty mask; its `score` and `predicted_label` are empty and its score for every
    class is 0.

    If the data have several classes and the true class of the images is known (`gt_label`),
    `classification.class_metrics` are added. The decision is the class of the detection with the
    highest score. The score of a class is the highest among its detections. Undefined values are
    NaN, and null in `metrics.json`.

    The data samples need `pred_instances` and the meta keys `isic_id` (str), `ori_shape` (height,
    width) and `original_mask` (path of the official mask), and for data of several classes
    `gt_label` (int, index of the class). Masks may be an (n, H, W) bool tensor or array, or COCO
    run-length codes, at `ori_shape`.

    `metrics.json` holds::

        {
          "metrics": {"lesion/iou": 0.81, ...},
          "images": 325,
          "confusion_matrix": {               only with several classes
            "classes": ["benign", "melanoma"],
            "counts": [[70, 20], [4, 26]],    rows are the truth, columns the prediction
            "no_detection": [1, 0],           images of each true class without a detection
            "positive": "melanoma"            or null
          },
          "calibration": {...},               see `calibration.calibration`
          "data_sets": {                      only if `data_sets` is set
            "val": {"images": 150, "metrics": {...}, ...}     and the facts of each
          },
          ...                                 the entries of `provenance`
        }

    `per_image.csv` has the columns `per_image.PER_IMAGE_COLUMNS` and `UNCERTAINTY_COLUMNS`, of
    several classes `class_columns`, and of several data sets `data_set`, sorted by `image_id`. If
    several data sets are evaluated together, every metric is returned over all images and, as
    `<name of the data set>/lesion/iou` and so on, over those of each.

    `out_dir`, `provenance`, `data_sets`, `fits_expected_iou` and `expected_iou` may be set until
    `evaluate` is called.

    Args:
        out_dir: folder for the two files; None writes none.
        provenance: facts about the run for `metrics.json`, JSON types only.
        positive: the positive class; None takes melanoma if it is one of several classes.

    Attributes:
        data_sets: the data sets that are evaluated together, by name; empty for a single one.
        fits_expected_iou: fit `expected_iou` to the images, instead of using it as it is.
        expected_iou: gives the expected IoU of the images; None if it is not known.
        per_image: the rows of the last evaluation, sorted by `image_id`, on every process.
        positive: the positive class, once the classes are known.
    """

    # The names are complete ('lesion/iou'); None would make mmengine warn of a missing prefix.
    default_prefix = ''

    def __init__(
        self,
        out_dir: str | None = None,
        provenance: Mapping[str, Any] | None = None,
        positive: str | None = None,
    ) -> None:
        super().__init__()
        self._wanted_positive = positive
        self.positive: str | None = None
        self.out_dir = out_dir
        self.provenance = dict(provenance or {})
        self.data_sets: Mapping[str, DataSet] = {}
        self.fits_expected_iou = False
        self.expected_iou: ExpectedIoU | None = None
        self.per_image: list[dict[str, Any]] = []

    @property
    def dataset_meta(self) -> dict[str, Any] | None:
        """Facts about the data set, among them its `classes`."""
        return self._dataset_meta

    @dataset_meta.setter
    def dataset_meta(self, meta: dict[str, Any]) -> None:
        """Set the classes, as mmengine does before the first image is evaluated."""
        self.positive = positive_class(self._wanted_positive, meta['classes'])
        self._dataset_meta = meta

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:
        """Score one batch.

        Raises:
            InputError: a mask file is unreadable or not of the image's shape, a meta key is
                missing, a score is not finite, a class index does not exist, or predicted masks
                are missing, not binary or not at `ori_shape`.
            ValueError: `dataset_meta` was not set.
        """
        if self.dataset_meta is None:
            raise ValueError('set `dataset_meta` with the `classes` of the data set first')
        for sample in data_samples:
            self.results.append(image_row(sample, self.dataset_meta['classes']))

    def evaluate(self, size: int) -> dict[str, float]:
        """Gather the rows of all processes, compute the metrics and write the files.

        mmengine cuts the gathered list at `size` by position, which is wrong for other samplers
        than its own. Here padding is recognized by image id. All processes get all rows, so they
        return, or raise, the same.

        Raises:
            InputError: the scored images are not exactly `size` different ones, or only some of
                them have a true class.
        """
        gathered = [row for part in all_gather_object(self.results) for row in part]
        self.results.clear()
        self.per_image = _one_row_per_image(gathered, size)
        if self.fits_expected_iou:
            self.expected_iou = fit_expected_iou(self.per_image)
        add_expected_iou(self.per_image, self.expected_iou)
        metrics = self.compute_metrics(self.per_image)
        of_each = {
            name: self.compute_metrics(self._rows_of(name, part))
            for name, part in self.data_sets.items()
        }
        if self.out_dir is not None and is_main_process():
            self._write(Path(self.out_dir), metrics, of_each)
        return metrics | {
            f'{name}/{key}': value for name, part in of_each.items() for key, value in part.items()
        }

    def compute_metrics(self, results: list[dict[str, Any]]) -> dict[str, float]:
        """Return all metrics from one row per image."""
        metrics = summarize(results, intervals=('iou',))
        if have_classes(results):
            metrics |= class_metrics(results, self.positive)
        return metrics

    def names(self) -> list[str]:
        """Return the names of the metrics that `evaluate` returns for images with a class."""
        classes = self.dataset_meta['classes'] if self.dataset_meta else ()
        scores = dict.fromkeys((*_SCORES, *class_columns(classes).values()), 1.0)
        rows = [
            {'image_id': '', 'label': name, 'predicted_label': name, 'detections': 1, **scores}
            for name in classes
        ]
        own = list(self.compute_metrics(rows))
        return [*own, *(f'{part}/{name}' for part in self.data_sets for name in own)]

    def _rows_of(self, name: str, part: DataSet) -> list[dict[str, Any]]:
        """Return the rows of one data set, with its name in the column `data_set`."""
        rows = [row for row in self.per_image if row['image_id'] in part.images]
        for row in rows:
            row['data_set'] = name
        return rows

    def _write(
        self, folder: Path, metrics: dict[str, float], of_each: Mapping[str, dict[str, float]]
    ) -> None:
        rows = self.per_image
        content: dict[str, Any] = {'metrics': metrics, 'images': len(rows)}
        if have_classes(rows):
            content['confusion_matrix'] = confusion_matrix(rows, self.positive)
        if ratings := calibration(rows):
            content['calibration'] = ratings
        if of_each:
            content['data_sets'] = {
                name: {'images': len(part.images), 'metrics': of_each[name], **part.facts}
                for name, part in self.data_sets.items()
            }
        clash = content.keys() & self.provenance.keys()
        if clash:
            raise ValueError(f'provenance must not use the keys {sorted(clash)}')
        write_metrics(folder / 'metrics.json', content | self.provenance)
        classes = class_columns(classes_of(rows[0])).values()
        columns = (*PER_IMAGE_COLUMNS, *UNCERTAINTY_COLUMNS, *classes)
        if of_each:
            columns = (*columns, 'data_set')
        write_per_image(folder / 'per_image.csv', rows, columns)


def _one_row_per_image(rows: Sequence[dict[str, Any]], size: int) -> list[dict[str, Any]]:
    """Drop the padding of a sampler and return the rows sorted by image id."""
    by_id = {row['image_id']: row for row in rows}
    if len(by_id) != size:
        counts = Counter(row['image_id'] for row in rows)
        raise InputError(
            f'the data set has {size} images, but {len(by_id)} different image ids were scored; '
            'ids must be unique and every image scored',
            [f'{name} was scored {n} times' for name, n in sorted(counts.items()) if n > 1],
        )
    return [by_id[name] for name in sorted(by_id)]
