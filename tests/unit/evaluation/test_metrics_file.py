"""metrics.json comes back as it was written; values of another kind are refused."""

import json
import math

import pytest

from isic_mmdet.errors import InputError
from isic_mmdet.evaluation.metrics_file import read_reports, write_metrics

GOOD = {'metrics': {'lesion/iou': 0.8, 'melanoma/auc': None}, 'tta': False, 'config': 'x'}
TWO = {'classes': ['a', 'b'], 'counts': [[1, 2], [3, 4]]}


def test_what_was_written_is_read_and_nan_is_null(tmp_path):
    content = {'metrics': {'lesion/iou': 0.8, 'melanoma/auc': math.nan}, 'confusion_matrix': TWO}
    write_metrics(tmp_path / 'metrics.json', {**content, 'values': (1, -math.inf)})
    (found,) = read_reports([tmp_path / 'metrics.json'])
    assert found == {
        'metrics': {'lesion/iou': 0.8, 'melanoma/auc': None},
        'confusion_matrix': TWO,
        'values': [1, None],
    }


@pytest.mark.parametrize(
    ('change', 'name'),
    [
        ({'metrics': None}, 'metrics'),
        ({'metrics': {'lesion/iou': '0.8'}}, 'lesion/iou'),
        ({'metrics': {'lesion/iou': True}}, 'lesion/iou'),
        ({'training': 'yes'}, 'training'),
        ({'training': {'seconds': 'many'}}, 'training.seconds'),
        ({'versions': [1]}, 'versions'),
        ({'config': 5}, 'config'),
        ({'tta': 1}, 'tta'),
        ({'confusion_matrix': [[1, 2], [3, 4]]}, 'confusion_matrix'),
        ({'confusion_matrix': TWO | {'counts': [[1, 2], [3]]}}, 'confusion_matrix'),
        ({'confusion_matrix': TWO | {'counts': [[1, 2], [3, -4]]}}, 'confusion_matrix'),
        ({'confusion_matrix': TWO | {'classes': ['a', 'a']}}, 'confusion_matrix'),
        ({'confusion_matrix': TWO | {'classes': ['a', 'b', 'c']}}, 'confusion_matrix'),
        ({'confusion_matrix': TWO | {'positive': 'c'}}, 'confusion_matrix'),
        ({'confusion_matrix': TWO | {'no_detection': [1]}}, 'confusion_matrix'),
    ],
)
def test_values_of_another_kind_are_refused(tmp_path, change, name):
    path = tmp_path / 'metrics.json'
    path.write_text(json.dumps(GOOD | change))
    with pytest.raises(InputError, match=rf'(?s)metrics\.json: .*{name}'):
        read_reports([path])


def test_all_bad_files_are_listed(tmp_path):
    contents = {'damaged': '{"metrics": ', 'good': json.dumps(GOOD), 'other': '{"images": 3}'}
    for name, text in contents.items():
        (tmp_path / f'{name}.json').write_text(text)
    with pytest.raises(InputError) as caught:
        read_reports([tmp_path / f'{name}.json' for name in ('absent', *contents)])
    for error, name in zip(caught.value.errors, ('absent', 'damaged', 'other'), strict=True):
        assert f'{name}.json' in error
