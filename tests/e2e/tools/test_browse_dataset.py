"""tools/browse_dataset.py as a user runs it."""

from tests.support.tool_runs import succeed


def test_writes_the_sheets_and_says_where(tiny_data, tmp_path):
    printed = succeed(
        *('browse_dataset', 'configs/quickstart.py', '--data-root', tiny_data, '--out', tmp_path),
        *('--split', 'train', '--number', 2, '--seed', 3, '--augmented'),
        *('--cfg-options', 'train_dataloader.dataset.ann_file=annotations/val.json'),
    )
    paths = [tmp_path / name for name in ('resolution.png', 'masks.png', 'augmented.png')]
    assert printed.splitlines()[-3:] == list(map(str, paths))
    assert all(path.read_bytes().startswith(b'\x89PNG') for path in paths)
