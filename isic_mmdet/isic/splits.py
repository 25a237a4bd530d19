"""Which pair goes into training, validation and test, and that no image is on two sides."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from isic_mmdet.errors import InputError
from isic_mmdet.isic.layouts import SPLITS, PairError, listed_id
from isic_mmdet.utils.csv_file import decode_text

#: Share of all pairs that the `ratio` split tests on, and share of the rest that it validates on.
TEST_SHARE = 0.25
VAL_SHARE = 0.25
#: Share of an official training part that is drawn for validation where none was published.
DRAWN_VAL_SHARE = 0.15

# The first line of a list that a spreadsheet saved.
_HEADERS = {'image_id', 'image', 'isic_id', 'image_name', 'id', 'name'}


def read_id_lists(folder: Path) -> dict[str, str]:
    """Read `train.txt`, `val.txt` and `test.txt`, one ISIC id a line.

    Blank lines and lines that begin with `#` are passed over. An id may be quoted, be written as a
    file name, and stand below the name of its column. `val.txt` and `test.txt` may be absent.

    Returns:
        ISIC id to split.

    Raises:
        InputError: no `train.txt`, a line that is no id, an id in two lists.
    """
    if not (folder / 'train.txt').is_file():
        raise InputError(
            f'{folder / "train.txt"} does not exist: --split takes official, ratio, or a folder'
            ' that holds train.txt and, if wanted, val.txt and test.txt, each with one id a line'
        )
    split_of: dict[str, str] = {}
    errors: list[str] = []
    for split in SPLITS:
        path = folder / f'{split}.txt'
        try:
            text = decode_text(str(path), path.read_bytes()) if path.is_file() else ''
        except OSError as error:
            errors.append(f'{path}: cannot be read ({error.strerror})')
            continue
        except InputError as error:
            errors.append(str(error))
            continue
        lines = (line.strip(' \t,;"\'') for line in text.splitlines())
        filled = [(number, line) for number, line in enumerate(lines, 1) if line]
        if filled and filled[0][1].lower() in _HEADERS:
            del filled[0]
        for number, line in filled:
            isic_id = listed_id(line)
            if isic_id:
                first = split_of.setdefault(isic_id, split)
                if first != split:
                    errors.append(f'{path}, line {number}: {isic_id} is in {first}.txt too')
            elif not line.startswith('#'):
                errors.append(f'{path}, line {number}: {line[:100]!r} is no ISIC id')
    if errors:
        raise InputError(f'the id lists in {folder} do not make a split; correct them', errors)
    return split_of


def split_by_ratio(groups: Iterable[Sequence[str]], seed: int) -> dict[str, str]:
    """Draw 25 % for testing and 25 % of the rest for validation, never parting a group.

    The order of drawing is that of a hash over seed and id, so it depends neither on the order
    of the input nor on the version of a random generator. A group too large for what is left of
    a split goes to the next one.

    Args:
        groups: ids that have to stay together, most often one.
        seed: any integer; another one draws another split.

    Returns:
        ISIC id to split.
    """
    units = sorted((sorted(group) for group in groups), key=lambda unit: _draw(seed, unit[0]))
    total = sum(map(len, units))
    room = {'test': round(total * TEST_SHARE)}
    room['val'] = round((total - room['test']) * VAL_SHARE)
    room['train'] = total
    split_of: dict[str, str] = {}
    for unit in units:
        split = next(name for name in ('test', 'val', 'train') if len(unit) <= room[name])
        room[split] -= len(unit)
        split_of.update(dict.fromkeys(unit, split))
    return split_of


def draw_validation(
    split_of: Mapping[str, str], pairs: Iterable[tuple[str, str, int]], seed: int
) -> dict[str, str]:
    """Move 15 % of the training images to validation, never parting near-duplicates.

    At least one image is moved where two or more are not near-duplicates of each other. The order
    of drawing is that of `split_by_ratio`.

    Args:
        split_of: ISIC id to split, none of them `val`.
        pairs: (id, id, differing bits) of near-duplicates.
        seed: any integer; another one draws another split.

    Returns:
        ISIC id to split.
    """
    train = [isic_id for isic_id, split in split_of.items() if split == 'train']
    inside = [pair for pair in pairs if split_of.get(pair[0]) == split_of.get(pair[1]) == 'train']
    units = sorted(map(sorted, group_ids(train, inside)), key=lambda unit: _draw(seed, unit[0]))
    room = max(1, round(len(train) * DRAWN_VAL_SHARE)) if len(units) > 1 else 0
    drawn = dict(split_of)
    for unit in units:
        if len(unit) <= room:
            room -= len(unit)
            drawn.update(dict.fromkeys(unit, 'val'))
    return drawn


def group_ids(isic_ids: Iterable[str], pairs: Iterable[tuple[str, str, int]]) -> list[list[str]]:
    """Join ids that are near-duplicates of each other, directly or through others."""
    root = {isic_id: isic_id for isic_id in isic_ids}

    def find(isic_id: str) -> str:
        while root[isic_id] != isic_id:
            root[isic_id] = root[root[isic_id]]
            isic_id = root[isic_id]
        return isic_id

    for first, second, _ in pairs:
        root[find(second)] = find(first)
    groups: dict[str, list[str]] = defaultdict(list)
    for isic_id in root:
        groups[find(isic_id)].append(isic_id)
    return list(groups.values())


def part_near_duplicates(
    split_of: Mapping[str, str], pairs: Sequence[tuple[str, str, int]]
) -> tuple[dict[str, str], list[PairError]]:
    """Leave out what has a near-duplicate in a split that is held out more strictly.

    Test is never touched: first the validation images with a twin in test go, then the training
    images with a twin in test or in what is left of validation.

    Args:
        split_of: ISIC id to split.
        pairs: (id, id, differing bits) of near-duplicates.

    Returns:
        ISIC id to split without those skipped, and one entry for each of them.
    """
    kept = dict(split_of)
    left_out: list[PairError] = []
    for split, stricter in (('val', {'test'}), ('train', {'val', 'test'})):
        for first, second, bits in pairs:
            for isic_id, twin in ((first, second), (second, first)):
                if kept.get(isic_id) == split and kept.get(twin) in stricter:
                    detail = f'{bits} of 256 bits differ from {twin} in {kept[twin]}'
                    left_out.append(PairError(isic_id, f'near-duplicate, out of {split}', detail))
                    del kept[isic_id]
    return kept, sorted(left_out)


def _draw(seed: int, isic_id: str) -> str:
    return hashlib.sha256(f'{seed}:{isic_id}'.encode()).hexdigest()
