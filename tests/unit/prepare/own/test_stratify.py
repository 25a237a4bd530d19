import random
from collections import Counter

import pytest

from isic_mmdet.errors import InputError
from isic_mmdet.prepare.own.stratify import fold_parts, joined, parse_shares, stratified

SHARES = {'train': 0.7, 'val': 0.15, 'test': 0.15}


def images(count, rare):
    return {f'i{n:04d}': 'rare' if n < rare else 'common' for n in range(count)}


def single(class_of):
    return [[image_id] for image_id in class_of]


def test_every_class_has_the_same_share_in_every_part():
    class_of = images(1000, 100)
    part_of = stratified(single(class_of), class_of, SHARES, seed=0)
    counts = Counter((part_of[i], class_of[i]) for i in class_of)
    assert {key: counts[key] for key in sorted(counts)} == {
        ('test', 'common'): 135,
        ('test', 'rare'): 15,
        ('train', 'common'): 630,
        ('train', 'rare'): 70,
        ('val', 'common'): 135,
        ('val', 'rare'): 15,
    }


def test_groups_stay_together_and_shares_are_kept():
    class_of = images(600, 90)
    ids = list(class_of)
    random.Random(0).shuffle(ids)
    groups = [ids[start : start + 1 + start % 4] for start in range(0, 600, 4)]
    rest = [[i] for i in ids if not any(i in group for group in groups)]
    part_of = stratified([*groups, *rest], class_of, SHARES, seed=3)
    assert all(len({part_of[i] for i in group}) == 1 for group in groups)
    assert Counter(part_of.values())['test'] == pytest.approx(90, abs=3)
    rare = Counter(part_of[i] for i in class_of if class_of[i] == 'rare')
    assert rare['test'] == pytest.approx(13.5, abs=2)


def test_the_order_of_the_input_has_no_effect_and_the_seed_has():
    class_of = images(60, 20)
    groups = [list(pair) for pair in zip(list(class_of)[::2], list(class_of)[1::2], strict=True)]
    first = stratified(groups, class_of, SHARES, seed=1)
    shuffled = [group[::-1] for group in groups]
    random.Random(5).shuffle(shuffled)
    assert stratified(shuffled, class_of, SHARES, seed=1) == first
    assert stratified(groups, class_of, SHARES, seed=2) != first


def test_a_draw_stays_the_same_in_every_version():
    class_of = images(12, 4)
    part_of = stratified(single(class_of), class_of, SHARES, seed=0)
    assert {part: sorted(i for i in part_of if part_of[i] == part) for part in SHARES} == {
        'train': ['i0000', 'i0001', 'i0003', 'i0004', 'i0005', 'i0007', 'i0008', 'i0009', 'i0011'],
        'val': ['i0002', 'i0006'],
        'test': ['i0010'],
    }


@pytest.mark.parametrize(('count', 'expected'), [(3, [1, 1, 1]), (4, [2, 1, 1]), (7, [5, 1, 1])])
@pytest.mark.parametrize('seed', range(5))
def test_few_images_fill_every_part(count, expected, seed):
    class_of = images(count, 0)
    part_of = stratified(single(class_of), class_of, SHARES, seed)
    counts = Counter(part_of.values())
    assert [counts[part] for part in SHARES] == expected


def test_fewer_groups_than_parts_are_refused():
    with pytest.raises(InputError, match=r'4 images in 2 groups .* \(train, val, test\)'):
        stratified([['a'], ['b', 'c', 'd']], dict.fromkeys('abcd', 'x'), SHARES, seed=0)


@pytest.mark.parametrize(
    ('text', 'shares'),
    [
        ('70/15/15', SHARES),
        ('80/20', {'train': 0.8, 'val': 0.2}),
        ('80/20/0', {'train': 0.8, 'val': 0.2}),
        ('official', None),
        ('lists/of/ids', None),
        ('70', None),
    ],
)
def test_shares_are_read(text, shares):
    assert parse_shares(text) == shares


@pytest.mark.parametrize('text', ['70/15/10', '100/0', '0/100', '50/0/50', '90/90'])
def test_wrong_shares_are_refused(text):
    with pytest.raises(InputError, match='add up to 100'):
        parse_shares(text)


def test_folds_share_every_class_and_keep_groups():
    class_of = images(100, 20)
    fold_of, notes = fold_parts(single(class_of), class_of, 5, seed=0)
    assert not notes
    assert Counter((fold_of[i], class_of[i]) for i in class_of) == {
        (k, name): count for k in range(5) for name, count in (('rare', 4), ('common', 16))
    }


def test_a_class_with_fewer_images_than_folds_is_a_note():
    class_of = images(30, 3)
    _, notes = fold_parts(single(class_of), class_of, 5, seed=0)
    assert len(notes) == 1
    assert 'rare has 3 images' in notes[0]


def test_more_folds_than_groups_are_refused():
    with pytest.raises(InputError, match='3 groups'):
        fold_parts([['a'], ['b'], ['c', 'd']], dict.fromkeys('abcd', 'x'), 4, seed=0)


def test_groups_and_near_duplicates_are_joined():
    groups = joined(
        'abcdef', {'a': 'p1', 'b': 'p1', 'c': 'p2'}, [('b', 'c'), ('d', 'e'), ('f', 'z')]
    )
    assert sorted(map(sorted, groups)) == [['a', 'b', 'c'], ['d', 'e'], ['f']]
