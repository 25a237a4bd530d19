import json

import pytest

from benchmarks.rows import row
from benchmarks.table import performance_table, profile_table


def test_a_baseline_is_compared_by_speed_and_a_lower_bound_by_time():
    baseline = row('a step', 0.5, 'baseline', 2.0, at_least=4.5)
    assert (baseline['ratio'], baseline['met']) == (4.0, False)
    bound = row('a step', 0.5, 'bound', 0.4, at_most=1.5)
    assert (bound['ratio'], bound['met']) == (1.25, True)
    assert 'met' not in row('a step', 0.5, 'baseline', 2.0)


@pytest.fixture
def result(tmp_path):
    rows = [
        row('a step', 0.0123, 'baseline', 2.0, at_least=4),
        {
            'what': 'memory',
            'ours_mb': 400.4,
            'baseline': 'baseline',
            'baseline_mb': 900,
            'ratio': 2.2,
        },
        {
            'what': 'a large image',
            'ours_s': 3.5,
            'baseline': 'baseline',
            'baseline_s': None,
            'ratio': None,
        },
    ]
    content = {
        'command': 'python -m benchmarks train',
        'hardware': '2 CPU cores',
        'date': '2026-11-25T10:00:00+00:00',
        'rows': rows,
    }
    path = tmp_path / 'train.json'
    path.write_text(json.dumps(content))
    return path


def test_the_table_shows_what_the_file_holds(result):
    text = performance_table([json.loads(result.read_text())])
    assert '`python -m benchmarks train`, 2 CPU cores, 2026-11-25' in text
    assert '| a step | 12.3 ms | baseline | 2.00 s | 162.60 | at least 4 x as fast | yes |' in text
    assert '| memory | 400 MB | baseline | 900 MB | 2.20 |  |  |' in text
    assert '| a large image | 3.50 s | baseline | not finished |' in text


def test_a_profile_is_next_to_that_of_the_baseline():
    details = {
        'profile': {'ours': {'conv': 0.5, 'mm': 0.25}, 'stock': {'roi_align': 0.9, 'nms': 0.1}},
        'arithmetic': {
            'operations': 4e11,
            'operations_per_s': 1e11,
            'bfloat16_operations_per_s': 2e11,
            'share': 0.5,
        },
    }
    text = profile_table({'details': details})
    assert '| `conv` | 50.0% | `roi_align` | 90.0% |' in text
    assert '400 GFLOP at 100 GFLOP/s: 50% of the 200 GFLOP/s' in text
