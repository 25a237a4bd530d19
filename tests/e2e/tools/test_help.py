"""Every tool explains itself."""

from pathlib import Path

import pytest

from tests.support.tool_runs import run_tool

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize('name', sorted(path.stem for path in (ROOT / 'tools').glob('*.py')))
def test_help_ends_with_an_example(name):
    done = run_tool(ROOT, name, '--help')
    assert done.returncode == 0
    assert f'python tools/{name}.py' in done.stdout.split('example:')[1]
