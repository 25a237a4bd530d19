from benchmarks.harness import row
from benchmarks.table import performance_table, profile_table


def test_the_table_shows_the_rows_of_the_file():
    rows = [
        row('a step', 0.0123, 'baseline', 2.0, at_least=4),
        row('memory', 400.4, 'baseline', 900, 'mb'),
        row('a large image', 3.5, 'baseline', None),
    ]
    head = {'command': 'python -m benchmarks train', 'hardware': '2 CPU cores'}
    content = {**head, 'date': '2026-11-25T10:00:00+00:00', 'rows': rows, 'skipped': ['a scorer']}
    text = performance_table([content])
    assert '`python -m benchmarks train`, 2 CPU cores, 2026-11-25' in text
    assert '| a step | 12.3 ms | baseline | 2.00 s | 162.60 | at least 4 x as fast | yes |' in text
    assert '| memory | 400 MB | baseline | 900 MB | 2.25 |  |  |' in text
    assert '| a large image | 3.50 s | baseline | not finished |' in text
    assert 'Not measured: a scorer.' in text


def test_columns_that_no_row_fills_are_left_out():
    head = {'command': 'python -m benchmarks scale', 'hardware': '2 CPU cores'}
    rows = [{'what': 'a list', 'ours_mb': 3.0}]
    content = {**head, 'date': '2026-11-25T10:00:00+00:00', 'rows': rows}
    assert '| what | ours |\n| --- | --- |\n| a list | 3 MB |' in performance_table([content])


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
