"""The official files of the ISIC segmentation challenges: what they are called and hold.

Names, sizes and counts as the challenge's own page lists them
(https://challenge.isic-archive.com/data/). The page writes its sizes with binary units.
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

# What a file holds, and what the members that count look like. Letter case differs between years.
_MEMBERS = {
    'images': re.compile(rf'({ISIC_ID})\.jpg', re.IGNORECASE),
    'masks': re.compile(rf'({ISIC_ID})_segmentation\.png', re.IGNORECASE),
}
_DIAGNOSIS_COLUMNS = ['image_id', 'melanoma', 'seborrheic_keratosis']


@dataclass(frozen=True)
class Archive:
    """One official file.

    Attributes:
        year: 2016, 2017 or 2018.
        part: `training`, `validation` or `test`.
        name: the file's official name.
        holds: `images`, `masks` (both zips) or `diagnoses` (a CSV file).
        count: how many images, masks or rows it holds.
        about: its size in bytes, as precise as the challenge's page tells it.
    """

    year: int
    part: str
    name: str
    holds: str
    count: int
    about: int


def _archives() -> tuple[Archive, ...]:
    rows = [
        (2016, 'training', 900, 'ISBI2016_ISIC_Part1_Training_Data.zip', 602 * MIB),
        (2016, 'training', 900, 'ISBI2016_ISIC_Part1_Training_GroundTruth.zip', 6 * MIB),
        (2016, 'test', 379, 'ISBI2016_ISIC_Part1_Test_Data.zip', 232 * MIB),
        (2016, 'test', 379, 'ISBI2016_ISIC_Part1_Test_GroundTruth.zip', 2 * MIB),
        (2017, 'training', 2000, 'ISIC-2017_Training_Data.zip', 5.8 * GIB),
        (2017, 'training', 2000, 'ISIC-2017_Training_Part1_GroundTruth.zip', 9 * MIB),
        (2017, 'training', 2000, 'ISIC-2017_Training_Part3_GroundTruth.csv', 43 * KIB),
        (2017, 'validation', 150, 'ISIC-2017_Validation_Data.zip', 878 * MIB),
        (2017, 'validation', 150, 'ISIC-2017_Validation_Part1_GroundTruth.zip', 559 * KIB),
        (2017, 'validation', 150, 'ISIC-2017_Validation_Part3_GroundTruth.csv', 3 * KIB),
        (2017, 'test', 600, 'ISIC-2017_Test_v2_Data.zip', 5.4 * GIB),
        (2017, 'test', 600, 'ISIC-2017_Test_v2_Part1_GroundTruth.zip', 18 * MIB),
        (2017, 'test', 600, 'ISIC-2017_Test_v2_Part3_GroundTruth.csv', 13 * KIB),
        (2018, 'training', 2594, 'ISIC2018_Task1-2_Training_Input.zip', 10.4 * GIB),
        (2018, 'training', 2594, 'ISIC2018_Task1_Training_GroundTruth.zip', 26 * MIB),
        (2018, 'validation', 100, 'ISIC2018_Task1-2_Validation_Input.zip', 228 * MIB),
        (2018, 'validation', 100, 'ISIC2018_Task1_Validation_GroundTruth.zip', 742 * KIB),
        (2018, 'test', 1000, 'ISIC2018_Task1-2_Test_Input.zip', 2.2 * GIB),
        (2018, 'test', 1000, 'ISIC2018_Task1_Test_GroundTruth.zip', 9 * MIB),
    ]

    def holds(name: str) -> str:
        if name.endswith('.csv'):
            return 'diagnoses'
        return 'masks' if 'GroundTruth' in name else 'images'

    return tuple(
        Archive(year, part, name, holds(name), count, int(about))
        for year, part, count, name, about in rows
    )


ARCHIVES = _archives()
YEARS = tuple(sorted({archive.year for archive in ARCHIVES}))
PARTS = ('training', 'validation', 'test')


def find_problem(path: Path, archive: Archive) -> str | None:
    """Say what is wrong with a downloaded file, or return None.

    A zip passes when its directory is readable, the header of every member stands where the
    directory says, and the members are as many images (or masks) as the official file holds. The
    members are not decompressed, which takes minutes for 10 GiB: `tools/prepare_isic.py` decodes
    each of them anyway. A CSV file passes with the official columns and number of rows.

    Args:
        path: the file, under whatever name.
        archive: the official file that it should be.

    Returns:
        The error in a few words that follow on the file's name, such as `is not a zip file`.
    """
    if archive.holds == 'diagnoses':
        return _problem_of_csv(path, archive)
    return _problem_of_zip(path, archive)


def _problem_of_zip(path: Path, archive: Archive) -> str | None:
    pattern = _MEMBERS[archive.holds]
    ids = set()
    try:
        with zipfile.ZipFile(path) as archive_file:
            for member in archive_file.infolist():
                archive_file.open(member).close()  # compares the member's header with the directory
                if match := pattern.fullmatch(PurePosixPath(member.filename).name):
                    ids.add(match[1].upper())
    except (zipfile.BadZipFile, struct.error, OSError, RuntimeError, ValueError) as error:
        return f'is not a readable zip file ({error})'
    if len(ids) != archive.count:
        return f'holds {len(ids)} {archive.holds}, and the official file {archive.count}'
    return None


def _problem_of_csv(path: Path, archive: Archive) -> str | None:
    try:
        with path.open(newline='', encoding='utf-8-sig') as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        return f'is not a readable CSV file ({error})'
    columns = rows[0] if rows else []
    if columns != _DIAGNOSIS_COLUMNS:
        return f'has the columns {columns} instead of {_DIAGNOSIS_COLUMNS}'
    entries = [row for row in rows[1:] if row]
    if len(entries) != archive.count or any(len(row) != len(columns) for row in entries):
        complete = sum(len(row) == len(columns) for row in entries)
        return f'holds {complete} complete rows, and the official file {archive.count}'
    return None
