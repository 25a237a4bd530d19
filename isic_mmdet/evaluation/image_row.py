"""The row of `per_image.csv` of one image: its detections scored against the official mask."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from isic_mmdet.errors import InputError
from isic_mmdet.evaluation.per_image import class_columns
from isic_mmdet.evaluation.scores import Confusion, confusion, jaccard, mask_scores
from isic_mmdet.masks.bit_mask import BitMask
from isic_mmdet.masks.mask_files import read_bit_mask
from isic_mmdet.masks.resize import resize_mask

_META_KEYS = ('isic_id', 'ori_shape', 'original_mask')


def image_row(sample: Mapping[str, Any], classes: Sequence[str]) -> dict[str, Any]:
    """Score the detections of one image against its official mask; see `LesionMetric`.

    Returns:
        The columns `per_image.PER_IMAGE_COLUMNS`, `mask_confidence`, and of several classes
        `per_image.class_columns`: the highest score among the detections of each, 0 without.
        `score`, `mask_confidence` and `predicted_label` are None without a detection, `label`
        without a true class, `mask_confidence` also if the model returns none.

    Raises:
        InputError: as `LesionMetric.process`.
    """
    missing = [key for key in _META_KEYS if key not in sample]
    if missing:
        raise InputError(
            f'LesionMetric needs the meta keys {", ".join(missing)}; add them to `meta_keys` of '
            'PackDetInputs in the test pipeline'
        )
    name = sample['isic_id']
    detections = sample['pred_instances']
    scores = _scores(detections['scores'], name)
    labels = [_class_name(classes, int(label), name) for label in detections['labels']]
    truth = _official_mask(sample)
    found = [
        confusion(truth, BitMask.of(resize_mask(mask, *truth.shape)))
        for mask in _masks(detections, len(scores), sample)
    ]
    top = int(scores.argmax()) if found else None
    # Mask Scoring R-CNN multiplies a score with a predicted IoU, which may exceed 1.
    scores = np.minimum(scores, 1)
    # Without a detection the prediction is all background.
    nothing = Confusion(0, 0, truth.area(), truth.size - truth.area())
    gt_label = sample.get('gt_label')
    row = {
        'image_id': name,
        **mask_scores(nothing if top is None else found[top]),
        'iou_max': max(map(jaccard, found or [nothing])),
        'score': None if top is None else float(scores[top]),
        'mask_confidence': None if top is None else _mask_confidence(detections, top),
        'label': None if gt_label is None else _class_name(classes, int(gt_label), name),
        'predicted_label': None if top is None else labels[top],
        'detections': len(found),
        'height': truth.shape[0],
        'width': truth.shape[1],
    }
    for class_name, column in class_columns(classes).items():
        found_scores = [s for s, label in zip(scores, labels, strict=True) if label == class_name]
        row[column] = float(max(found_scores, default=0.0))
    return row


def _scores(values: Any, name: str) -> NDArray[np.float64]:
    """Return a tensor or array of scores as (n,) float64; they must be finite."""
    if hasattr(values, 'detach'):  # a tensor, of any precision and on any device
        values = values.detach().double().cpu()
    scores = np.asarray(values, dtype=np.float64)
    if not np.isfinite(scores).all():
        raise InputError(
            f'{name}: a detection score is NaN or infinite, so the model has diverged; train '
            'with a lower learning rate or clip the gradients'
        )
    return scores


def _mask_confidence(detections: Mapping[str, Any], top: int) -> float | None:
    found = detections.get('mask_confidences')
    return None if found is None else float(found[top])


def _class_name(classes: Sequence[str], label: int, name: str) -> str:
    if not 0 <= label < len(classes):
        raise InputError(
            f'{name}: class index {label} in data with {len(classes)} classes '
            f'({", ".join(classes)}); set `num_classes` of the heads to that number'
        )
    return classes[label]


def _official_mask(sample: Mapping[str, Any]) -> BitMask:
    """Read the official mask and check that it has the shape of the image."""
    truth = read_bit_mask(sample['original_mask'])
    (h, w), (height, width) = sample['ori_shape'][:2], truth.shape
    # Resizing rounds each side by less than a pixel, so h / height and w / width differ little.
    if abs(h * width - w * height) > height + width:
        raise InputError(
            f'{sample["original_mask"]}: the mask of {height} x {width} does not have the shape '
            f'of the image of {h} x {w} (height x width); prepare the data again'
        )
    return truth


def _masks(
    detections: Mapping[str, Any], number: int, sample: Mapping[str, Any]
) -> Iterator[NDArray[np.bool_]]:
    """Yield the predicted masks one by one as (H, W) bool at `ori_shape`."""
    if number == 0:
        return
    if 'masks' not in detections:
        raise InputError('LesionMetric needs masks, but the model predicts boxes only')
    name, shape = sample['isic_id'], tuple(sample['ori_shape'][:2])
    for mask in detections['masks']:
        if isinstance(mask, Mapping):
            mask = coco_mask.decode(mask)
        elif hasattr(mask, 'cpu'):
            mask = mask.cpu().numpy()
        if mask.shape != shape:
            raise InputError(
                f'{name}: a predicted mask of {mask.shape} for an image of {shape}; the model must '
                'predict with rescale=True'
            )
        # uint8 of 0 and 1 comes from run-length codes; 0 to 255 from a negative `mask_thr_binary`.
        if mask.dtype != np.bool_ and (mask.dtype != np.uint8 or mask.max() > 1):
            raise InputError(
                f'{name}: a predicted mask of {mask.dtype} that is not binary; set '
                '`mask_thr_binary` of the model to 0.5'
            )
        yield mask.astype(bool, copy=False)
