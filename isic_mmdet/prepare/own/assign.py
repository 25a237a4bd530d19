"""Assigns own images to splits and folds."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from isic_mmdet.errors import InputError
from isic_mmdet.isic.layouts import SPLITS, PairError
from isic_mmdet.isic.splits import Twins, part_near_duplicates, read_id_lists
from isic_mmdet.prepare.own.image_names import ImageNames
from isic_mmdet.prepare.own.stratify import fold_parts, joined, parse_shares, stratified
from isic_mmdet.prepare.plan import Assignment

#: Shares of train, validation and test.
DEFAULT_SPLIT = '70/15/15'
# Of fewer images, one moves a mean score by more than 0.1.
_FEW_IMAGES = 10


@dataclass(frozen=True)
class Splitting:
    """How own images are split.

    Attributes:
        shares: share of each split; None if lists say where the images belong.
        listed: split by image id, from lists.
        seed: of what is drawn.
        folds: number of folds of training and validation images together; None for none.
    """

    shares: Mapping[str, float] | None
    listed: Mapping[str, str]
    seed: int = 0
    folds: int | None = None


def read_splitting(split: str, ids: Sequence[str], seed: int, folds: int | None) -> Splitting:
    """Return what `--split` asks for: shares such as `70/15/15`, or a folder of id lists.

    Raises:
        InputError: the shares or lists cannot be used.
    """
    if folds is not None and folds < 2:
        raise InputError(f'--folds {folds}: give 2 or more')
    if (shares := parse_shares(split)) is not None:
        return Splitting(shares, {}, seed, folds)
    names = ImageNames(ids)

    def image_id(line: str) -> str | None:
        if line.startswith('#'):
            return None
        found = names.find(line) or [line]  # an image that does not exist, see `unfound`
        return found[0] if len(found) == 1 else None

    return Splitting(
        None, read_id_lists(Path(split), image_id, f'shares such as {DEFAULT_SPLIT}'), seed, folds
    )


def assign(
    splitting: Splitting,
    class_of: Mapping[str, str],
    group_of: Mapping[str, str],
    ids: Sequence[str],
    twins: Sequence[Twins],
) -> Assignment:
    """Assign images to splits and folds, see `Plan.assign`; groups stay together.

    Raises:
        InputError: a split or fold would be empty, or lists part a group.
    """
    notes: list[str] = []
    left_out: list[PairError] = []
    pairs = [(first, second) for first, second, _ in twins]
    if splitting.shares is None:
        listed = {i: splitting.listed[i] for i in ids if i in splitting.listed}
        _require_whole_groups(listed, group_of)
        if unlisted := len(ids) - len(listed):
            notes.append(f'{unlisted} images are in none of the id lists')
        split_of, left_out = part_near_duplicates(listed, twins)
    else:
        groups = joined(ids, group_of, pairs)
        split_of = stratified(groups, class_of, splitting.shares, splitting.seed)
    if splitting.folds is None:
        notes += _notes_on_sizes(split_of)
    notes += _notes_on_classes(split_of, class_of)
    fold_of: dict[str, int] = {}
    if splitting.folds is not None:
        pool = [i for i, split in split_of.items() if split != 'test']
        groups = joined(pool, group_of, pairs)
        fold_of, added = fold_parts(groups, class_of, splitting.folds, splitting.seed)
        notes += added
    return Assignment(split_of, left_out, notes, fold_of)


def _require_whole_groups(split_of: Mapping[str, str], group_of: Mapping[str, str]) -> None:
    first_of: dict[str, str] = {}
    errors = []
    for image_id, split in split_of.items():
        if (group := group_of.get(image_id)) is not None:
            other = first_of.setdefault(group, image_id)
            if split_of[other] != split:
                text = f'{other} in {split_of[other]} and {image_id} in {split}'
                errors.append(f'group {group!r:.60}: {text}')
    if errors:
        raise InputError('the id lists part groups; keep each in one list:', errors)


def _notes_on_sizes(split_of: Mapping[str, str]) -> list[str]:
    counts = Counter(split_of.values())
    few = [
        f'{split} has {counts[split]}'
        for split in ('val', 'test')
        if split in counts and counts[split] < _FEW_IMAGES
    ]
    advice = 'scores of so few images depend on chance; --folds validates on every image'
    return [f'{" and ".join(few)} images: {advice}'] if few else []


def _notes_on_classes(split_of: Mapping[str, str], class_of: Mapping[str, str]) -> list[str]:
    counts = Counter((split, class_of[image_id]) for image_id, split in split_of.items())
    names = sorted({class_of[image_id] for image_id in split_of})
    return [
        f'no image of class {name} is in {split}'
        for split in SPLITS
        for name in names
        if split in split_of.values() and not counts[split, name]
    ]


def unfound(splitting: Splitting, known: Sequence[str]) -> list[PairError]:
    """Return an error for each listed image without a sample or an error of its own."""
    return [
        PairError(i, 'listed but not found', f'{split}.txt names it, and it has no mask; add it')
        for i, split in splitting.listed.items()
        if i not in known
    ]
