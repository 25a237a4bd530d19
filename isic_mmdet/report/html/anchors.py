"""Published numbers to hold a result against, each with its test set, rule and source."""

from typing import NamedTuple


class Anchor(NamedTuple):
    """A number that others reached."""

    who: str
    images: str
    metric: str
    value: str
    source: str


# Selection rule and test set differ from row to row; a row says its own.
ANCHORS = (
    Anchor(
        'Winner of ISIC 2018 Task 1 (Qian et al.)',
        'official 1,000 test images of 2018',
        'thresholded Jaccard',
        '0.802',
        'arXiv 1809.03917',
    ),
    Anchor(
        'Plain Mask R-CNN, rank 7 (Sorokin)',
        'official 1,000 test images of 2018',
        'thresholded Jaccard',
        '0.779',
        'arXiv 1807.05979',
    ),
    Anchor(
        'Plain Mask R-CNN, rank 8 (DC)',
        'official 1,000 test images of 2018',
        'thresholded Jaccard',
        '0.777',
        'ISIC 2018 challenge',
    ),
    Anchor(
        'Best of the live board',
        'official 1,000 test images of 2018',
        'thresholded Jaccard',
        '0.836',
        'ISIC challenge, live leaderboard',
    ),
    Anchor(
        'Student project of 2018 (matterport Mask R-CNN)',
        'random quarter of the 2,594 training images of 2018',
        'mean IoU, best of all detections',
        '0.85',
        'its own report; compare docs/recipes.md',
    ),
    Anchor(
        'Three experts, lowest agreement',
        '100 images of ISIC 2018',
        'Jaccard',
        'about 0.74',
        'hence the threshold of 0.65: arXiv 1902.03368',
    ),
    Anchor(
        'Winner of ISIC 2017 Part 1 (Yuan and Lo)',
        'official 600 test images of 2017',
        'mean Jaccard',
        '0.765',
        'ISIC 2017 challenge',
    ),
    Anchor(
        'Mask R-CNN and DeepLabV3+, ensemble (Goyal et al.)',
        'official 600 test images of 2017',
        'mean Jaccard',
        '0.796',
        'arXiv 1902.00809',
    ),
    Anchor(
        'Best in a comparison of 2023',
        'official 600 test images of 2017',
        'mean Jaccard',
        '0.807',
        'PMC10407008',
    ),
    Anchor(
        'Student project of 2017 (torchvision Mask R-CNN)',
        'ISIC 2017 validation',
        'mean IoU; melanoma precision, recall',
        '0.75; 0.43, 0.76',
        'its own report; compare docs/recipes.md',
    ),
)
