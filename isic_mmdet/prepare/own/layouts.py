"""Published data sets, recognized by the names of their folders and files.

HAM10000 (Tschandl et al., 2018; masks of 2020) has folders `HAM10000_images...` and
`HAM10000_segmentations_lesion_tschandl`. PH2 (Mendonca et al., 2013) has one folder for each image,
with the image in `IMD003_Dermoscopic_Image` and its mask in `IMD003_lesion`.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from isic_mmdet.errors import InputError
from isic_mmdet.images.sources import SourceFile, list_files
from isic_mmdet.prepare.own.image_files import ImageFiles, by_id
from isic_mmdet.prepare.own.patients import Patient, read_patients


@dataclass
class LaidOut:
    """The files of a published data set.

    Attributes:
        images: by id.
        masks: by the id of the image, with `suffix` behind it.
        suffix: of the masks.
        patients: by the id of the image; empty without a table.
    """

    images: ImageFiles
    masks: ImageFiles
    suffix: str
    patients: dict[str, Patient]


@dataclass(frozen=True)
class Layout:
    """Where a data set has its files.

    Attributes:
        holds: returns `images`, `masks` or `table` for folders and name of a file, or ''.
        suffix: of the masks.
        expected: what has to be there, for messages.
    """

    holds: Callable[[Sequence[str], str], str]
    suffix: str
    expected: str


def _ham10000(folders: Sequence[str], name: str) -> str:
    if re.fullmatch(r'ham10000_metadata(\.\w+)?', name.lower()):
        return 'table'
    for folder in map(str.lower, reversed(folders)):
        if folder.startswith('ham10000_segmentations_lesion'):
            return 'masks'
        if folder.startswith('ham10000_images'):
            return 'images'
    return ''


def _ph2(folders: Sequence[str], name: str) -> str:
    if name.lower() == 'ph2_dataset.txt':
        return 'table'
    folder = folders[-1].lower() if folders else ''
    if folder.endswith('_dermoscopic_image'):
        return 'images'
    return 'masks' if folder.endswith('_lesion') else ''


LAYOUTS = {
    'ham10000': Layout(
        _ham10000,
        '_segmentation',
        'the folders HAM10000_images (or _part_1 and _part_2) and '
        'HAM10000_segmentations_lesion_tschandl, or zips of the same names',
    ),
    'ph2': Layout(
        _ph2,
        '_lesion',
        'folders such as IMD003/IMD003_Dermoscopic_Image and IMD003/IMD003_lesion below '
        '"PH2 Dataset images"',
    ),
}


def read_layout(name: str, source: Path) -> LaidOut:
    """Find the files of a published data set in a folder or zip.

    Args:
        name: one of `LAYOUTS`.
        source: folder or zip that holds the data set, also as zips.

    Raises:
        InputError: the source does not exist, or images or masks are missing.
    """
    layout = LAYOUTS[name]
    if not source.exists():
        raise InputError(f'{source}: no such folder or zip; correct --layout {name} SRC')
    files: dict[str, list[tuple[str, SourceFile]]] = {'images': [], 'masks': [], 'table': []}
    for folders, file in list_files([source], lambda name: True):
        if kind := layout.holds(folders, file.name):
            files[kind].append((PurePath(file.name).stem, file))
    images, masks = by_id(files['images']), by_id(files['masks'])
    missing = [noun for noun, found in (('images', images), ('masks', masks)) if not found.files]
    if missing:
        raise InputError(
            f'{source}: no {" and no ".join(missing)} of {name} found; it needs {layout.expected}'
        )
    tables = sorted((file for _, file in files['table']), key=str)
    patients = read_patients(name, tables[0]) if tables else {}
    return LaidOut(images, masks, layout.suffix, patients)
