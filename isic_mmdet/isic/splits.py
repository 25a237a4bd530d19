"""Assigns pairs to training, validation and test so that no lesion is in two of them."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
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

#: ISIC ids of two near-duplicates, and how many bits of their hashes differ.
Twins = tuple[str, str, int]


def read_id_lists(
    folder: Path,
    id_of: Callable[[str], str | None] = listed_id,
    otherwise: str = 'official, ratio',
) -> dict[str, str]:
    """Read `train.txt`, and `val.txt` and `test.txt` where they exist: one id a line.

    Blank lines and lines that begin with `#` are skipped. An id may be quoted or be written as a
    file name, and the first line may be the name of the column.

    Args:
        folder: of the lists.
        id_of: returns the id that a line means; None if it means no single image.
        otherwise: what `--split` takes instead of a folder.

    Returns:
        Id to split.

    Raises:
        InputError: no `train.txt`, a line without an id, or an id in two lists.
    """
    split_of: dict[str, str] = {}
    errors: list[str] = []
    for split in SPLITS:
        path = folder / f'{split}.txt'
        if not path.is_file():
            if split == 'train':
                raise InputError(
                    f'{path} does not exist: --split takes {otherwise}, or a folder with '
                    'train.txt and, if wanted, val.txt and test.txt, each with one id a line'
                )
            continue
        try:
            text = decode_text(str(path), path.read_bytes())
        except (OSError, InputError) as error:
            errors.append(f'{path}: cannot be read ({error})')
            continue
        lines = [line.strip(' \t,;"\'') for line in text.splitlines()]
        filled = [(number, line) for number, line in enumerate(lines, 1) if line]
        if filled and filled[0][1].lower() in _HEADERS:
            del filled[0]
        for number, line in filled:
            if isic_id := id_of(line):
                if (first := split_of.setdefault(isic_id, split)) != split:
                    errors.append(f'{path}, line {number}: {isic_id} is in {first}.txt too')
            elif not line.startswith('#'):
                errors.append(f'{path}, line {number}: {line[:100]!r} is no id of an image')
    if errors:
        raise InputError(f'the id lists in {folder} do not make a split; correct them', errors)
    return split_of


def split_by_ratio(groups: Iterable[Sequence[str]], seed: int) -> dict[str, str]:
    """Draw 25 % for testing and 25 % of the rest for validation; return ISIC id to split.

    The ids of a group stay together.
    """
    groups = list(groups)
    total = sum(map(len, groups))
    test = round(total * TEST_SHARE)
    room = {'test': test, 'val': round((total - test) * VAL_SHARE), 'train': total}
    return _draw(groups, room, seed)


def draw_validation(
    split_of: Mapping[str, str], pairs: Iterable[Twins], seed: int
) -> dict[str, str]:
    """Move 15 % of the training images to validation; return ISIC id to split.

    Near-duplicates stay together. At least one image is moved where two or more are not
    near-duplicates of each other.
    """
    train = [isic_id for isic_id, split in split_of.items() if split == 'train']
    inside = [pair for pair in pairs if split_of.get(pair[0]) == split_of.get(pair[1]) == 'train']
    groups = group_ids(train, inside)
    val = max(1, round(len(train) * DRAWN_VAL_SHARE)) if len(groups) > 1 else 0
    return {**split_of, **_draw(groups, {'val': val, 'train': len(train)}, seed)}


def _draw(groups: Iterable[Sequence[str]], room: dict[str, int], seed: int) -> dict[str, str]:
    """Give each group to the first split that has room for it.

    The order of the groups is that of a hash over seed and id. So the result depends neither on
    the order of the input nor on the version of a random generator.
    """

    def place(group: Sequence[str]) -> str:
        return hashlib.sha256(f'{seed}:{min(group)}'.encode()).hexdigest()

    split_of: dict[str, str] = {}
    for group in sorted(groups, key=place):
        split = next(name for name, free in room.items() if len(group) <= free)
        room[split] -= len(group)
        split_of.update(dict.fromkeys(group, split))
    return split_of


def group_ids(isic_ids: Iterable[str], pairs: Iterable[Twins]) -> list[list[str]]:
    """Join ids that are near-duplicates of each other, directly or through others."""
    group_of = {isic_id: [isic_id] for isic_id in isic_ids}
    for first, second, _ in pairs:
        group, other = group_of[first], group_of[second]
        if group is not other:
            group += other
            group_of.update(dict.fromkeys(other, group))
    return list({id(group): group for group in group_of.values()}.values())


def part_near_duplicates(
    split_of: Mapping[str, str], pairs: Sequence[Twins]
) -> tuple[dict[str, str], list[PairError]]:
    """Skip images that have a near-duplicate in a split that is held out more strictly.

    Test never changes. First the validation images with a twin in test are skipped, then the
    training images with a twin in test or in the rest of validation.

    Returns:
        ISIC id to split without those skipped, and one entry for each of them.
    """
    kept = dict(split_of)
    skipped: list[PairError] = []
    for split, stricter in (('val', {'test'}), ('train', {'val', 'test'})):
        for first, second, bits in pairs:
            for isic_id, twin in ((first, second), (second, first)):
                if kept.get(isic_id) == split and kept.get(twin) in stricter:
                    detail = f'{bits} of 256 bits differ from {twin} in {kept[twin]}'
                    skipped.append(PairError(isic_id, f'near-duplicate, out of {split}', detail))
                    del kept[isic_id]
    return kept, sorted(skipped)
