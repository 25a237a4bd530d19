import subprocess
import sys


def check(root) -> subprocess.CompletedProcess:
    command = [sys.executable, 'tools/docs_tables.py', '--check']
    return subprocess.run(command, cwd=root, capture_output=True, text=True)


def test_the_tables_of_the_docs_equal_their_result_files(root):
    done = check(root)
    assert done.returncode == 0, done.stderr


def test_a_table_that_was_edited_by_hand_is_reported(monkeypatch, tmp_path):
    from benchmarks import docs_tables

    block = docs_tables.BLOCKS[-1]
    (tmp_path / 'docs').mkdir()
    page = (docs_tables.ROOT / block.page).read_text()
    (tmp_path / block.page).write_text(page.replace('| what | result |', '| what | results |'))
    monkeypatch.setattr(docs_tables, 'ROOT', tmp_path)
    monkeypatch.setattr(docs_tables, 'BLOCKS', [block])
    (found,) = docs_tables.stale_blocks()
    assert found == (block, page)
