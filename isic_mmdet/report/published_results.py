"""Published numbers to hold a result against, each with its test set and source."""

from typing import NamedTuple


class Anchor(NamedTuple):
    """A number that others reached.

    Attributes:
        metric: of `metrics.json` that it is to be held against.
        who: reached it.
        images: on which.
        value: in [0, 1].
        source: of the number.
    """

    metric: str
    who: str
    images: str
    value: float
    source: str


_TEST_2018 = 'official 1,000 test images of 2018'
_TEST_2017 = 'official 600 test images of 2017'

# The first of each metric is the one that the page names beside its headline.
ANCHORS = (
    Anchor(
        'lesion/iou_thr65',
        'Winner of ISIC 2018 Task 1 (Qian et al.)',
        _TEST_2018,
        0.802,
        'arXiv 1809.03917',
    ),
    Anchor(
        'lesion/iou_thr65',
        'Plain Mask R-CNN, rank 7 (Sorokin)',
        _TEST_2018,
        0.779,
        'arXiv 1807.05979',
    ),
    Anchor(
        'lesion/iou_thr65',
        'Plain Mask R-CNN, rank 8 (DC)',
        _TEST_2018,
        0.777,
        'ISIC 2018 challenge',
    ),
    Anchor(
        'lesion/iou_thr65',
        'Best of the live board',
        _TEST_2018,
        0.836,
        'ISIC challenge, live leaderboard',
    ),
    Anchor(
        'lesion/iou',
        'Winner of ISIC 2017 Part 1 (Yuan and Lo)',
        _TEST_2017,
        0.765,
        'ISIC 2017 challenge',
    ),
    Anchor(
        'lesion/iou',
        'Mask R-CNN and DeepLabV3+, ensemble (Goyal et al.)',
        _TEST_2017,
        0.796,
        'arXiv 1902.00809',
    ),
    Anchor(
        'lesion/iou',
        'Best in a comparison of 2023',
        _TEST_2017,
        0.807,
        'PMC10407008',
    ),
    Anchor(
        'lesion/iou',
        'Student project of 2017 (torchvision Mask R-CNN)',
        'ISIC 2017 validation',
        0.75,
        'its own report; compare docs/recipes.md',
    ),
    Anchor(
        'lesion/iou',
        'Three experts among themselves, lowest agreement, about',
        '100 images of ISIC 2018',
        0.74,
        'arXiv 1902.03368; hence the threshold of 0.65',
    ),
    Anchor(
        'lesion/iou_max',
        'Student project of 2018 (matterport Mask R-CNN)',
        'random quarter of the 2,594 training images of 2018',
        0.85,
        'its own report; compare docs/recipes.md',
    ),
    Anchor(
        'melanoma/precision',
        'Student project of 2017 (torchvision Mask R-CNN)',
        'ISIC 2017 validation',
        0.43,
        'its own report; compare docs/recipes.md',
    ),
    Anchor(
        'melanoma/recall',
        'Student project of 2017 (torchvision Mask R-CNN)',
        'ISIC 2017 validation',
        0.76,
        'its own report; compare docs/recipes.md',
    ),
)
