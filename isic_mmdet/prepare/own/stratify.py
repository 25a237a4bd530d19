"""Splits and folds that keep groups on one side and have the same share of every class.

The result depends neither on the order of the images nor on the version of a random generator.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from isic_mmdet.errors import InputError

_NAMES = ('train', 'val', 'test')


def parse_shares(text: str) -> dict[str, float] | None:
    """Return the share of each split of `70/15/15` (train/val/test) or `80/20`; None if it is none.

    Raises:
        InputError: the shares do not add up to 100, or there is nothing to train on or validate.
    """
    words = text.split('/')
    if len(words) not in (2, 3) or not all(
        word.strip().isascii() and word.strip().isdigit() for word in words
    ):
        return None
    percent = [int(word) for word in words]
    if sum(percent) != 100 or min(percent[:2]) < 1:
        raise InputError(
            f'--split {text}: give shares of train, val and test that add up to 100, such as '
            '70/15/15, or of train and val, such as 80/20'
        )
    return {name: share / 100 for name, share in zip(_NAMES, percent, strict=False) if share}


def stratified(
    groups: Iterable[Sequence[str]],
    class_of: Mapping[str, str],
    shares: Mapping[str, float],
    seed: int,
) -> dict[str, str]:
    """Assign every group to a part; return image id to part.

    Large groups come first, then the order is that of a hash over seed and id. Each group goes to
    the part that lacks most of its classes. The last groups go to parts that would stay empty.

    Args:
        groups: ids of the images that stay together, such as those of one patient.
        class_of: class by image id.
        shares: of all images by the name of the part, with sum 1.
        seed: of the draw.

    Raises:
        InputError: there are fewer groups than parts.
    """
    ordered = sorted(map(sorted, groups), key=lambda group: (-len(group), _place(group[0], seed)))
    totals = Counter(class_of[image_id] for group in ordered for image_id in group)
    everything = sum(totals.values())
    if len(ordered) < len(shares):
        raise InputError(
            f'{everything} images in {len(ordered)} groups do not make {len(shares)} parts '
            f'({", ".join(shares)}): add images, or choose fewer parts, such as --split 50/50. '
            'A group are near-duplicates and the images of one --group-column'
        )
    lacking = {part: {c: share * n for c, n in totals.items()} for part, share in shares.items()}
    room = {part: share * everything for part, share in shares.items()}
    part_of: dict[str, str] = {}
    for place, group in enumerate(ordered):
        empty = [part for part in shares if part not in part_of.values()]
        open_parts = empty if len(ordered) - place == len(empty) else shares
        own = Counter(class_of[image_id] for image_id in group)

        def need(part: str, own: Counter[str] = own) -> tuple[float, float]:
            by_class = sum(n * lacking[part][c] / totals[c] for c, n in own.items())
            return round(by_class, 9), round(room[part], 9)

        part = max(open_parts, key=need)
        for name, count in own.items():
            lacking[part][name] -= count
        room[part] -= len(group)
        part_of.update(dict.fromkeys(group, part))
    return part_of


def fold_parts(
    groups: Sequence[Sequence[str]], class_of: Mapping[str, str], folds: int, seed: int
) -> tuple[dict[str, int], list[str]]:
    """Assign every group to one of some folds, numbered from 0.

    Returns:
        Image id to the fold that validates on it, and a note for each class with fewer images than
        folds.

    Raises:
        InputError: there are more folds than groups.
    """
    if folds > len(groups):
        raise InputError(
            f'--folds {folds}: the images for training and validation are {len(groups)} groups, '
            'and a fold needs one or more; choose fewer folds, or add images'
        )
    parts = stratified(groups, class_of, {str(k): 1 / folds for k in range(folds)}, seed)
    counts = Counter(class_of[image_id] for image_id in parts)
    notes = [
        f'class {name} has {count} images, fewer than the {folds} folds: some validate without it'
        for name, count in sorted(counts.items())
        if count < folds
    ]
    return {image_id: int(part) for image_id, part in parts.items()}, notes


def joined(
    ids: Iterable[str], group_of: Mapping[str, str], pairs: Iterable[tuple[str, str]]
) -> list[list[str]]:
    """Join images of the same group and near-duplicates, directly or through others.

    Args:
        ids: of the images.
        group_of: group by id; an image without one is joined by near-duplicates alone.
        pairs: ids of near-duplicates.
    """
    leader = {image_id: image_id for image_id in ids}

    def lead(image_id: str) -> str:
        while leader[image_id] != image_id:
            leader[image_id] = image_id = leader[leader[image_id]]
        return image_id

    first_of: dict[str, str] = {}
    same = [(i, first_of.setdefault(group_of[i], i)) for i in leader if i in group_of]
    for first, second in [*same, *pairs]:
        if first in leader and second in leader:
            one, other = sorted((lead(first), lead(second)))
            leader[other] = one
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for image_id in leader:
        groups[lead(image_id)].append(image_id)
    return list(groups.values())


def _place(image_id: str, seed: int) -> str:
    return hashlib.sha256(f'{seed}:{image_id}'.encode()).hexdigest()
