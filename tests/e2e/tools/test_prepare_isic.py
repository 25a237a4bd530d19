import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tests.support.official_files import Official, annotations, jpeg, lesion, picture, png
from tests.support.tool_runs import assert_one_message, run_tool
from tests.support.waiting import wait_until

Tool = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def official(tmp_path: Path) -> Official:
    made = Official(tmp_path / 'raw')
    made.add(1, 2, 3, 4)
    made.add(5, 6, split='test')
    return made


@pytest.fixture
def tool(root: Path, official: Official, tmp_path: Path) -> Tool:
    def call(*options: object, out: str = 'out') -> subprocess.CompletedProcess[str]:
        paths = ('--src', official.root, '--out', tmp_path / out)
        return run_tool(root, 'prepare_isic', 2018, *paths, *options)

    return call


def test_prepares_and_shows_a_table(tool: Tool, tmp_path: Path) -> None:
    done = tool('--resize', 'max-side', 40, '--flip-copies', '--foreground', 255)
    assert done.returncode == 0, done.stderr
    rows = {line[:22].strip(): line[22:].split() for line in done.stdout.splitlines()}
    assert rows['images'] == ['12', '2']
    assert rows['of them flip copies'] == ['8', '0']
    assert rows['published'] == ['2594', '1000']
    assert 'prepared size, median  40 x 30' in done.stdout
    assert 'lesion from gray 255' in done.stdout
    assert 'images of the official val part were not found' in done.stdout
    assert 'errors: none' in done.stdout
    assert '6/6' in done.stderr  # the progress bar
    assert '8/8' in done.stderr  # of the copies
    options = json.loads((tmp_path / 'out/prepare_report.json').read_text())['options']
    assert (options['resize'], options['flip_copies']) == ('max-side=40', True)


def test_errors_end_with_1_under_strict_only(
    tool: Tool, official: Official, tmp_path: Path
) -> None:
    official.mask_path(2).unlink()
    lenient = tool('--workers', 1)
    assert lenient.returncode == 0
    assert 'ISIC_0000002: missing mask' in lenient.stdout
    assert_one_message(tool('--workers', 1, '--strict'), 1, 'ISIC_0000002: missing mask')
    assert not list((tmp_path / 'out/annotations').iterdir())


@pytest.mark.parametrize(
    'options',
    [
        ['--unknown'],
        ['--resize', 'half'],
        ['--resize', 'max-side'],
        ['--classes', 'nevus'],
    ],
)
def test_wrong_arguments_end_with_2(tool: Tool, options: list[str]) -> None:
    done = tool(*options)
    assert done.returncode == 2
    assert 'Traceback' not in done.stderr


def test_help_ends_with_an_example(tool: Tool) -> None:
    done = tool('--help')
    assert done.returncode == 0
    assert done.stdout.rstrip().splitlines()[-1].startswith('  python tools/prepare_isic.py 2018')


@pytest.mark.skipif(os.name != 'posix', reason='kills a process group')
def test_a_killed_run_continues(root: Path, tool: Tool, official: Official, tmp_path: Path) -> None:
    for number in range(7, 47):
        official.add(number, image=jpeg(picture(number, 800, 800)), mask=png(lesion(800, 800)))
    options = ['--workers', '2', '--resize', 'quarter']
    out = tmp_path / 'out'
    process = subprocess.Popen(
        [
            *(sys.executable, 'tools/prepare_isic.py', '2018', '--src', str(official.root)),
            *('--out', str(out), *options),
        ],
        cwd=root,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    records = out / '.prepare/records.jsonl'
    wait_until(lambda: records.is_file() and records.read_bytes().count(b'\n') > 5)
    process.kill()
    process.wait()
    wait_until(lambda: not group_exists(process.pid))  # no worker outlives it

    assert not (out / 'annotations').exists()
    complete = records.read_text().split('\n')[:-1]
    finished = {json.loads(line)['isic_id'] for line in complete}
    assert 0 < len(finished) < 46
    for path in (out / 'images').glob('ISIC_*'):
        Image.open(io.BytesIO(path.read_bytes())).load()  # none is half written
    times = {i: (out / f'images/{i}.jpg').stat().st_mtime_ns for i in finished}

    again = tool(*options)
    assert again.returncode == 0, again.stderr
    assert f'{len(finished)} pairs were finished by an earlier run and kept' in again.stdout
    assert times == {i: (out / f'images/{i}.jpg').stat().st_mtime_ns for i in finished}
    assert tool(*options, out='fresh').returncode == 0
    assert annotations(out) == annotations(tmp_path / 'fresh')
    assert not list(out.rglob('.*.part'))


def group_exists(group: int) -> bool:
    try:
        os.killpg(group, signal.SIG_DFL)
    except ProcessLookupError:
        return False
    return True
