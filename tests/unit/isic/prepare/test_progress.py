import json
from pathlib import Path

import pytest

from isic_mmdet.errors import InputError
from isic_mmdet.isic.layouts import find_pairs, scan
from isic_mmdet.isic.prepare.pairs import Record, convert_pair
from isic_mmdet.isic.prepare.progress import Progress, remove_results
from isic_mmdet.masks.resize import parse_rule
from tests.support.official_files import Official, isic


@pytest.fixture
def records(tmp_path: Path) -> list[Record]:
    official = Official(tmp_path / 'raw')
    official.add(1, 2, 3)
    pairs, _ = find_pairs(scan(2018, [official.root]))
    return [convert_pair(pair, parse_rule('none'), 129, tmp_path / 'x') for pair in pairs.values()]


def test_records_are_there_again(tmp_path: Path, records: list[Record]) -> None:
    out = tmp_path / 'out'
    with Progress(out, 2018) as progress:
        for record in reversed(records):
            progress.add(record)
    again = Progress(out, 2018)
    assert again.records == {record.isic_id: record for record in records}
    assert list(again.records) == [isic(1), isic(2), isic(3)]


def test_a_line_that_was_cut_off_loses_only_itself(tmp_path: Path, records: list[Record]) -> None:
    out = tmp_path / 'out'
    with Progress(out, 2018) as progress:
        progress.add(records[0])
        progress.add(records[1])
    path = out / '.prepare/records.jsonl'
    path.write_bytes(path.read_bytes()[:-30] + b'\xff')
    with Progress(out, 2018) as progress:
        assert list(progress.records) == [isic(1)]
        progress.add(records[2])
    assert list(Progress(out, 2018).records) == [isic(1), isic(3)]


def test_records_are_on_disk_before_the_end(tmp_path: Path, records: list[Record]) -> None:
    with Progress(tmp_path / 'out', 2018) as progress:
        progress.add(records[0])
        assert list(Progress(tmp_path / 'out', 2018).records) == [isic(1)]


def test_another_year_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    Progress(tmp_path / 'out', 2018)
    with pytest.raises(InputError, match='holds prepared images of ISIC 2018'):
        Progress(tmp_path / 'out', 2017)


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / 'thesis.tex').write_text('')
    with pytest.raises(InputError, match='was not made by'):
        Progress(tmp_path, 2018)
    assert [path.name for path in tmp_path.iterdir()] == ['thesis.tex']


def test_results_are_removed_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / 'annotations').mkdir()
    for name in ('annotations/train.json', 'annotations/mine.json', 'prepare_report.json'):
        (tmp_path / name).write_text('{}')
    remove_results(tmp_path)
    remove_results(tmp_path)
    assert [path.name for path in tmp_path.rglob('*.json')] == ['mine.json']


@pytest.mark.parametrize('text', ['', '{', '[]', '{}', '[' * 100_000])
def test_damaged_settings_are_named(tmp_path: Path, text: str) -> None:
    with Progress(tmp_path / 'out', 2018):
        pass
    (tmp_path / 'out' / '.prepare' / 'settings.json').write_text(text)
    with pytest.raises(InputError, match=r'settings\.json: .*delete the folder'):
        Progress(tmp_path / 'out', 2018)


@pytest.mark.parametrize(
    'change',
    [
        {'isic_id': ['a']},
        {'height': '60'},
        {'bbox': [1, 2, 3.5, 4]},
        {'counts': '1'},
        {'width': 7},
        {'share': None},
        {'touches_border': 0},
    ],
)
def test_a_damaged_record_is_done_again(
    tmp_path: Path, records: list[Record], change: dict
) -> None:
    with Progress(tmp_path / 'out', 2018) as progress:
        for record in records:
            progress.add(record)
    lines = tmp_path / 'out' / '.prepare' / 'records.jsonl'
    first, *others = lines.read_text().splitlines()
    lines.write_text('\n'.join([json.dumps(json.loads(first) | change), *others, '[' * 9999, '']))
    kept = Progress(tmp_path / 'out', 2018).records
    assert len(kept) == len(records) - 1
