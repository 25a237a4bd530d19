"""tools/make_synthetic.py as a user runs it."""

from tests.support.tool_runs import fail, run_tool, succeed


def test_draws_then_reuses_and_never_mixes_two_sets(tmp_path):
    arguments = ('make_synthetic', '--out', tmp_path, '--images', 6, '--size', 64, '--workers', 2)
    first = run_tool(*arguments)
    assert first.returncode == 0, first.stderr
    assert 'drew 6 images' in first.stdout
    assert '6/6' in first.stderr  # the progress bar
    assert len(list(tmp_path.glob('*_Data/*.jpg'))) == 6
    assert 'nothing to draw' in succeed(*arguments)
    assert 'was made with' in fail(*arguments, '--seed', 8)
