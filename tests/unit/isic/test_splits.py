import json
import random
import re
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
#: A training image that is a near-duplicate of a test image, in one split of 2018 only.
DROPPED = 'ISIC_0000206'
SINGLE = [[isic_id] for isic_id in IDS]


def counts(split_of: dict[str, str]) -> dict[str, int]:
    return {name: list(split_of.values()).count(name) for name in ('train', 'val', 'test')}


def test_id_lists(tmp_path: Path) -> None:
    text = '# mine\nISIC_0000001\n\n isic_0000002.jpg \nISIC_0000001\n'
    (tmp_path / 'train.txt').write_text(text)
    (tmp_path / 'val.txt').write_text('ISIC_0000003')
    (tmp_path / 'notes.txt').write_text('nothing')
    assert read_id_lists(tmp_path) == {isic(1): 'train', isic(2): 'train', isic(3): 'val'}


@pytest.mark.parametrize('encoding', ['utf-8-sig', 'utf-16'])
@pytest.mark.parametrize('end', ['\n', '\r\n', '\r'])
def test_id_lists_that_a_spreadsheet_saved(tmp_path: Path, encoding: str, end: str) -> None:
    text = end.join(['image_id;', '"ISIC_0000001.JPG";', ';', 'images\\ISIC_0000002.png;;'])
    (tmp_path / 'train.txt').write_bytes(text.encode(encoding))
    assert read_id_lists(tmp_path) == {isic(1): 'train', isic(2): 'train'}


@pytest.mark.parametrize(
    ('train', 'val', 'errors'),
    [
        (
            b'ISIC_0000001\nISIC_0000002',
            b'ISIC_0000009\nISIC_0000002',
            [r'val.txt, line 2: ISIC_0000002 is in train.txt too'],
        ),
        (b'ISIC_1\nISIC_0000001', b'0000002\nISIC_0000001', ['line 1', 'line 1', 'line 2']),
        ('ISIC_0000001\nStraße\n'.encode('latin-1'), b'', ['train.txt, line 2']),
        (b'ISIC_0000001', isic(2).encode('utf-32'), ['val.txt, line 1']),
        ('ISIC_٠٠٠٠٠٠٢'.encode(), b'', ['no id of an image']),
    ],
    ids=['twice', 'all at once', 'encoding', 'no text', 'digits of another script'],
)
def test_lists_with_errors(tmp_path: Path, train: bytes, val: bytes, errors: list[str]) -> None:
    (tmp_path / 'train.txt').write_bytes(train)
    (tmp_path / 'val.txt').write_bytes(val)
    with pytest.raises(InputError) as caught:
        read_id_lists(tmp_path)
    for found, expected in zip(caught.value.errors, errors, strict=True):
        assert expected in found


def test_a_folder_without_lists(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r'train\.txt does not exist'):
        read_id_lists(tmp_path)


def test_ratio_is_a_quarter_and_a_quarter_of_the_rest() -> None:
    # 2594 / 4, 1946 / 4, the rest
    assert counts(split_by_ratio(SINGLE, seed=0)) == {'test': 648, 'val': 486, 'train': 1460}
    assert split_by_ratio([], 0) == {}
    assert split_by_ratio([['a']], 0) == {'a': 'train'}
    assert counts(split_by_ratio(SINGLE[:4], 0)) == {'test': 1, 'val': 1, 'train': 2}


def test_ratio_depends_on_the_seed_and_not_on_the_order() -> None:
    first = split_by_ratio(SINGLE, seed=3)
    assert split_by_ratio(random.Random(0).sample(SINGLE, len(SINGLE)), seed=3) == first
    other = split_by_ratio(SINGLE, seed=4)
    same = sum(first[isic_id] == other[isic_id] for isic_id in IDS) / len(IDS)
    assert 0.3 < same < 0.6  # as two independent draws: 0.25^2 + 0.19^2 + 0.56^2 = 0.41


def test_ratio_never_parts_a_group() -> None:
    groups = [IDS[start : start + 3] for start in range(0, 300, 3)]
    for seed in range(20):
        split_of = split_by_ratio(groups, seed)
        assert all(len({split_of[isic_id] for isic_id in group}) == 1 for group in groups)
        assert counts(split_of)['test'] == 75


def test_validation_is_drawn_from_training_alone() -> None:
    split_of = dict.fromkeys(IDS[:900], 'train') | dict.fromkeys(IDS[900:1279], 'test')
    drawn = draw_validation(split_of, [], seed=0)
    assert counts(drawn)['val'] == 135
    assert all((drawn[i] == 'test') == (split_of[i] == 'test') for i in split_of)
    twins = [(IDS[n], IDS[n + 1], 3) for n in range(0, 900, 2)]
    drawn = draw_validation(split_of, twins, seed=0)
    assert counts(drawn)['val'] == 134
    assert all(drawn[first] == drawn[second] for first, second, _ in twins)


@pytest.mark.parametrize(('images', 'drawn'), [(1, 0), (2, 1), (3, 1), (10, 2)])
def test_validation_of_very_few(images: int, drawn: int) -> None:
    split_of = dict.fromkeys(IDS[:images], 'train')
    assert counts(draw_validation(split_of, [], 0))['val'] == drawn


def test_groups_join_through_others() -> None:
    groups = group_ids('abcdefg', [('a', 'b', 1), ('c', 'd', 1), ('b', 'd', 1), ('f', 'g', 1)])
    assert sorted(map(sorted, groups)) == [['a', 'b', 'c', 'd'], ['e'], ['f', 'g']]


@pytest.mark.parametrize(
    ('split_of', 'twins', 'skipped'),
    [
        (
            {'a': 'train', 'b': 'test', 'c': 'val', 'd': 'test', 'e': 'train', 'f': 'val'},
            [('a', 'b', 3), ('c', 'd', 24), ('e', 'f', 0)],
            {'a': 'out of train', 'c': 'out of val', 'e': 'out of train'},
        ),
        (
            {'a': 'train', 'b': 'train', 'c': 'test', 'd': 'test'},
            [('a', 'b', 0), ('c', 'd', 0)],
            {},
        ),
        (
            {'a': 'train', 'b': 'val', 'c': 'test'},
            [('a', 'b', 20), ('b', 'c', 20)],
            {'b': 'out of val'},
        ),
    ],
    ids=['never test', 'one side', 'the only twin has left'],
)
def test_near_duplicates_are_parted(split_of, twins, skipped) -> None:
    kept, entries = part_near_duplicates(split_of, twins)
    assert kept == {i: split for i, split in split_of.items() if i not in skipped}
    found = {entry.isic_id: entry.kind for entry in entries}
    assert found == {i: f'near-duplicate, {kind}' for i, kind in skipped.items()}


@pytest.fixture(scope='module')
def published(root: Path) -> dict[str, dict[str, str]]:
    """The lists behind the results: folder to id to split. Reading refuses an id in two lists."""
    return {path.name: read_id_lists(path) for path in sorted((root / 'data/splits').glob('*/'))}


def test_the_lists_behind_the_results_are_plain(root: Path) -> None:
    for path in (root / 'data/splits').glob('*/*'):
        ids = path.read_text().splitlines()
        assert path.name in {'train.txt', 'val.txt', 'test.txt'}
        assert ids == sorted(set(ids))
        assert path.read_text() == ''.join(f'{isic(int(each[5:]))}\n' for each in ids)


def test_the_page_of_the_lists_counts_them(
    root: Path, published: dict[str, dict[str, str]]
) -> None:
    page = (root / 'data/splits/README.md').read_text()
    rows = re.findall(r'^\| `(\w+)` \| ([\d,]*) ?\| ([\d,]*) ?\| ([\d,]*) ?\|', page, re.MULTILINE)
    stated = {name: [int(count.replace(',', '') or 0) for count in found] for name, *found in rows}
    assert stated == {name: [*counts(split_of).values()] for name, split_of in published.items()}


def test_the_lists_hold_as_many_images_as_the_results(
    root: Path, published: dict[str, dict[str, str]]
) -> None:
    for report, trained, tested in (
        ('isic2018/lite_test', 'isic2018', 'isic2018'),
        ('ms_red/fold1_test', 'isic2018_ms_red_fold1', 'isic2018_ms_red_fold1'),
        ('isic2017/lite_test', 'isic2017', 'isic2017'),
        ('external/lite', 'isic2018', 'ham10000'),
    ):
        metrics = json.loads((root / f'benchmarks/results/{report}.json').read_text())
        assert metrics['training']['images'] == counts(published[trained])['train']
        assert metrics['images'] == counts(published[tested])['test']


def test_what_a_model_is_scored_on_is_in_no_list_that_it_learns_from(
    published: dict[str, dict[str, str]],
) -> None:
    ham10000, tuning = published['ham10000'], published['ham10000_tuning']
    assert tuning.keys() == {i for i, split in ham10000.items() if split == 'train'}
    assert not ham10000.keys() & (published['isic2018'].keys() | published['isic2017'].keys())
    assert published['isic2018_ms_red_fold1'].keys() <= {*published['isic2018'], DROPPED}
