"""The official ISIC files among folders and zips, and which image belongs to which mask.

Letter case of names does not matter, because unpacked and redistributed copies differ in it.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from isic_mmdet.errors import InputError
from isic_mmdet.images.sources import SourceFile, list_files
from isic_mmdet.isic.archives import ARCHIVES, FILE_NAMES
from isic_mmdet.isic.names import ISIC_ID

#: Splits in the order in which they are reported.
SPLITS = ('train', 'val', 'test')

_LISTED_NAME = re.compile(rf'({ISIC_ID})(?:\.\w{{1,5}})?', re.IGNORECASE | re.ASCII)
# What the official folders hold besides images and masks.
_KNOWN_EXTRAS = re.compile(
    r'.*_superpixels\.png|.*\.csv|(?:LICENSE|ATTRIBUTION)(?:\.\w+)?', re.IGNORECASE
)
_FOLDERS = {Path(a.name).stem.lower(): a for a in ARCHIVES if a.holds in FILE_NAMES}
# The test files of 2017 were first published without the `_v2`.
_FOLDERS |= {name.replace('_v2', ''): archive for name, archive in _FOLDERS.items()}


@dataclass(frozen=True, order=True)
class PairError:
    """An error of one image, its mask or its label."""

    isic_id: str
    kind: str  # short name under which errors are counted
    detail: str  # the file, the problem and the fix
    left_out: bool = True  # whether the pair was skipped; a gray mask is kept

    def __str__(self) -> str:
        return f'{self.isic_id}: {self.kind}: {self.detail}'


@dataclass(frozen=True)
class Pair:
    """An image with its mask, from the same official split."""

    isic_id: str
    split: str
    image: SourceFile
    mask: SourceFile


@dataclass(frozen=True)
class Found:
    """A file and the official split in whose folder or zip it lies."""

    split: str
    file: SourceFile


@dataclass
class Scan:
    """The files below the sources. More than one image or mask of an id is an error."""

    images: dict[str, list[Found]] = field(default_factory=lambda: defaultdict(list))
    masks: dict[str, list[Found]] = field(default_factory=lambda: defaultdict(list))
    tables: list[SourceFile] = field(default_factory=list)  # all CSV files
    unexpected: list[str] = field(default_factory=list)  # unknown names in official folders


def listed_id(text: str) -> str | None:
    """Return the ISIC id in a cell or line, also of a file name; None if there is none."""
    match = _LISTED_NAME.fullmatch(text.strip().replace('\\', '/').rpartition('/')[2])
    return match[1].upper() if match else None


def official_counts(year: int) -> dict[str, int]:
    """Return how many pairs each split was published with; 2016 has no validation split."""
    return {archive.split: archive.count for archive in ARCHIVES if archive.year == year}


def scan(year: int, sources: Sequence[Path]) -> Scan:
    """Find the images, masks and tables of one year.

    The sources are official folders or zips, folders that hold several of them, or CSV files.

    Raises:
        InputError: a source is missing or damaged, or nothing of this year is in them.
    """
    found = Scan()
    years = set()
    prefix = {2016: 'isbi2016', 2017: 'isic-2017', 2018: 'isic2018'}[year]
    for folders, file in list_files(sources, lambda name: name.lower().startswith(prefix)):
        if file.name.lower().endswith('.csv'):
            found.tables.append(file)
        # The innermost official name counts.
        names = [name.lower() for name in reversed(folders)]
        archive = next((_FOLDERS[name] for name in names if name in _FOLDERS), None)
        if archive is None:
            continue
        years.add(archive.year)
        if archive.year != year:
            continue
        if match := FILE_NAMES[archive.holds].fullmatch(file.name):
            table = found.images if archive.holds == 'images' else found.masks
            table[match[1].upper()].append(Found(archive.split, file))
        elif not _KNOWN_EXTRAS.fullmatch(file.name):
            # Bytes that are no text would not fit into the report.
            found.unexpected.append(file.name if file.name.isprintable() else ascii(file.name))
    if not found.images and not found.masks:
        years.discard(year)
        others = ' and '.join(map(str, sorted(years)))
        raise InputError(
            f'no ISIC {year} images or masks below {", ".join(map(str, sources))}.'
            + (f' They hold files of {others}: wrong year?' if others else '')
            + ' Expected folders, or zips of the same names:',
            [Path(a.name).stem for a in ARCHIVES if a.year == year and a.holds in FILE_NAMES],
        )
    found.unexpected.sort()
    return found


def find_pairs(found: Scan) -> tuple[dict[str, Pair], list[PairError]]:
    """Pair images and masks by id.

    Returns:
        Pairs by ISIC id, in id order, and the errors of the ids without a pair.
    """
    pairs: dict[str, Pair] = {}
    errors: list[PairError] = []
    for isic_id in sorted(found.images.keys() | found.masks.keys()):
        images, masks = found.images.get(isic_id, []), found.masks.get(isic_id, [])
        if len(images) > 1 or len(masks) > 1:
            files = images if len(images) > 1 else masks
            places = ' and '.join(sorted(str(entry.file) for entry in files))
            errors.append(PairError(isic_id, 'found twice', f'{places}; keep one of them'))
        elif not masks:
            detail = f'{images[0].file} has no mask; add it'
            errors.append(PairError(isic_id, 'missing mask', detail))
        elif not images:
            detail = f'{masks[0].file} has no image; add it'
            errors.append(PairError(isic_id, 'missing image', detail))
        elif images[0].split != masks[0].split:
            detail = f'image in {images[0].split}, mask in {masks[0].split}'
            detail = f'{detail}: {masks[0].file}; keep both in one'
            errors.append(PairError(isic_id, 'mixed parts', detail))
        else:
            pairs[isic_id] = Pair(isic_id, images[0].split, images[0].file, masks[0].file)
    return pairs, errors
