import json
import re
import subprocess
import sys

import pytest

from benchmarks import docs_tables
from benchmarks.docs_tables import BLOCKS, Block
from benchmarks.harness import row


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
        names = re.findall(r'^<!-- (\w+):begin -->$', (root / page).read_text(), re.MULTILINE)
        assert sorted(names) == sorted(b.name for b in BLOCKS if b.page == page and b.exists)


def test_links_of_the_tables_of_all_measurements_lead_to_files(root):
    page = root / 'benchmarks/results/README.md'
    for link in re.findall(r'\]\((?!https?:|#)([^)#]+)', page.read_text()):
        assert (page.parent / link).is_file(), link


def of_page(page: str, name: str) -> Block:
    (block,) = (b for b in BLOCKS if (b.page, b.name) == (page, name))
    return block


def of_results(name: str) -> Block:
    return of_page('docs/results.md', name)


@pytest.fixture
def results(monkeypatch, tmp_path):
    """Return a function that writes results into the folder of a block, alone on its page."""
    monkeypatch.setattr(docs_tables, 'ROOT', tmp_path)
    monkeypatch.setattr(docs_tables, 'RESULTS', tmp_path)

    def write(block: Block, **reports: dict) -> None:
        page = tmp_path / block.page
        page.parent.mkdir(exist_ok=True)
        page.write_text(f'<!-- {block.name}:begin -->\n<!-- {block.name}:end -->\n')
        monkeypatch.setattr(docs_tables, 'BLOCKS', [block])
        for name, report in reports.items():
            path = tmp_path / block.patterns[0].replace('*test*', f'{name}.json')
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps({'config': name, **report}))

    return write


def test_a_new_file_is_a_new_row(results):
    block = of_results('isic2018')
    results(block)
    assert list(docs_tables.stale_blocks()) == [], 'no block without a file'
    report = {'metrics': {'lesion/iou': 0.8}}
    results(block, a_test=report, b_test=report, b_val=report)
    ((_, text),) = docs_tables.stale_blocks()
    assert '| 1 | a_test |' in text and '| 2 | b_test |' in text and 'b_val' not in text


def test_folds_have_a_mean_of_one_view(results):
    folds = {
        f'fold{n}_test{"_tta" if tta else ""}': {
            'metrics': {'lesion/iou': 0.8 + 0.01 * n + 0.1 * tta, 'lesion/dice': 0.9},
            'tta': tta,
        }
        for n in (1, 2)
        for tta in (False, True)
    }
    results(of_results('ms_red'), **folds)
    ((_, text),) = docs_tables.stale_blocks()
    assert 'Mean over 2 of 5 folds: `iou` 0.8150, `dice` 0.9000.' in text


def test_goals_that_were_missed_are_listed(tmp_path):
    path = tmp_path / 'train.json'
    rows = [row(f'a step {goal}', 1.0, 'mmdet', 3.0, at_least=goal) for goal in (2, 4)]
    rows.append(row('without goal', 1.0, 'mmdet', 3.0))
    path.write_text(json.dumps({'hardware': 'a GPU', 'rows': rows}))
    text = of_page('benchmarks/results/README.md', 'missed').render([path])
    assert text.splitlines()[2:] == [
        '| a step 4 | a GPU | 1.00 s | mmdet | 3.00 s | 3.00 | at least 4 x as fast |'
    ]
