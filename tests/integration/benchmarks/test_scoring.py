"""That the comparison compares like with like; what it finds is never asserted."""

import json
import os
import subprocess
import sys

import pytest

from benchmarks import scoring
from benchmarks.mask_pairs import write_drawn
from benchmarks.missing import without_official_scorer
from isic_mmdet.errors import InputError

# A pandas deprecation inside the official scorer, which is pinned.
pytestmark = pytest.mark.filterwarnings('ignore:The inplace keyword')


@pytest.fixture(scope='module')
def drawn(tmp_path_factory):
    return write_drawn(6, 80, tmp_path_factory.mktemp('drawn'))


def test_command_lines_are_timed_and_tell_the_same(drawn):
    line, details = scoring.measure_tool('six', *drawn, repeats=1)
    assert line['what'] == 'six' and line['goal'] == 'at least 5 x as fast'
    assert line['ratio'] == line['baseline_s'] / line['ours_s']
    assert line['met'] is (line['ratio'] >= 5)
    assert {name: len(seconds) for name, seconds in details['seconds'].items()} == {
        'ours': 1,
        'isic-challenge-scoring 5.6.0': 1,
        'ours, start alone': 1,
    }
    assert 0 <= details['largest_difference'] < 1e-9


def test_other_scores_than_the_official_ones_end_it(drawn, monkeypatch):
    monkeypatch.setitem(scoring.NAMES, 'jaccard', 'lesion/dice')
    with pytest.raises(InputError, match='differ from the official ones by up to 0'):
        scoring.measure_tool('six', *drawn, repeats=1)


def test_a_scorer_that_fails_ends_it(drawn, tmp_path):
    with pytest.raises(InputError, match=r'score\.py .* failed'):
        scoring.measure_tool('none', drawn[0], tmp_path, repeats=1)


def test_both_score_the_masks_that_they_are_given(drawn):
    """Masks in memory give both scorers the numbers that the files give."""
    truth, predictions = drawn
    pairs = scoring.paired(truth, predictions)
    masks = [scoring.read_mask(prediction) for _, prediction in pairs]
    ours = scoring.with_metric(pairs, masks)
    official = scoring.with_official_classes(pairs, [255 * mask.astype('uint8') for mask in masks])
    for name, other in scoring.NAMES.items():
        assert ours[other] == pytest.approx(official.macro_average[name], abs=1e-12)
    line, details = scoring.measure_metric('in memory', pairs, repeats=2)
    assert details['images'] == 6
    times = details['seconds']['ours']
    assert len(times) == 2
    assert line['ours_s'] == pytest.approx(sum(times) / 2 / 6)


def test_peaks_are_of_both_over_the_pairs_asked_for(drawn, tmp_path):
    pairs = scoring.paired(*drawn)[:2]
    peaks = scoring.peaks_of(pairs, tmp_path)
    assert list(peaks) == ['tools/score.py', 'LesionMetric']
    assert 10 < peaks['tools/score.py'] < peaks['LesionMetric']
    assert len(list((tmp_path / 'first-2/truth').iterdir())) == 2
    line = scoring.memory_row('LesionMetric', {2: peaks, 6: {'LesionMetric': 1e6}})
    assert (line['ours_mb'], line['baseline'], line['met']) == (1e6, 'the same, 2 pairs', False)


def test_without_the_official_scorer_ours_is_timed_alone(drawn, monkeypatch):
    monkeypatch.setattr(scoring, 'without_official_scorer', lambda: 'it is not installed')
    line, details = scoring.measure_tool('six', *drawn, repeats=1)
    assert set(line) == {'what', 'ours_s'} and line['ours_s'] > 0
    assert set(details['seconds']) == {'ours', 'ours, start alone'}
    line, details = scoring.measure_metric('six', scoring.paired(*drawn), repeats=1)
    assert set(line) == {'what', 'ours_s'} and list(details['seconds']) == ['ours']


def test_the_official_scorer_is_missed_where_it_is_hidden(monkeypatch):
    assert without_official_scorer() is None
    monkeypatch.setattr('benchmarks.missing.find_spec', lambda name: None)
    assert 'requirements-dev.txt' in without_official_scorer()


@pytest.mark.slow
def test_all_of_it_as_a_user_runs_it(root, tmp_path):
    command = [sys.executable, '-m', 'benchmarks.scoring', '--quick']
    done = subprocess.run(
        [*command, '--out', 'results/score.json'],
        cwd=tmp_path,
        env={**os.environ, 'PYTHONPATH': str(root)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    content = json.loads((tmp_path / 'results/score.json').read_text())
    assert json.loads(done.stdout) == content['rows']
    assert [' '.join(line['what'].split()[:3]) for line in content['rows']] == [
        'tools/score.py, 17 distorted' if 'distorted' in done.stdout else 'tools/score.py, drawn',
        'tools/score.py, 50 pairs',
        'LesionMetric, an image',
        'peak memory of',
        'peak memory of',
    ]
    assert list(content['details']['peak_mb']) == ['12', '25', '50']
