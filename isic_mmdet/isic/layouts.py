"""What the official ISIC challenge files are called, and which image belongs to which mask.

Names as published by the challenge (https://challenge.isic-archive.com/data); every match is
made without regard to letter case, because unpacked and redistributed copies differ in it.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from isic_mmdet.errors import InputError
from isic_mmdet.images.sources import SourceFile, list_files
from isic_mmdet.isic.archives import ARCHIVES
from isic_mmdet.isic.names import ISIC_ID

#: Splits in the order in which they are reported.
SPLITS = ('train', 'val', 'test')

_SPLIT_OF_PART = {'training': 'train', 'validation': 'val', 'test': 'test'}
_ROLES = ('images', 'masks')
_ZIP_PREFIXES = {2016: 'isbi2016', 2017: 'isic-2017', 2018: 'isic2018'}
YEARS = tuple(_ZIP_PREFIXES)

_IMAGE_NAME = re.compile(rf'({ISIC_ID})\.(?:jpe?g|png)', re.IGNORECASE | re.ASCII)
_LISTED_NAME = re.compile(rf'({ISIC_ID})(?:\.\w{{1,5}})?', re.IGNORECASE | re.ASCII)
_MASK_NAME = re.compile(rf'({ISIC_ID})_segmentation\.png', re.IGNORECASE | re.ASCII)
# What the official folders hold besides images and masks.
_KNOWN_EXTRAS = re.compile(
    r'.*_superpixels\.png|.*\.csv|(?:LICENSE|ATTRIBUTION)(?:\.\w+)?', re.IGNORECASE
)


@dataclass(frozen=True, order=True)
class PairError:
    """An error of one image, its mask or its label.

    Attributes:
        isic_id: id of the image, such as `ISIC_0000000`.
        kind: short name under which errors are counted, such as `missing mask`.
        detail: the file concerned and what is wrong with it.
        left_out: whether the pair was skipped; a gray mask is thresholded and kept.
    """

    isic_id: str
    kind: str
    detail: str
    left_out: bool = True

    def __str__(self) -> str:
        return f'{self.isic_id}: {self.kind}: {self.detail}'

    def as_dict(self) -> dict[str, Any]:
        """Return the error as a JSON object."""
        return asdict(self)


def listed_id(text: str) -> str | None:
    """Return the ISIC id that a list or table names, also as a file name; None if there is none."""
    match = _LISTED_NAME.fullmatch(text.strip().replace('\\', '/').rpartition('/')[2])
    return match[1].upper() if match else None


def official_counts(year: int) -> dict[str, int]:
    """Return how many pairs each split was published with; 2016 has no validation split."""
    return {_SPLIT_OF_PART[a.part]: a.count for a in ARCHIVES if a.year == year}


def official_folders(year: int) -> list[str]:
    """Return the names of the folders (and zips) that hold a year's images and masks."""
    return [Path(a.name).stem for a in ARCHIVES if a.year == year and a.holds in _ROLES]


@dataclass(frozen=True)
class Found:
    """A file and the official split in whose folder or zip it lies."""

    split: str
    file: SourceFile


@dataclass
class Scan:
    """What was found below the sources.

    Attributes:
        images: ISIC id to the files that claim to be its image; more than one is an error.
        masks: the same for masks.
        tables: all CSV files; `labels.py` picks those it knows by their columns.
        unexpected: files in an official folder that are neither of the above nor known extras.
    """

    images: dict[str, list[Found]] = field(default_factory=lambda: defaultdict(list))
    masks: dict[str, list[Found]] = field(default_factory=lambda: defaultdict(list))
    tables: list[SourceFile] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Pair:
    """An image with its mask, from the same official split."""

    isic_id: str
    split: str
    image: SourceFile
    mask: SourceFile


def scan(year: int, sources: Sequence[Path]) -> Scan:
    """Look through folders and zips for one year's images, masks and tables.

    Args:
        year: 2016, 2017 or 2018.
        sources: official folders or zips, folders that hold several of them, or CSV files.

    Raises:
        InputError: a source is missing or damaged, or there is nothing of this year in them.
    """
    found = Scan()
    other_years: set[int] = set()

    def is_wanted_zip(name: str) -> bool:
        return name.lower().startswith(_ZIP_PREFIXES[year])

    for folders, file in list_files(sources, is_wanted_zip):
        if file.name.lower().endswith('.csv'):
            found.tables.append(file)
        meaning = _meaning(folders)
        if meaning is None:
            continue
        found_year, role, split = meaning
        if found_year != year:
            other_years.add(found_year)
            continue
        table, pattern = (
            (found.images, _IMAGE_NAME) if role == 'images' else (found.masks, _MASK_NAME)
        )
        match = pattern.fullmatch(file.name)
        if match:
            table[match[1].upper()].append(Found(split, file))
        elif not _KNOWN_EXTRAS.fullmatch(file.name):
            # Bytes that are no text would not fit into the report.
            found.unexpected.append(file.name if file.name.isprintable() else ascii(file.name))
    if not found.images and not found.masks:
        _raise_nothing_found(year, sources, other_years)
    found.unexpected.sort()
    return found


def find_pairs(found: Scan) -> tuple[dict[str, Pair], list[PairError]]:
    """Pair images and masks by id.

    Returns:
        Pairs by ISIC id, in id order, and the errors of the ids that make none.
    """
    pairs: dict[str, Pair] = {}
    errors: list[PairError] = []
    for isic_id in sorted(found.images.keys() | found.masks.keys()):
        images, masks = found.images.get(isic_id, []), found.masks.get(isic_id, [])
        doubled = next((files for files in (images, masks) if len(files) > 1), None)
        if doubled:
            places = ' and '.join(sorted(str(entry.file) for entry in doubled))
            errors.append(PairError(isic_id, 'found twice', f'{places}; keep one of them'))
        elif not masks:
            errors.append(
                PairError(isic_id, 'missing mask', f'{images[0].file} has no mask; add it')
            )
        elif not images:
            errors.append(
                PairError(isic_id, 'missing image', f'{masks[0].file} has no image; add it')
            )
        elif images[0].split != masks[0].split:
            detail = f'image in {images[0].split}, mask in {masks[0].split}'
            errors.append(
                PairError(isic_id, 'mixed parts', f'{detail}: {masks[0].file}; keep both in one')
            )
        else:
            pairs[isic_id] = Pair(isic_id, images[0].split, images[0].file, masks[0].file)
    return pairs, errors


def ids_in_two_splits(found: Scan) -> list[str]:
    """Return one line for each id whose images lie in more than one official split."""
    return [
        f'{isic_id}: ' + ' and '.join(sorted(str(entry.file) for entry in entries))
        for isic_id, entries in sorted(found.images.items())
        if len({entry.split for entry in entries}) > 1
    ]


def _known_folders() -> dict[str, tuple[int, str, str]]:
    """Map an official folder name, in lower case, to (year, role, split)."""
    known = {}
    for archive in ARCHIVES:
        if archive.holds in _ROLES:
            name = Path(archive.name).stem.lower()
            meaning = (archive.year, archive.holds, _SPLIT_OF_PART[archive.part])
            # The test files of 2017 were first published without the `_v2`.
            known[name] = known[name.replace('_v2', '')] = meaning
    return known


_FOLDERS = _known_folders()


def _meaning(folders: Sequence[str]) -> tuple[int, str, str] | None:
    """Return (year, role, split) of the innermost official folder name, if there is one."""
    meanings = (_FOLDERS.get(folder.lower()) for folder in reversed(folders))
    return next((meaning for meaning in meanings if meaning), None)


def _raise_nothing_found(year: int, sources: Sequence[Path], other_years: set[int]) -> None:
    hint = ''
    if other_years:
        hint = f' They hold files of {" and ".join(map(str, sorted(other_years)))}: wrong year?'
    raise InputError(
        f'no ISIC {year} images or masks below {", ".join(map(str, sources))}.{hint}'
        ' Expected folders, or zips of the same names:',
        official_folders(year),
    )
