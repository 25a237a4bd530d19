import json

import pytest

from benchmarks.rows import row
from benchmarks.table import (
    BEGIN,
    END,
    PROFILE_BEGIN,
    PROFILE_END,
    profile_table,
    update_performance,
)
from isic_mmdet.errors import InputError


def test_a_peer_is_told_in_times_as_fast_and_a_floor_in_times_as_long():
    peer = row('a step', 0.5, 'peer', 2.0, at_least=4.5)
    assert (peer['ratio'], peer['reached']) == (4.0, False)
    floor = row('a step', 0.5, 'floor', 0.4, at_most=1.5)
    assert (floor['ratio'], floor['reached']) == (1.25, True)
    assert 'reached' not in row('a step', 0.5, 'peer', 2.0)


@pytest.fixture
def result(tmp_path):
    rows = [
        row('a step', 0.0123, 'peer', 2.0, at_least=4),
        {'what': 'memory', 'ours_mb': 400.4, 'peer': 'peer', 'peer_mb': 900, 'ratio': 2.2},
        {'what': 'a large image', 'ours_s': 3.5, 'peer': 'peer', 'peer_s': None, 'ratio': None},
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


def test_the_page_gets_what_the_file_holds_and_keeps_the_rest(tmp_path, result):
    page = tmp_path / 'performance.md'
    page.write_text(f'before\n{BEGIN}\nold\n{END}\nafter\n')
    update_performance(page, [result])
    text = page.read_text()
    assert text.startswith('before\n') and text.endswith('\nafter\n')
    assert 'old' not in text
    assert '`python -m benchmarks train`, 2 CPU cores, 2026-11-25' in text
    assert '| a step | 12.3 ms | peer | 2.00 s | 162.60 | at least 4 x as fast | yes |' in text
    assert '| memory | 400 MB | peer | 900 MB | 2.20 |  |  |' in text
    assert '| a large image | 3.50 s | peer | not finished |' in text


def test_a_page_without_the_markers_is_refused(tmp_path, result):
    page = tmp_path / 'performance.md'
    page.write_text('nothing\n')
    with pytest.raises(InputError, match=r'performance\.md: needs one line'):
        update_performance(page, [result])
    assert page.read_text() == 'nothing\n'


def test_a_profile_stands_beside_that_of_the_peer():
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
    assert '100 a second: 50% of the 200' in text


def test_the_first_of_two_profiles_is_shown(tmp_path, result):
    page = tmp_path / 'performance.md'
    page.write_text('\n'.join((BEGIN, END, PROFILE_BEGIN, PROFILE_END, '')))
    files = []
    for device in ('cpu', 'gpu'):
        content = json.loads(result.read_text())
        content['details'] = {
            'profile': {'ours': {f'{device}_conv': 0.5}, 'stock': {'nms': 0.1}},
            'arithmetic': {
                'operations': 1,
                'operations_per_s': 1,
                'share': 1,
                'bfloat16_operations_per_s': 1,
            },
        }
        files.append(tmp_path / f'{device}.json')
        files[-1].write_text(json.dumps(content))
    update_performance(page, files)
    assert page.read_text().count('`python -m benchmarks train`') == 2
    assert 'cpu_conv' in page.read_text() and 'gpu_conv' not in page.read_text()
