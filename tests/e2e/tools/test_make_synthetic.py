from pathlib import Path

from tests.support.tool_runs import assert_one_message, run_tool


def test_writes_then_reuses_and_refuses_other_options(root: Path, tmp_path: Path) -> None:
    options = ('--out', tmp_path / 'set', '--images', 6, '--size', 64, '--workers', 2)
    first = run_tool(root, 'make_synthetic', *options)
    assert first.returncode == 0, first.stderr
    assert 'drew 6 images' in first.stdout
    assert '6/6' in first.stderr  # the progress bar
    assert len(list((tmp_path / 'set').glob('*_Data/*.jpg'))) == 6
    assert 'nothing to draw' in run_tool(root, 'make_synthetic', *options).stdout
    assert_one_message(run_tool(root, 'make_synthetic', *options, '--seed', 8), 1, 'was made with')
    assert run_tool(root, 'make_synthetic', '--out', 'x', '--images', 'many').returncode == 2
    shown = run_tool(root, 'make_synthetic', '--help').stdout
    assert shown.splitlines()[-1].strip().startswith('python tools/make_synthetic.py')
