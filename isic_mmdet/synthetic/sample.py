"""One synthetic image with its mask and class."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isic_mmdet.synthetic import artifacts
from isic_mmdet.synthetic.lesion import add_lesion, make_outline
from isic_mmdet.synthetic.skin import TONE_WEIGHTS, make_skin

MELANOMA_SHARE = 0.3
# Aspect ratios (width to height) and how often each occurs.
ASPECTS = (1.0, 4 / 3, 3 / 2, 3 / 4)
ASPECT_WEIGHTS = (0.7, 0.16, 0.08, 0.06)
# Lesion area as a share of the image: as in ISIC, median 0.2 and a wide spread.
MEDIAN_SHARE, SPREAD = 0.2, 0.9
SMALLEST_SHARE, LARGEST_SHARE = 0.02, 0.7


@dataclass(frozen=True)
class Sample:
    """One image.

    The mask is one region without holes, also where a hair or the ruler is drawn over it.
    """

    image: NDArray[np.uint8]  # (H, W, 3), RGB
    mask: NDArray[np.uint8]  # (H, W), 255 on the lesion and 0 elsewhere
    melanoma: bool  # whether the lesion has the traits of a melanoma
    skin_type: int  # Fitzpatrick type, 1 to 6


def is_melanoma(seed: int, index: int) -> bool:
    """Return the class of image `index`.

    Multiples of the golden ratio spread evenly over [0, 1). So the share of melanomas in each
    sequence of images is close to `MELANOMA_SHARE`.
    """
    start = np.random.default_rng(seed).random()
    return (start + index * 0.6180339887498949) % 1 < MELANOMA_SHARE


def make_sample(seed: int, index: int, size: int = 256) -> Sample:
    """Draw image `index` of the data set `seed`, its shorter side `size` pixels."""
    rng = np.random.default_rng([seed, index])
    melanoma = is_melanoma(seed, index)
    skin_type = int(rng.choice(6, p=TONE_WEIGHTS)) + 1
    aspect = float(rng.choice(ASPECTS, p=ASPECT_WEIGHTS))
    shape = (size, round(size * aspect)) if aspect >= 1 else (round(size / aspect), size)
    share = rng.lognormal(np.log(MEDIAN_SHARE), SPREAD)
    share = float(np.clip(share, SMALLEST_SHARE, LARGEST_SHARE))
    at_rim = bool(rng.random() < 0.12)

    outline = make_outline(rng, shape, share, melanoma, at_rim)
    tissue = add_lesion(rng, make_skin(rng, shape, skin_type), outline, melanoma)
    color = tissue.render()
    if rng.random() < 0.18:
        artifacts.add_ruler(rng, color)
    artifacts.add_hairs(rng, color, skin_type)
    if rng.random() < 0.25:
        artifacts.add_bubbles(rng, color)
    # Black corners never hide the lesion.
    dark_corners = bool(rng.random() < 0.3) and not at_rim and share < 0.35
    photo = artifacts.through_lens(rng, color, dark_corners)
    image = np.rint(photo * 255).astype(np.uint8)
    return Sample(image, outline.mask, melanoma, skin_type)
