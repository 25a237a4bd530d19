"""Published scores by protocol: the images that were scored, and how the score was computed.

Scores compare only within a protocol.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from isic_mmdet.isic.layouts import official_counts


class PublishedResult(NamedTuple):
    """The scores of a method as printed, by the key of the same metric in `metrics.json`."""

    method: str
    scores: Mapping[str, str]
    source: str


class Protocol(NamedTuple):
    """Results on the same kind of images: a short name, and what a reader must know."""

    images: str
    about: str
    results: tuple[PublishedResult, ...]


class Comparison(NamedTuple):
    """One published score of one metric; `value` as printed."""

    method: str
    images: str
    value: str
    source: str


_MELANOMA = ('auc', 'precision', 'recall', 'precision_at_recall76')


def _result(method: str, source: str, **scores: str) -> PublishedResult:
    keys = {
        f'melanoma/{name}' if name in _MELANOMA else f'lesion/{name}': value
        for name, value in scores.items()
    }
    return PublishedResult(method, keys, source)


_MS_RED = 'Dai et al. 2022, doi 10.1016/j.media.2021.102293'
_BEST_EPOCH = 'table of PMC9849244; best epoch chosen on the scored images'
_MED_SEG_BENCH = 'MedSegBench, doi 10.1038/s41597-024-04159-2'
_STUDENT = 'its own report; compare docs/recipes.md'

RANDOM_2018 = Protocol(
    'Random part of the 2,594 training images of ISIC 2018',
    'Mean over the images of held-out parts, without a prompt. Ms RED and the five networks below '
    'it: five folds of 1,816 / 260 / 518 images, checkpoint chosen on the 260, input of 224 x 320 '
    'px. Student project: the best of all detections of each of 649 images.',
    (
        _result('Ms RED', _MS_RED, iou='0.8345', dice='0.900'),
        _result('CPF-Net', _MS_RED, iou='0.829', dice='0.896'),
        _result('CE-Net', _MS_RED, iou='0.828', dice='0.896'),
        _result('DeepLabv3+', _MS_RED, iou='0.823', dice='0.893'),
        _result('Attention U-Net', _MS_RED, iou='0.820', dice='0.890'),
        _result('U-Net', _MS_RED, iou='0.817', dice='0.888'),
        _result('SL-HarDNet', _BEST_EPOCH, iou='0.853', dice='0.915'),
        _result('UCTransNet', _BEST_EPOCH, iou='0.849', dice='0.910'),
        _result('BAT', _BEST_EPOCH, iou='0.848', dice='0.911'),
        _result('Student project of 2018 (matterport Mask R-CNN)', _STUDENT, iou_max='0.85'),
    ),
)
OFFICIAL_2018 = Protocol(
    'Official 1,000 test images of ISIC 2018',
    'Scores are lower by about 0.01 to 0.04 than on random parts of the training images.',
    (
        _result('Winner of the challenge (Qian et al.)', 'arXiv 1809.03917', iou_thr65='0.802'),
        _result('Best of the live leaderboard', 'ISIC challenge', iou_thr65='0.836'),
        _result('Plain Mask R-CNN, rank 7 (Sorokin)', 'arXiv 1807.05979', iou_thr65='0.779'),
        _result('Plain Mask R-CNN, rank 8 (DC)', 'ISIC challenge', iou_thr65='0.777'),
        _result(
            'DeepLabV3 with ResNet-50, 320 px',
            'DermaSeg, tushar-nayak.github.io/projects/15_project',
            iou='0.799',
            iou_thr65='0.732',
            dice='0.878',
        ),
        _result('U-Net from random weights, best encoder', _MED_SEG_BENCH, iou='0.790'),
        _result('U-Net from random weights, worst encoder', _MED_SEG_BENCH, iou='0.761'),
    ),
)
OFFICIAL_2017 = Protocol(
    'Official 600 test images of ISIC 2017',
    'The best melanoma AUC of the challenge needed five further data sets. That of the ResNet is '
    'approximate.',
    (
        _result('Winner of Part 1 (Yuan and Lo)', 'ISIC 2017 challenge', iou='0.765'),
        _result('Mask R-CNN and DeepLabV3+ (Goyal et al.)', 'arXiv 1902.00809', iou='0.796'),
        _result('Best in a comparison of 2023', 'PMC10407008', iou='0.807'),
        _result('Best melanoma AUC, external data', 'ISIC 2017 challenge', auc='0.874'),
        _result('Plain fine-tuned ResNet, official 2,000 images', 'approximate', auc='0.77'),
    ),
)
VALIDATION_2017 = Protocol(
    'Official 150 validation images of ISIC 2017',
    'Mask R-CNN from COCO weights, trained on 100 images.',
    (
        _result(
            'Student project of 2017 (torchvision Mask R-CNN)',
            _STUDENT,
            iou='0.75',
            precision='0.43',
            recall='0.76',
            precision_at_recall76='0.43',
        ),
    ),
)
PEOPLE = Protocol(
    'Agreement and diagnoses of people',
    'Outlines of 100 images of ISIC 2018; melanomas among 100 images of ISIC 2016.',
    (
        _result(
            'Three experts, lowest agreement (approximate)',
            'arXiv 1902.03368; the reason for the threshold of 0.65',
            iou='0.74',
        ),
        _result('Eight dermatologists, mean', 'doi 10.1016/j.jaad.2017.08.016', auc='0.71'),
    ),
)
PROTOCOLS = (RANDOM_2018, OFFICIAL_2018, OFFICIAL_2017, VALIDATION_2017, PEOPLE)


def comparable_protocol(data: str | None, split: str | None, images: int) -> Protocol | None:
    """Return the protocol whose scores compare with those of an evaluation, or None.

    Args:
        data: folder name of the prepared data set; it holds the year of the challenge.
        split: of the evaluation. Validation splits of 2018 compare with nothing.
        images: how many were scored; the official test split of 2018 has a number of its own.
    """
    if data is None or '+' in data:  # several data sets
        return None
    if '2018' in data and split == 'test':
        return OFFICIAL_2018 if images == official_counts(2018)['test'] else RANDOM_2018
    if '2017' in data:
        return {'test': OFFICIAL_2017, 'val': VALIDATION_2017}.get(split or '')
    return None


def comparisons(metric: str, protocols: Sequence[Protocol]) -> list[Comparison]:
    """Return the published scores of a metric, such as `lesion/iou`, under some protocols."""
    return [
        Comparison(result.method, protocol.images, result.scores[metric], result.source)
        for protocol in protocols
        for result in protocol.results
        if metric in result.scores
    ]
