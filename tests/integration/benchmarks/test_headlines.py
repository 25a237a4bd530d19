import json

import pytest

from benchmarks import headlines
from benchmarks.harness import row
from benchmarks.headlines import Headline, headline_tables
from isic_mmdet.errors import InputError


@pytest.fixture
def results(monkeypatch, tmp_path):
    """Return a function that writes rows into the file of the only headline."""
    chosen = Headline('gpu/train', 'a step', ('stock mmdet', 'torchvision'), 'ours in bfloat16')
    monkeypatch.setattr(headlines, 'HEADLINES', (chosen,))

    def write(*rows: dict):
        (tmp_path / 'gpu').mkdir()
        text = json.dumps({'hardware': 'a GPU', 'rows': rows})
        (tmp_path / 'gpu/train.json').write_text(text)
        return tmp_path

    return write


STEPS = [
    row('a step', 1.0, 'stock mmdet', 5.0, at_least=4),
    row('a step', 1.0, 'torchvision', 3.0, at_least=4),
]


def test_chosen_rows_have_hardware_and_note(results):
    text = headline_tables(results(row('another', 1.0, 'stock mmdet', 2.0), *STEPS))
    step = '| a step | 1.00 s'
    assert text.startswith('**a GPU, ours in bfloat16**\n\n| what | ours | baseline |')
    assert text.splitlines()[4:] == [
        f'{step} | stock mmdet | 5.00 s | 5.00 | at least 4 x as fast | yes |',
        f'{step} | torchvision | 3.00 s | 3.00 | at least 4 x as fast | **no** |',
    ]


@pytest.mark.parametrize(('rows', 'found'), [(STEPS[:1], 0), ([*STEPS, STEPS[1]], 2)])
def test_a_row_that_was_renamed_or_is_there_twice_is_an_error(results, rows, found):
    with pytest.raises(InputError, match=f"train.json: has {found} rows 'a step' .*'torchvision'"):
        headline_tables(results(*rows))


def test_a_file_that_is_missing_is_an_error(results, tmp_path):
    results()
    (tmp_path / 'gpu/train.json').unlink()
    with pytest.raises(InputError, match=r'train.json: is missing'):
        headline_tables(tmp_path)
