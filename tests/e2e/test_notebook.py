"""The notebook, cell by cell, on a few synthetic images."""

import json
from pathlib import Path

import pytest

NOTEBOOK = Path('notebooks/lesions.ipynb')


@pytest.fixture
def cells(root) -> list[dict]:
    return json.loads((root / NOTEBOOK).read_text())['cells']


def test_it_is_short_and_holds_no_output(cells):
    assert len(cells) <= 10
    assert [cell['outputs'] for cell in cells if cell.get('outputs')] == []


@pytest.mark.slow
def test_the_cells_run(root, cells, tmp_path, monkeypatch):
    from matplotlib import pyplot

    monkeypatch.chdir(root)
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '')
    monkeypatch.setattr(pyplot, 'show', lambda: None)
    names: dict = {}
    for cell in cells:
        tags = cell['metadata'].get('tags', [])
        if cell['cell_type'] != 'code' or 'install' in tags:
            continue
        exec(compile(''.join(cell['source']), cell['id'], 'exec'), names)
        if 'parameters' in tags:
            loaders = [f'{name}_dataloader.num_workers=0' for name in ('train', 'val')]
            schedule = ['train_cfg.max_epochs=1', 'train_cfg.val_interval=1']
            names |= dict(IMAGES=str(tmp_path / 'none'), WORK=str(tmp_path / 'work'))
            names['OPTIONS'] = [*loaders, *schedule]
    pyplot.close('all')
    assert len(names['shown']) == 4
    assert json.loads((tmp_path / 'work/test/metrics.json').read_text())['images'] >= 4
