import json
import subprocess
import sys

import pytest

from benchmarks import startup
from isic_mmdet.errors import InputError


def test_a_start_that_fails_is_told():
    startup.call(['-c', 'pass'])
    with pytest.raises(InputError, match='failed') as error:
        startup.call(['-c', 'raise SystemExit("no model")'])
    assert error.value.errors == ['no model']


@pytest.mark.slow
def test_it_runs_and_leaves_its_numbers(root, tmp_path):
    out = tmp_path / 'start.json'
    command = [sys.executable, '-m', 'benchmarks.startup', '--quick', '--out', out]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    content = json.loads(out.read_text())
    assert [row['baseline'] for row in content['rows']] == [
        "mmdet's inferencer, the same model",
        'import torch',
    ]
    assert all(row['ours_s'] > 0 and row['baseline_s'] > 0 for row in content['rows'])
