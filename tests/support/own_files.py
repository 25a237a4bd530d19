"""Small data sets with the images and masks of a user, made for the tests."""

from pathlib import Path

import numpy as np

from isic_mmdet.masks.resize import parse_rule
from isic_mmdet.prepare.own.choices import Choices
from isic_mmdet.prepare.own.mask_folder import MaskSource, prepare_masks
from isic_mmdet.prepare.run import Options
from tests.support.official_files import jpeg, lesion, picture, png

SOURCES = ('images', 'masks', 'layout', 'suffix', 'threshold')


def add_pairs(
    folder: Path,
    *names: str,
    image: str = 'photos/NAME.jpg',
    mask: str = 'masks/NAME_mask.png',
    value: int = 255,
) -> None:
    """Write images and masks; NAME in both paths is replaced by each name."""
    for number, name in enumerate(names):
        seed = 1000 * len(name) + 10 * number + sum(map(ord, name))
        for path, data in (
            (folder / image.replace('NAME', name), jpeg(picture(seed))),
            (folder / mask.replace('NAME', name), png((lesion() // 255 * value).astype(np.uint8))),
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


def prepare_own(folder: Path, **options: object) -> dict:
    """Prepare `photos` and `masks` of a folder into its `out`, with one process."""
    source = {'images': folder / 'photos', 'masks': folder / 'masks'}
    source |= {name: options.pop(name) for name in SOURCES if name in options}
    choices = Choices(seed=options.pop('seed', 0))
    settings = {'workers': 1, **options}
    resize = parse_rule(settings.pop('resize', 'none'))
    return prepare_masks(MaskSource(**source), folder / 'out', choices, Options(resize, **settings))
