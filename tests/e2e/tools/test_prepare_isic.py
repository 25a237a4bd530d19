import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.support.waiting import wait_until

Tool = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def command(root: Path) -> list[str]:
    return [sys.executable, str(root / 'tools/prepare_isic.py')]


@pytest.fixture
def environment(root: Path) -> dict[str, str]:
    return {**os.environ, 'PYTHONPATH': str(root)}


@pytest.fixture
def tool(command: list[str], environment: dict[str, str], tmp_path: Path) -> Tool:
    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *arguments], capture_output=True, text=True, env=environment, cwd=tmp_path
        )

    return call


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return write_pairs(tmp_path / 'raw', train=4, test=2)


def write_pairs(raw: Path, size: int = 64, **counts: int) -> Path:
    """Write pairs in the layout of 2018; the parts' ids follow each other."""
    rng = np.random.default_rng(0)
    number = 0
    for split, part in (('train', 'Training'), ('test', 'Test')):
        images = raw / f'ISIC2018_Task1-2_{part}_Input'
        masks = raw / f'ISIC2018_Task1_{part}_GroundTruth'
        images.mkdir(parents=True)
        masks.mkdir()
        for _ in range(counts[split]):
            number += 1
            patches = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
            picture = cv2.resize(patches, (size, size), interpolation=cv2.INTER_NEAREST)
            mask = cv2.circle(
                np.zeros((size, size), np.uint8), (size // 2,) * 2, size // 4, 255, -1
            )
            Image.fromarray(picture).save(images / f'ISIC_{number:07d}.jpg')
            Image.fromarray(mask).save(masks / f'ISIC_{number:07d}_segmentation.png')
    return raw


def test_prepares_and_shows_a_table(tool: Tool, raw: Path, tmp_path: Path) -> None:
    done = tool('2018', '--src', 'raw', '--out', 'out', '--resize', 'max-side', '32')
    assert done.returncode == 0, done.stderr
    rows = {line[:22].strip(): line[22:].split() for line in done.stdout.splitlines()}
    assert rows['images'] == ['4', '2']
    assert rows['published'] == ['2594', '1000']
    assert 'prepared size, median  32 x 32' in done.stdout
    assert 'images of the official val part were not found' in done.stdout
    assert 'errors: none' in done.stdout
    assert '6/6' in done.stderr  # the progress bar
    report = json.loads((tmp_path / 'out/prepare_report.json').read_text())
    assert report['options']['resize'] == 'max-side=32'


def test_flip_copies_and_foreground(tool: Tool, raw: Path, tmp_path: Path) -> None:
    done = tool(
        *('2018', '--src', 'raw', '--out', 'out', '--workers', '1'),
        *('--flip-copies', '--foreground', '255'),
    )
    assert done.returncode == 0, done.stderr
    rows = {line[:22].strip(): line[22:].split() for line in done.stdout.splitlines()}
    assert rows['images'] == ['12', '2']
    assert rows['of them flip copies'] == ['8', '0']
    assert '8/8' in done.stderr  # the progress bar of the copies
    assert 'lesion from gray 255' in done.stdout
    report = json.loads((tmp_path / 'out/prepare_report.json').read_text())
    assert (report['options']['flip_copies'], report['options']['foreground']) == (True, 255)
    wrong = tool('2018', '--src', 'raw', '--out', 'out', '--foreground', '256')
    assert wrong.returncode == 1
    assert 'foreground 256: give a gray value from 1 to 255' in wrong.stderr
    assert 'Traceback' not in wrong.stderr


def test_errors_end_with_1_under_strict_only(tool: Tool, raw: Path, tmp_path: Path) -> None:
    (raw / 'ISIC2018_Task1_Training_GroundTruth/ISIC_0000002_segmentation.png').unlink()
    lenient = tool('2018', '--src', 'raw', '--out', 'out', '--workers', '1')
    assert lenient.returncode == 0
    assert 'ISIC_0000002: missing mask' in lenient.stdout
    strict = tool('2018', '--src', 'raw', '--out', 'out', '--workers', '1', '--strict')
    assert strict.returncode == 1
    assert 'ISIC_0000002: missing mask' in strict.stderr
    assert 'Traceback' not in strict.stderr
    assert not list((tmp_path / 'out/annotations').iterdir())


@pytest.mark.parametrize(
    'arguments',
    [
        [],
        ['2019', '--src', 'raw', '--out', 'out'],
        ['2018', '--src', 'raw', '--out', 'out', '--resize', 'half'],
        ['2018', '--src', 'raw', '--out', 'out', '--resize', 'max-side'],
        ['2018', '--src', 'raw', '--out', 'out', '--classes', 'nevus'],
    ],
)
def test_wrong_arguments_end_with_2(tool: Tool, arguments: list[str]) -> None:
    done = tool(*arguments)
    assert done.returncode == 2
    assert 'Traceback' not in done.stderr


def test_wrong_input_ends_with_1(tool: Tool, raw: Path) -> None:
    done = tool('2017', '--src', 'raw', '--out', 'out')
    assert done.returncode == 1
    assert 'files of 2018: wrong year?' in done.stderr
    assert tool('2018', '--src', 'nowhere', '--out', 'out').returncode == 1


def test_help_ends_with_an_example(tool: Tool) -> None:
    done = tool('--help')
    assert done.returncode == 0
    assert done.stdout.rstrip().splitlines()[-1].startswith('  python tools/prepare_isic.py 2018')


@pytest.mark.skipif(os.name != 'posix', reason='kills a process group')
def test_a_killed_run_continues(
    command: list[str], environment: dict[str, str], tool: Tool, tmp_path: Path
) -> None:
    write_pairs(tmp_path / 'raw', size=800, train=40, test=2)
    arguments = ['2018', '--src', 'raw', '--workers', '2', '--resize', 'quarter']
    process = subprocess.Popen(
        [*command, *arguments, '--out', 'out'],
        env=environment,
        cwd=tmp_path,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    records = tmp_path / 'out/.prepare/records.jsonl'
    wait_until(lambda: records.is_file() and records.read_bytes().count(b'\n') > 5)
    process.kill()
    process.wait()
    wait_until(lambda: not group_exists(process.pid))  # no worker outlives it

    assert not (tmp_path / 'out/annotations').exists()
    finished = {json.loads(line)['isic_id'] for line in complete_lines(records)}
    assert 0 < len(finished) < 42
    for path in (tmp_path / 'out/images').glob('ISIC_*'):
        Image.open(io.BytesIO(path.read_bytes())).load()  # none is half written
    times = {
        isic_id: (tmp_path / f'out/images/{isic_id}.jpg').stat().st_mtime_ns for isic_id in finished
    }

    again = tool(*arguments, '--out', 'out')
    assert again.returncode == 0, again.stderr
    assert f'{len(finished)} pairs were finished by an earlier run and kept' in again.stdout
    for isic_id, time_ns in times.items():
        assert (tmp_path / f'out/images/{isic_id}.jpg').stat().st_mtime_ns == time_ns
    assert tool(*arguments, '--out', 'fresh').returncode == 0
    for name in ('annotations/train.json', 'annotations/test.json'):
        assert (tmp_path / 'out' / name).read_bytes() == (tmp_path / 'fresh' / name).read_bytes()
    assert not list((tmp_path / 'out').rglob('.*.part'))


def complete_lines(path: Path) -> list[str]:
    return [line for line in path.read_text().split('\n')[:-1] if line]


def group_exists(group: int) -> bool:
    try:
        os.killpg(group, signal.SIG_DFL)
    except ProcessLookupError:
        return False
    return True
