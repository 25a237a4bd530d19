"""tools/results_table.py as a user runs it."""

import json

from tests.support.tool_runs import assert_one_message, run_tool


def test_writes_into_a_readme_or_prints(root, tmp_path):
    metrics, readme = tmp_path / 'metrics.json', tmp_path / 'README.md'
    metrics.write_text(json.dumps({'metrics': {'lesion/iou': 0.8123}, 'config': 'quickstart'}))
    readme.write_text('<!-- results:begin -->\n<!-- results:end -->\n')
    printed = run_tool(root, 'results_table', metrics)
    assert printed.returncode == 0, printed.stderr
    assert '| quickstart |' in printed.stdout
    assert run_tool(root, 'results_table', metrics, '--readme', readme).returncode == 0
    assert '0.812' in readme.read_text(encoding='utf-8')


def test_missing_files_and_wrong_arguments_are_one_message(root, tmp_path):
    done = run_tool(root, 'results_table', tmp_path / 'absent.json')
    assert_one_message(done, 1, 'absent.json')
    assert run_tool(root, 'results_table').returncode == 2
