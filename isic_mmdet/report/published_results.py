"""Published scores to compare a result with, each with its test set and source."""

from typing import NamedTuple


class PublishedResult(NamedTuple):
    """A score that others published: model or team, test set, value in [0, 1], and source."""

    method: str
    images: str
    value: float
    source: str


_TEST_2018 = 'official 1,000 test images of 2018'
_TEST_2017 = 'official 600 test images of 2017'
_VALIDATION_2017 = 'ISIC 2017 validation'
_STUDENT_2017 = 'Student project of 2017 (torchvision Mask R-CNN)'
_OWN_REPORT = 'its own report; compare docs/recipes.md'

#: By the key of the same metric in `metrics.json`; the first is shown below the headline.
PUBLISHED_RESULTS = {
    metric: [PublishedResult(*row) for row in rows]
    for metric, rows in {
        'lesion/iou_thr65': [
            ('Winner of ISIC 2018 Task 1 (Qian et al.)', _TEST_2018, 0.802, 'arXiv 1809.03917'),
            ('Plain Mask R-CNN, rank 7 (Sorokin)', _TEST_2018, 0.779, 'arXiv 1807.05979'),
            ('Plain Mask R-CNN, rank 8 (DC)', _TEST_2018, 0.777, 'ISIC 2018 challenge'),
            ('Best of the live leaderboard', _TEST_2018, 0.836, 'ISIC challenge, leaderboard'),
        ],
        'lesion/iou': [
            ('Winner of ISIC 2017 Part 1 (Yuan and Lo)', _TEST_2017, 0.765, 'ISIC 2017 challenge'),
            ('Mask R-CNN and DeepLabV3+, ensemble (Goyal et al.)', _TEST_2017, 0.796,
             'arXiv 1902.00809'),
            ('Best in a comparison of 2023', _TEST_2017, 0.807, 'PMC10407008'),
            (_STUDENT_2017, _VALIDATION_2017, 0.75, _OWN_REPORT),
            ('Lowest agreement of three experts (approximate)', '100 images of ISIC 2018', 0.74,
             'arXiv 1902.03368; the reason for the threshold of 0.65'),
        ],
        'lesion/iou_max': [
            ('Student project of 2018 (matterport Mask R-CNN)',
             'random quarter of the 2,594 training images of 2018', 0.85, _OWN_REPORT),
        ],
        'melanoma/precision': [(_STUDENT_2017, _VALIDATION_2017, 0.43, _OWN_REPORT)],
        'melanoma/recall': [(_STUDENT_2017, _VALIDATION_2017, 0.76, _OWN_REPORT)],
    }.items()
}  # fmt: skip
