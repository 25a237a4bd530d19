import json
from functools import partial
from pathlib import Path

import pytest

from isic_mmdet.errors import InputError
from isic_mmdet.masks.resize import parse_rule
from isic_mmdet.prepare.convert import Job, sample_job
from isic_mmdet.prepare.plan import Assignment, Plan
from isic_mmdet.prepare.progress import Progress
from tests.support.official_files import Official, isic, samples_of


@pytest.fixture
def jobs(tmp_path: Path) -> list[Job]:
    official = Official(tmp_path / 'raw')
    official.add(1, 2, 3)
    rule = parse_rule('none')
    return [sample_job(sample, rule, tmp_path / 'out') for sample in samples_of(official)]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / 'out'


def unassigned(ids, twins) -> Assignment:
    return Assignment({}, [], [])


def finish(out: Path, jobs: list[Job]) -> list[str]:
    """Do the jobs and return the notes on what earlier runs did."""
    plan = Plan('ISIC 2018', {}, (), {}, unassigned, {}, [])
    records = Progress(out, plan.dataset).finish(jobs, 'pairs', plan, workers=1)
    assert list(records) == [job.isic_id for job in jobs]
    return plan.notes


def test_records_are_there_again(out: Path, jobs: list[Job]) -> None:
    assert finish(out, jobs[::-1]) == []
    again = Progress(out, 'ISIC 2018').records
    assert list(again) == [isic(1), isic(2), isic(3)]
    assert [record.key for record in again.values()] == [job.key for job in jobs]
    assert finish(out, jobs) == ['3 pairs were finished by an earlier run and kept']


def test_a_line_that_was_cut_off_loses_only_itself(out: Path, jobs: list[Job]) -> None:
    finish(out, jobs[:2])
    path = out / '.prepare/records.jsonl'
    path.write_bytes(path.read_bytes()[:-30] + b'\xff')
    assert list(Progress(out, 'ISIC 2018').records) == [isic(1)]
    assert finish(out, jobs) == ['1 pairs were finished by an earlier run and kept']


def test_records_are_on_disk_before_the_end(out: Path, jobs: list[Job]) -> None:
    def look() -> None:
        assert list(Progress(out, 'ISIC 2018').records) == [isic(1), isic(2)]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        finish(out, [*jobs[:2], Job(isic(3), '', partial(look))])
    assert list(Progress(out, 'ISIC 2018').records) == [isic(1), isic(2)]


def test_another_data_set_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    Progress(tmp_path / 'out', 'ISIC 2018')
    with pytest.raises(InputError, match='holds prepared images of ISIC 2018'):
        Progress(tmp_path / 'out', 'ISIC 2017')


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / 'thesis.tex').write_text('')
    with pytest.raises(InputError, match='was not made by'):
        Progress(tmp_path, 'ISIC 2018')
    assert [path.name for path in tmp_path.iterdir()] == ['thesis.tex']


@pytest.mark.parametrize('text', ['', '{', '[]', '{}', '[' * 100_000])
def test_damaged_settings_are_named(out: Path, text: str) -> None:
    Progress(out, 'ISIC 2018')
    (out / '.prepare' / 'settings.json').write_text(text)
    with pytest.raises(InputError, match=r'settings\.json: .*delete the folder'):
        Progress(out, 'ISIC 2018')


@pytest.mark.parametrize(
    'change',
    [
        {'isic_id': ['a']},
        {'height': '60'},
        {'lesions': []},
        {'lesions': [{'bbox': [1, 2, 3.5, 4], 'area': 1, 'counts': 'PYl0', 'category': ''}]},
        {'lesions': [{'bbox': [1, 2, 3, 4], 'area': 1, 'counts': '1', 'category': ''}]},
        {'width': 7},
        {'share': None},
        {'touches_border': 0},
        {'unknown': 0},
    ],
)
def test_a_damaged_record_is_done_again(out: Path, jobs: list[Job], change: dict) -> None:
    finish(out, jobs)
    path = out / '.prepare' / 'records.jsonl'
    first, *others = path.read_text().splitlines()
    path.write_text('\n'.join([json.dumps(json.loads(first) | change), *others, '[' * 9999, '']))
    assert list(Progress(out, 'ISIC 2018').records) == [isic(2), isic(3)]
