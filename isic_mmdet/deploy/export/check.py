"""Compares another form of a model, such as an exported file, with PyTorch on real images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from isic_mmdet.deploy.segmentation import Segmentation, Segmenter
from isic_mmdet.deploy.segmenter import LesionSegmenter
from isic_mmdet.errors import InputError
from isic_mmdet.evaluation.scores import confusion, jaccard
from isic_mmdet.images.decoding import UnreadableError
from isic_mmdet.images.reading import read_image
from isic_mmdet.images.sources import SourceFile
from isic_mmdet.masks.bit_mask import BitMask

MEAN_IOU = 0.999
WORST_IOU = 0.99
SCORE_DIFFERENCE = 1e-3


@dataclass(frozen=True)
class Agreement:
    """How well PyTorch and the other form of the model, in this order, agree on an image.

    Attributes:
        name: of the image.
        iou: of the two masks, in [0, 1]; 1 if both are empty.
        scores: of the two detections.
        labels: of the two detections; None without a detection.
    """

    name: str
    iou: float
    scores: tuple[float, float]
    labels: tuple[str | None, str | None]

    @property
    def score_difference(self) -> float:
        """Absolute difference of the scores."""
        return abs(self.scores[0] - self.scores[1])

    @property
    def is_close(self) -> bool:
        """Whether this image meets the limits for one image."""
        return (
            self.iou >= WORST_IOU
            and self.score_difference <= SCORE_DIFFERENCE
            and self.labels[0] == self.labels[1]
        )

    def __str__(self) -> str:
        (score, other_score), (label, other_label) = self.scores, self.labels
        return (
            f'{self.name}: mask IoU {self.iou:.4f}; PyTorch: {label} {score:.4f}, '
            f'the other: {other_label} {other_score:.4f}'
        )


def agreement(name: str, expected: Segmentation, found: Segmentation) -> Agreement:
    """Compare the results of PyTorch (`expected`) and the other form (`found`) for an image."""
    iou = jaccard(confusion(BitMask.of(expected.mask), BitMask.of(found.mask)))
    return Agreement(name, iou, (expected.score, found.score), (expected.label, found.label))


def compare(
    segmenter: LesionSegmenter, other: Segmenter, images: Mapping[str, SourceFile]
) -> list[Agreement]:
    """Predict every image with both.

    Raises:
        InputError: an image cannot be read.
    """
    found = []
    for name, file in tqdm(images.items(), 'checking', unit='image'):
        try:
            pixels = read_image(file).pixels
        except UnreadableError as error:
            raise InputError(
                f'{file}: {error}; fix or remove it, or check with other images'
            ) from error
        found.append(agreement(name, segmenter(pixels), other(pixels)))
    return found


def summarize_agreement(agreements: Sequence[Agreement], other: str) -> str:
    """Return a line about the agreement on all images; `other` names the other form.

    Raises:
        InputError: the results differ too much; `errors` names the images.
    """
    by_iou = sorted(agreements, key=lambda agreed: agreed.iou)
    mean = float(np.mean([agreed.iou for agreed in agreements]))
    apart = max(agreed.score_difference for agreed in agreements)
    line = (
        f'mask IoU {mean:.5f} on average, {by_iou[0].iou:.5f} at worst ({by_iou[0].name}); '
        f'scores at most {apart:.1e} apart'
    )
    differing = [agreed for agreed in by_iou if not agreed.is_close]
    if differing or mean < MEAN_IOU:
        raise InputError(
            f'{other} and PyTorch disagree on {len(agreements)} images: {line}. Required: '
            f'IoU {MEAN_IOU} on average and {WORST_IOU} at worst, scores {SCORE_DIFFERENCE:g} '
            'apart at most, equal labels. They differ in:',
            [str(agreed) for agreed in differing or by_iou],
        )
    return line
