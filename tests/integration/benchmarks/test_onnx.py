import pytest

from benchmarks import onnx as benchmark
from benchmarks.table import performance_table
from isic_mmdet.errors import InputError


def test_goals_are_held_against_medians():
    inferencer = "mmdet's inferencer, our model"
    starts = {'ONNX Runtime': [1.0, 9.0, 1.1], 'PyTorch': [6.0], inferencer: [5.4]}
    seconds = {'ONNX Runtime': [0.2], 'PyTorch': [0.19, 0.1, 0.9], inferencer: [0.5]}
    peaks = {'ONNX Runtime': 300.0, 'PyTorch': 800.0, inferencer: 901.0}
    rows = benchmark.model_rows(starts, seconds, peaks, 'mine')
    # One image, start, memory; each next to PyTorch and the inferencer.
    assert [row.get('met') for row in rows] == [False, None, None, False, None, True]
    assert rows[0]['ratio'] == pytest.approx(0.95)
    assert rows[3]['ratio'] == pytest.approx(5.4 / 1.1)
    content = {'command': 'c', 'hardware': 'h', 'date': '2026-11-25', 'rows': rows}
    assert '| 300 MB | ' in performance_table([content])


def test_a_process_that_ends_is_an_error(tmp_path):
    with pytest.raises(InputError, match='ended') as error:
        benchmark.Predictor(tmp_path / 'image.png', ('onnx', str(tmp_path / 'none.onnx')))
    assert 'no such model' in error.value.errors[-1]


@pytest.mark.slow
def test_all_of_it_runs(tmp_path):
    result = benchmark.run(tmp_path, quick=True)
    assert len(result['rows']) == 12
    details = result['details']
    assert all(
        seconds > 0 for values in details['seconds_per_image'].values() for seconds in values
    )
    assert all(peak > 50 for peak in details['peak_memory_mb'].values())
