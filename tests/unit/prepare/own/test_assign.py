from collections import Counter

import pytest

from isic_mmdet.errors import InputError
from isic_mmdet.prepare.own.assign import assign, read_splitting, unfound

IDS = [f'p/{number:03d}' for number in range(40)]
CLASS_OF = {name: 'rare' if int(name[2:]) % 4 == 0 else 'common' for name in IDS}


def lists(folder, **names):
    for split, lines in names.items():
        (folder / f'{split}.txt').write_text('\n'.join(lines))
    return str(folder)


def test_groups_and_near_duplicates_lie_in_one_split_and_one_fold():
    groups = {name: f'patient {int(name[2:]) // 2}' for name in IDS}
    splitting = read_splitting('60/20/20', IDS, seed=1, folds=3)
    found = assign(splitting, CLASS_OF, groups, IDS, [('p/001', 'p/002', 3)])
    together = [IDS[start : start + 2] for start in range(4, 40, 2)]
    for names in [IDS[:4], *together]:
        assert len({found.split_of[name] for name in names}) == 1
        assert len({found.fold_of.get(name) for name in names}) == 1
    pool = {name for name in IDS if found.split_of[name] != 'test'}
    assert found.fold_of.keys() == pool
    assert set(found.fold_of.values()) == {0, 1, 2}
    assert Counter(found.split_of.values()) == {'train': 24, 'val': 8, 'test': 8}


def test_id_lists_may_hold_names_of_files(tmp_path):
    folder = lists(tmp_path, train=['# mine', 'photos/p/000.JPG', '001'], val=['"p/002"'])
    found = assign(read_splitting(folder, IDS, 0, None), CLASS_OF, {}, IDS[:5], [])
    assert found.split_of == {'p/000': 'train', 'p/001': 'train', 'p/002': 'val'}
    assert '2 images are in none of the id lists' in found.notes


def test_listed_images_that_do_not_exist_are_errors(tmp_path):
    folder = lists(tmp_path, train=['p/000', 'p/999'])
    errors = unfound(read_splitting(folder, IDS, 0, None), IDS)
    assert [(error.isic_id, error.kind) for error in errors] == [('p/999', 'listed but not found')]


def test_names_that_may_be_several_images_are_refused(tmp_path):
    folder = lists(tmp_path, train=['000'])
    with pytest.raises(InputError, match="'000' is no id of an image"):
        read_splitting(folder, [*IDS, 'q/000'], 0, None)


def test_lists_that_part_a_group_are_refused(tmp_path):
    folder = lists(tmp_path, train=['p/000'], test=['p/001'])
    splitting = read_splitting(folder, IDS, 0, None)
    with pytest.raises(InputError, match="group 'x': p/000 in train and p/001 in test"):
        assign(splitting, CLASS_OF, {'p/000': 'x', 'p/001': 'x'}, IDS, [])


def test_near_duplicates_in_two_lists_are_parted(tmp_path):
    folder = lists(tmp_path, train=['p/000', 'p/002'], test=['p/001'])
    splitting = read_splitting(folder, IDS, 0, None)
    found = assign(splitting, CLASS_OF, {}, IDS[:3], [('p/000', 'p/001', 2)])
    assert found.split_of == {'p/001': 'test', 'p/002': 'train'}
    assert [entry.isic_id for entry in found.left_out] == ['p/000']


def test_a_class_without_images_in_a_split_is_a_note():
    class_of = {**dict.fromkeys(IDS, 'common'), 'p/007': 'rare'}
    found = assign(read_splitting('80/20', IDS, 0, None), class_of, {}, IDS, [])
    assert 'no image of class rare is in val' in found.notes


def test_few_images_are_a_note_unless_all_of_them_validate():
    found = assign(read_splitting('70/15/15', IDS, 0, None), CLASS_OF, {}, IDS[:3], [])
    assert any('val has 1 and test has 1 images' in note for note in found.notes)
    for ids, folds in ((IDS[:4], 2), (IDS, None)):
        found = assign(read_splitting('50/50', IDS, 0, folds), CLASS_OF, {}, ids, [])
        assert not any('depend on chance' in note for note in found.notes)
