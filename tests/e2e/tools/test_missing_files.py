"""A config or a checkpoint that does not exist is named at once, not after seconds of imports."""

import pytest

from tests.support.tool_runs import run_tool

QUICKSTART = 'configs/quickstart.py'
NAMED = ('--config', QUICKSTART, '--checkpoint')


@pytest.mark.parametrize(
    ('tool', 'arguments'),
    [
        ('train', ['configs/nowhere.py']),
        ('test', ['configs/nowhere.py', 'model.pth']),
        ('test', [QUICKSTART, 'nowhere.pth']),
        ('export_onnx', [QUICKSTART, 'nowhere.pth', '--out', 'model.onnx']),
        ('predict', ['README.md', '--out', 'nowhere', *NAMED, 'nowhere.pth']),
        ('browse_dataset', ['configs/nowhere.py', '--out', 'sheets']),
        ('check_dataset', ['configs/nowhere.py']),
        ('print_config', ['configs/nowhere.py']),
    ],
)
def test_missing_files_are_named_before_torch_is_imported(tool, arguments):
    done = run_tool(tool, *arguments, torch=False)
    assert done.returncode == 1
    assert done.stderr.startswith('error: ') and done.stderr.count('\n') == 1
    assert '/nowhere.py: no such config' in done.stderr or 'nowhere.pth: no such ch' in done.stderr
