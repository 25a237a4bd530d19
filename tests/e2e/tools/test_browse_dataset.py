"""The command as users type it."""

from pathlib import Path

from tests.support.tool_runs import assert_one_message, run_tool


def test_writes_the_sheets_and_says_where(root: Path, tiny_data: Path, tmp_path: Path):
    out = tmp_path / 'out'
    done = run_tool(
        *(root, 'browse_dataset', root / 'configs/quickstart.py'),
        *('--data-root', tiny_data, '--out', out),
        *('--split', 'train', '--number', '2', '--seed', '3', '--augmented'),
        *('--cfg-options', 'train_dataloader.dataset.ann_file=annotations/val.json'),
    )
    assert done.returncode == 0, done.stderr
    names = ['resolution.png', 'masks.png', 'augmented.png']
    assert done.stdout.splitlines()[-3:] == [str(out / name) for name in names]
    for name in names:
        assert (out / name).read_bytes().startswith(b'\x89PNG')
    assert '2/2' in done.stderr  # the progress bars


def test_missing_data_and_wrong_arguments_are_one_message(root: Path, tmp_path: Path):
    options = '--data-root', tmp_path / 'x', '--out', tmp_path / 'y'
    done = run_tool(root, 'browse_dataset', root / 'configs/quickstart.py', *options)
    assert_one_message(done, 1, 'no such file')
    assert run_tool(root, 'browse_dataset', 'config.py').returncode == 2
