"""The official files of the ISIC segmentation challenges: their names, sizes and contents.

The values are those of https://challenge.isic-archive.com/data/, which writes sizes with binary
units.
"""

import csv
import re
import struct
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from isic_mmdet.isic.names import ISIC_ID

BASE_URL = 'https://isic-archive.s3.amazonaws.com/challenges'
PAGE_URL = 'https://challenge.isic-archive.com/data/'

KIB, MIB, GIB = 1024, 1024**2, 1024**3

#: What the names of images and masks look like. Letter case differs between years and copies.
FILE_NAMES = {
    'images': re.compile(rf'({ISIC_ID})\.(?:jpe?g|png)', re.IGNORECASE | re.ASCII),
    'masks': re.compile(rf'({ISIC_ID})_segmentation\.png', re.IGNORECASE | re.ASCII),
}
_READ_ERRORS = (OSError, ValueError, RuntimeError, struct.error, csv.Error, zipfile.BadZipFile)
_DIAGNOSIS_COLUMNS = ['image_id', 'melanoma', 'seborrheic_keratosis']


@dataclass(frozen=True)
class Archive:
    """One official file."""

    year: int
    part: str  # training, validation or test
    count: int  # of images, masks or rows
    name: str
    about: float  # bytes, as precise as the page states them

    @property
    def holds(self) -> str:
        """`images`, `masks` (both zips) or `diagnoses` (a CSV file)."""
        if self.name.endswith('.csv'):
            return 'diagnoses'
        return 'masks' if 'GroundTruth' in self.name else 'images'

    @property
    def split(self) -> str:
        """`train`, `val` or `test`."""
        return {'training': 'train', 'validation': 'val', 'test': 'test'}[self.part]


ARCHIVES = (
    Archive(2016, 'training', 900, 'ISBI2016_ISIC_Part1_Training_Data.zip', 602 * MIB),
    Archive(2016, 'training', 900, 'ISBI2016_ISIC_Part1_Training_GroundTruth.zip', 6 * MIB),
    Archive(2016, 'test', 379, 'ISBI2016_ISIC_Part1_Test_Data.zip', 232 * MIB),
    Archive(2016, 'test', 379, 'ISBI2016_ISIC_Part1_Test_GroundTruth.zip', 2 * MIB),
    Archive(2017, 'training', 2000, 'ISIC-2017_Training_Data.zip', 5.8 * GIB),
    Archive(2017, 'training', 2000, 'ISIC-2017_Training_Part1_GroundTruth.zip', 9 * MIB),
    Archive(2017, 'training', 2000, 'ISIC-2017_Training_Part3_GroundTruth.csv', 43 * KIB),
    Archive(2017, 'validation', 150, 'ISIC-2017_Validation_Data.zip', 878 * MIB),
    Archive(2017, 'validation', 150, 'ISIC-2017_Validation_Part1_GroundTruth.zip', 559 * KIB),
    Archive(2017, 'validation', 150, 'ISIC-2017_Validation_Part3_GroundTruth.csv', 3 * KIB),
    Archive(2017, 'test', 600, 'ISIC-2017_Test_v2_Data.zip', 5.4 * GIB),
    Archive(2017, 'test', 600, 'ISIC-2017_Test_v2_Part1_GroundTruth.zip', 18 * MIB),
    Archive(2017, 'test', 600, 'ISIC-2017_Test_v2_Part3_GroundTruth.csv', 13 * KIB),
    Archive(2018, 'training', 2594, 'ISIC2018_Task1-2_Training_Input.zip', 10.4 * GIB),
    Archive(2018, 'training', 2594, 'ISIC2018_Task1_Training_GroundTruth.zip', 26 * MIB),
    Archive(2018, 'validation', 100, 'ISIC2018_Task1-2_Validation_Input.zip', 228 * MIB),
    Archive(2018, 'validation', 100, 'ISIC2018_Task1_Validation_GroundTruth.zip', 742 * KIB),
    Archive(2018, 'test', 1000, 'ISIC2018_Task1-2_Test_Input.zip', 2.2 * GIB),
    Archive(2018, 'test', 1000, 'ISIC2018_Task1_Test_GroundTruth.zip', 9 * MIB),
)
YEARS = tuple(sorted({archive.year for archive in ARCHIVES}))
PARTS = ('training', 'validation', 'test')


def find_problem(path: Path, archive: Archive) -> str | None:
    """Return what is wrong with a downloaded file, in words that follow its name, or None.

    The header of every member of a zip has to be where the directory says. The members are not
    decompressed, which takes minutes for 10 GiB: `tools/prepare_isic.py` decodes each of them.

    Args:
        path: the file, under any name.
        archive: the official file that it should be.
    """
    kind, count = ('CSV', _count_rows) if archive.holds == 'diagnoses' else ('zip', _count_members)
    try:
        found = count(path, archive)
    except (
        zipfile.BadZipFile,
        struct.error,
        OSError,
        RuntimeError,
        ValueError,
        csv.Error,
    ) as error:
        return f'is not a readable {kind} file ({error})'
    if found != archive.count:
        return f'holds {found} {archive.holds}, and the official file {archive.count}'
    return None


def _count_members(path: Path, archive: Archive) -> int:
    ids = set()
    with zipfile.ZipFile(path) as file:
        for member in file.infolist():
            file.open(member).close()  # compares the header of the member with the directory
            name = PurePosixPath(member.filename).name
            if match := FILE_NAMES[archive.holds].fullmatch(name):
                ids.add(match[1].upper())
    return len(ids)


def _count_rows(path: Path, _: Archive) -> int:
    with path.open(newline='', encoding='utf-8-sig') as file:
        rows = list(csv.reader(file))
    columns = rows[0] if rows else []
    if columns != _DIAGNOSIS_COLUMNS:
        raise ValueError(f'columns {columns} instead of {_DIAGNOSIS_COLUMNS}')
    return sum(len(row) == len(columns) for row in rows[1:])
