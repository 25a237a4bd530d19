import random
from pathlib import Path

import pytest

from isic_mmdet.errors import InputError
from isic_mmdet.isic.splits import (
    draw_validation,
    group_ids,
    part_near_duplicates,
    read_id_lists,
    split_by_ratio,
)
from tests.support.official_files import isic

IDS = [isic(number) for number in range(2594)]


def write_lists(folder: Path, **lists: str) -> Path:
    for name, text in lists.items():
        (folder / f'{name}.txt').write_text(text)
    return folder


def test_id_lists(tmp_path: Path) -> None:
    write_lists(
        tmp_path,
        train='# mine\nISIC_0000001\n\n isic_0000002.jpg \nISIC_0000001\n',
        val='ISIC_0000003',
        notes='nothing',
    )
    assert read_id_lists(tmp_path) == {isic(1): 'train', isic(2): 'train', isic(3): 'val'}


@pytest.mark.parametrize('encoding', ['utf-8-sig', 'utf-16'])
@pytest.mark.parametrize('end', ['\n', '\r\n', '\r'])
def test_id_lists_that_a_spreadsheet_saved(tmp_path: Path, encoding: str, end: str) -> None:
    text = end.join(['image_id;', '"ISIC_0000001.JPG";', ';', 'images\\ISIC_0000002.png;;'])
    (tmp_path / 'train.txt').write_bytes(text.encode(encoding))
    assert read_id_lists(tmp_path) == {isic(1): 'train', isic(2): 'train'}


def test_a_list_in_another_encoding_is_named(tmp_path: Path) -> None:
    (tmp_path / 'train.txt').write_bytes('ISIC_0000001\nStraße\n'.encode('latin-1'))
    with pytest.raises(InputError, match=r'train\.txt, line 2'):
        read_id_lists(tmp_path)


def test_the_same_id_in_two_lists_is_an_error(tmp_path: Path) -> None:
    write_lists(tmp_path, train='ISIC_0000001\nISIC_0000002', test='ISIC_0000009\nISIC_0000002\n')
    with pytest.raises(InputError, match=r'test\.txt, line 2: ISIC_0000002 is in train\.txt too'):
        read_id_lists(tmp_path)


def test_all_errors_of_the_lists_come_at_once(tmp_path: Path) -> None:
    write_lists(tmp_path, train='ISIC_1\nISIC_0000001', val='0000002\nISIC_0000001')
    with pytest.raises(InputError) as caught:
        read_id_lists(tmp_path)
    assert len(caught.value.errors) == 3


def test_a_folder_without_lists(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r'train\.txt does not exist'):
        read_id_lists(tmp_path)


def test_ratio_is_a_quarter_and_a_quarter_of_the_rest() -> None:
    split_of = split_by_ratio([[isic_id] for isic_id in IDS], seed=0)
    counts = {name: list(split_of.values()).count(name) for name in ('train', 'val', 'test')}
    assert counts == {'test': 648, 'val': 486, 'train': 1460}  # 2594 / 4, 1946 / 4, the rest


def test_ratio_depends_on_the_seed_and_not_on_the_order() -> None:
    groups = [[isic_id] for isic_id in IDS]
    first = split_by_ratio(groups, seed=3)
    random.Random(0).shuffle(groups)
    assert split_by_ratio(groups, seed=3) == first
    other = split_by_ratio(groups, seed=4)
    same = sum(first[isic_id] == other[isic_id] for isic_id in IDS) / len(IDS)
    assert 0.3 < same < 0.6  # as two independent draws: 0.25^2 + 0.19^2 + 0.56^2 = 0.41


def test_ratio_never_parts_a_group() -> None:
    groups = [IDS[start : start + 3] for start in range(0, 300, 3)]
    for seed in range(20):
        split_of = split_by_ratio(groups, seed)
        assert all(len({split_of[isic_id] for isic_id in group}) == 1 for group in groups)
        assert list(split_of.values()).count('test') == 75


def test_ratio_of_very_few() -> None:
    assert split_by_ratio([], 0) == {}
    assert split_by_ratio([['a']], 0) == {'a': 'train'}
    assert sorted(split_by_ratio([['a'], ['b'], ['c'], ['d']], 0).values()) == [
        'test',
        'train',
        'train',
        'val',
    ]


def test_validation_is_drawn_from_training_alone() -> None:
    split_of = dict.fromkeys(IDS[:900], 'train') | dict.fromkeys(IDS[900:1279], 'test')
    drawn = draw_validation(split_of, [], seed=0)
    assert list(drawn.values()).count('val') == 135
    assert all((drawn[i] == 'test') == (split_of[i] == 'test') for i in split_of)
    twins = [(IDS[n], IDS[n + 1], 3) for n in range(0, 900, 2)]
    drawn = draw_validation(split_of, twins, seed=0)
    assert list(drawn.values()).count('val') == 134
    assert all(drawn[first] == drawn[second] for first, second, _ in twins)


@pytest.mark.parametrize(('images', 'drawn'), [(1, 0), (2, 1), (3, 1), (10, 2)])
def test_validation_of_very_few(images: int, drawn: int) -> None:
    split_of = dict.fromkeys(IDS[:images], 'train')
    assert list(draw_validation(split_of, [], 0).values()).count('val') == drawn


def test_groups_join_through_others() -> None:
    groups = group_ids('abcdefg', [('a', 'b', 1), ('c', 'd', 1), ('b', 'd', 1), ('f', 'g', 1)])
    assert sorted(map(sorted, groups)) == [['a', 'b', 'c', 'd'], ['e'], ['f', 'g']]


def test_twins_leave_training_first_then_validation_and_never_test() -> None:
    split_of = {'a': 'train', 'b': 'test', 'c': 'val', 'd': 'test', 'e': 'train', 'f': 'val'}
    twins = [('a', 'b', 3), ('c', 'd', 24), ('e', 'f', 0)]
    kept, left_out = part_near_duplicates(split_of, twins)
    assert kept == {'b': 'test', 'd': 'test', 'f': 'val'}
    assert [(entry.isic_id, entry.kind) for entry in left_out] == [
        ('a', 'near-duplicate, out of train'),
        ('c', 'near-duplicate, out of val'),
        ('e', 'near-duplicate, out of train'),
    ]
    assert 'd in test' in left_out[1].detail


def test_twins_on_one_side_stay() -> None:
    split_of = {'a': 'train', 'b': 'train', 'c': 'test', 'd': 'test'}
    assert part_near_duplicates(split_of, [('a', 'b', 0), ('c', 'd', 0)]) == (split_of, [])


def test_a_training_image_stays_when_its_only_twin_has_left() -> None:
    split_of = {'a': 'train', 'b': 'val', 'c': 'test'}
    kept, left_out = part_near_duplicates(split_of, [('a', 'b', 20), ('b', 'c', 20)])
    assert kept == {'a': 'train', 'c': 'test'}
    assert [entry.isic_id for entry in left_out] == ['b']


def test_lists_that_are_no_text_are_named(tmp_path: Path) -> None:
    folder = write_lists(tmp_path, train=isic(1), val=isic(2))
    (folder / 'val.txt').write_bytes(isic(2).encode('utf-32'))
    with pytest.raises(InputError, match=r'val\.txt, line 1: .*not text'):
        read_id_lists(folder)


def test_digits_of_other_scripts_make_no_id(tmp_path: Path) -> None:
    with pytest.raises(InputError, match='is no ISIC id'):
        read_id_lists(write_lists(tmp_path, train='ISIC_٠٠٠٠٠٠٢'))
