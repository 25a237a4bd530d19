"""tools/prepare_isic.py as users run it."""

import io
import json
import os
import signal
import subprocess
import sys

import pytest
from PIL import Image

from tests.support.official_files import Official, annotations, jpeg, lesion, picture, png
from tests.support.tool_runs import ROOT, fail, run_tool, succeed
from tests.support.waiting import wait_until


@pytest.fixture
def official(tmp_path):
    """Four training pairs and two test pairs of 2018."""
    pairs = Official(tmp_path / 'raw')
    pairs.add(1, 2, 3, 4)
    pairs.add(5, 6, split='test')
    return pairs


@pytest.fixture
def arguments(official, tmp_path):
    return ('prepare_isic', '2018', '--src', official.root, '--out', tmp_path / 'out')


def rows_of(text: str) -> dict[str, list[str]]:
    return {line[:22].strip(): line[22:].split() for line in text.splitlines()}


def test_prepares_and_shows_a_table(arguments, tmp_path):
    done = run_tool(*arguments, '--resize', 'max-side', 32)
    assert done.returncode == 0, done.stderr
    rows = rows_of(done.stdout)
    assert rows['images'] == ['4', '2']
    assert rows['published'] == ['2594', '1000']
    assert 'prepared size, median  32 x 24' in done.stdout
    assert 'images of the official val part were not found' in done.stdout
    assert 'errors: none' in done.stdout
    assert '6/6' in done.stderr  # the progress bar
    report = json.loads((tmp_path / 'out/prepare_report.json').read_text())
    assert report['options']['resize'] == 'max-side=32'


def test_flip_copies_and_foreground(arguments, tmp_path):
    done = run_tool(*arguments, '--workers', 1, '--flip-copies', '--foreground', 255)
    assert done.returncode == 0, done.stderr
    rows = rows_of(done.stdout)
    assert rows['images'] == ['12', '2']
    assert rows['of them flip copies'] == ['8', '0']
    assert '8/8' in done.stderr  # the progress bar of the copies
    assert 'lesion from gray 255' in done.stdout
    report = json.loads((tmp_path / 'out/prepare_report.json').read_text())
    assert (report['options']['flip_copies'], report['options']['foreground']) == (True, 255)
    assert 'foreground 256: give a gray value from 1 to 255' in fail(
        *arguments, '--foreground', 256
    )


def test_errors_end_with_1_under_strict_only(arguments, official, tmp_path):
    official.mask_path(2).unlink()
    assert 'ISIC_0000002: missing mask' in succeed(*arguments, '--workers', 1)
    assert 'ISIC_0000002: missing mask' in fail(*arguments, '--workers', 1, '--strict')
    assert not list((tmp_path / 'out/annotations').iterdir())


def test_files_of_another_year_are_refused(official, tmp_path):
    arguments = ('--src', official.root, '--out', tmp_path / 'out')
    assert 'files of 2018: wrong year?' in fail('prepare_isic', '2017', *arguments)


def test_a_killed_run_continues(official, tmp_path):
    for number in range(10, 50):
        official.add(number, image=jpeg(picture(number, 800, 800)), mask=png(lesion(800, 800)))
    options = ['2018', '--src', str(official.root), '--workers', '2', '--resize', 'quarter']
    out = tmp_path / 'out'
    process = subprocess.Popen(
        [sys.executable, str(ROOT / 'tools/prepare_isic.py'), *options, '--out', str(out)],
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    records = out / '.prepare/records.jsonl'
    wait_until(lambda: records.is_file() and records.read_bytes().count(b'\n') > 5)
    process.kill()
    process.wait()
    wait_until(lambda: not group_exists(process.pid))  # no worker outlives it

    assert not (out / 'annotations').exists()
    lines = records.read_text().split('\n')[:-1]
    finished = {json.loads(line)['isic_id'] for line in lines if line}
    assert 0 < len(finished) < 46
    for path in (out / 'images').glob('ISIC_*'):
        Image.open(io.BytesIO(path.read_bytes())).load()  # none is truncated
    times = {path: path.stat().st_mtime_ns for path in (out / 'images').iterdir()}
    times = {path: time_ns for path, time_ns in times.items() if path.stem in finished}

    printed = succeed('prepare_isic', *options, '--out', out)
    assert f'{len(finished)} pairs were finished by an earlier run and kept' in printed
    assert all(path.stat().st_mtime_ns == time_ns for path, time_ns in times.items())
    succeed('prepare_isic', *options, '--out', tmp_path / 'fresh')
    assert annotations(out) == annotations(tmp_path / 'fresh')
    assert not list(out.rglob('.*.part'))


def group_exists(group: int) -> bool:
    try:
        os.killpg(group, signal.SIG_DFL)
    except ProcessLookupError:
        return False
    return True
