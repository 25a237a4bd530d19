import json
import os
import subprocess
import sys

import pytest

from benchmarks import many_images
from benchmarks.memory import resident_mb


def test_many_files_take_the_space_of_a_few(tmp_path):
    many_images.write_images(tmp_path / 'images', 120)
    files = sorted((tmp_path / 'images').iterdir())
    assert len(files) == 120
    assert len({path.stat().st_ino for path in files}) == 50
    assert files[0].samefile(files[100])


def test_the_memory_of_a_process_is_told_until_it_ends():
    assert resident_mb(os.getpid()) > 10
    assert resident_mb(2**22 + 1) is None


@pytest.mark.slow
def test_it_runs_and_leaves_its_numbers(root, tmp_path):
    out = tmp_path / 'many.json'
    command = [sys.executable, '-m', 'benchmarks.many_images', '--quick', '--out', out]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    content = json.loads(out.read_text())
    growth, peak = (row['ours_mb'] for row in content['rows'])
    assert growth < 50 < peak
    assert content['details']['images'][-1] <= 200
