import json
import re
import subprocess
import sys

import pytest

from benchmarks import docs_tables
from benchmarks.docs_tables import BLOCKS, Block


def test_the_tables_of_the_docs_equal_their_result_files(root):
    command = [sys.executable, 'tools/docs_tables.py', '--check']
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_table_that_was_edited_by_hand_is_reported(monkeypatch, tmp_path):
    block = BLOCKS[-1]
    (tmp_path / 'docs').mkdir()
    page = (docs_tables.ROOT / block.page).read_text()
    (tmp_path / block.page).write_text(page.replace('| what | result |', '| what | results |'))
    monkeypatch.setattr(docs_tables, 'ROOT', tmp_path)
    monkeypatch.setattr(docs_tables, 'BLOCKS', [block])
    (found,) = docs_tables.stale_blocks()
    assert found == (block, page)


def test_every_marker_belongs_to_a_block_with_files(root):
    for page in {block.page for block in BLOCKS}:
        names = re.findall(r'<!-- (\w+):begin -->', (root / page).read_text())
        assert sorted(names) == sorted(b.name for b in BLOCKS if b.page == page and b.exists)


@pytest.fixture
def results(monkeypatch, tmp_path):
    """Return an empty folder of results, next to a page with one block."""
    (tmp_path / 'page.md').write_text('<!-- isic2018:begin -->\n<!-- isic2018:end -->\n')
    (tmp_path / 'isic2018').mkdir()
    (recipes,) = (b for b in BLOCKS if (b.page, b.name) == ('docs/results.md', 'isic2018'))
    block = Block('page.md', 'isic2018', recipes.render, ('isic2018/*test*',))
    monkeypatch.setattr(docs_tables, 'ROOT', tmp_path)
    monkeypatch.setattr(docs_tables, 'RESULTS', tmp_path)
    monkeypatch.setattr(docs_tables, 'BLOCKS', [block])
    return tmp_path / 'isic2018'


def test_a_new_file_is_a_new_row(results):
    assert list(docs_tables.stale_blocks()) == [], 'no block without a file'
    for name in ('a_test', 'b_test', 'b_val'):
        report = {'config': name, 'metrics': {'lesion/iou': 0.8}}
        (results / f'{name}.json').write_text(json.dumps(report))
    ((_, text),) = docs_tables.stale_blocks()
    assert '| 1 | a_test |' in text and '| 2 | b_test |' in text and 'b_val' not in text
