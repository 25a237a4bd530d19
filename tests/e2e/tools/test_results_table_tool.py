"""tools/results_table.py as a user runs it."""

import json
import subprocess
import sys

import pytest


@pytest.fixture
def tool(root):
    def call(*arguments):
        return subprocess.run(
            [sys.executable, root / 'tools' / 'results_table.py', *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=root,
            env={'PYTHONPATH': str(root), 'PYTHONIOENCODING': 'utf-8'},
        )

    return call


def test_writes_into_a_readme_or_prints(tool, tmp_path):
    metrics, readme = tmp_path / 'metrics.json', tmp_path / 'README.md'
    metrics.write_text(json.dumps({'metrics': {'lesion/iou': 0.8123}, 'config': 'quickstart'}))
    readme.write_text('<!-- results:begin -->\n<!-- results:end -->\n')

    printed = tool(metrics)
    assert printed.returncode == 0, printed.stderr
    assert '| quickstart |' in printed.stdout

    assert tool(metrics, '--readme', readme).returncode == 0
    assert '0.812' in readme.read_text(encoding='utf-8')


def test_exit_statuses(tool, tmp_path):
    absent = tool(tmp_path / 'absent.json')
    assert absent.returncode == 1
    assert 'absent.json' in absent.stderr
    assert 'Traceback' not in absent.stderr
    assert tool().returncode == 2
    usage = tool('--help')
    assert usage.returncode == 0
    assert 'example:' in usage.stdout
