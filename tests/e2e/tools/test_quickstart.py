"""What the quickstart starts, seen by stand-ins for the tools."""

import shutil
import subprocess
import sys

import pytest

STAND_IN = """
import sys
from pathlib import Path

with open('calls', 'a') as calls:
    print(Path(sys.argv[0]).stem, *sys.argv[1:], file=calls)
if '--resume' in sys.argv:
    Path('work_dirs/quickstart').mkdir(parents=True)
    Path('work_dirs/quickstart/best_lesion_iou_epoch_5.pth').touch()
sys.exit({status} if {fails!r} in sys.argv[0] else 0)
"""
TOOLS = ('make_synthetic', 'prepare_isic', 'train', 'test', 'predict')


@pytest.fixture
def quickstart(root, tmp_path):
    """Return a function that runs it in another folder, and returns its status and the calls."""

    def call(fails: str = 'none') -> tuple[int, list[str]]:
        (tmp_path / 'tools').mkdir()
        shutil.copy(root / 'tools/quickstart.py', tmp_path / 'tools')
        for name in TOOLS:
            (tmp_path / f'tools/{name}.py').write_text(STAND_IN.format(status=7, fails=fails))
        done = subprocess.run([sys.executable, tmp_path / 'tools/quickstart.py'])
        return done.returncode, (tmp_path / 'calls').read_text().splitlines()

    return call


def test_each_tool_gets_what_the_one_before_wrote(quickstart):
    status, calls = quickstart()
    assert status == 0
    assert [call.split()[0] for call in calls] == list(TOOLS)
    assert 'work_dirs/quickstart/best_lesion_iou_epoch_5.pth' in calls[3]
    assert '--src data/official/synthetic ' in calls[1]


def test_a_tool_that_fails_ends_it_with_its_status(quickstart):
    status, calls = quickstart(fails='train')
    assert status == 7
    assert calls[-1].startswith('train ')
