"""tools/results_table.py as a user runs it."""

import json

from tests.support.tool_runs import succeed


def test_writes_into_a_readme_or_prints(tmp_path):
    metrics, readme = tmp_path / 'metrics.json', tmp_path / 'README.md'
    metrics.write_text(json.dumps({'metrics': {'lesion/iou': 0.8123}, 'config': 'quickstart'}))
    readme.write_text('<!-- results:begin -->\n<!-- results:end -->\n')
    assert '| quickstart |' in succeed('results_table', metrics)
    succeed('results_table', metrics, '--readme', readme)
    assert '0.812' in readme.read_text(encoding='utf-8')
