import warnings

import pytest

from isic_mmdet.utils.renamed import NAMES, translate


def test_names_are_replaced_at_any_depth_and_each_is_reported_once():
    config = {
        'model': {'neck': {'type': 'CoarseFPN', 'stages': (0, 1)}},
        'custom_hooks': [{'type': 'RepeatableStepsHook'}, {'type': 'CoarseFPN'}],
        'work_dir': 'CoarseFPN',
    }
    with pytest.warns(FutureWarning) as caught:
        translate(config)
    assert config == {
        'model': {'neck': {'type': 'P3FPN', 'passthrough_levels': (0, 1)}},
        'custom_hooks': [{'type': 'PerStepSeedHook'}, {'type': 'P3FPN'}],
        'work_dir': 'CoarseFPN',
    }
    messages = [str(warning.message) for warning in caught]
    assert len(messages) == 3
    for old, new in (('CoarseFPN', 'P3FPN'), ('stages', 'passthrough_levels')):
        assert sum(text.startswith(f'{old} has been renamed to {new};') for text in messages) == 1


@pytest.mark.parametrize(
    ('old', 'expected'),
    [
        (None, None),
        ({'type': 'IoUReportHook'}, {'type': 'EvaluationReportHook', 'base': 1}),
        ({'own': 2}, {'type': 'EvaluationReportHook', 'base': 1, 'own': 2}),
    ],
)
def test_an_old_key_of_a_hook_changes_the_hook_of_the_base(old, expected):
    base = {'type': 'EvaluationReportHook', 'base': 1}
    config = {'default_hooks': {'evaluation_report': base, 'iou_report': old}}
    with pytest.warns(FutureWarning, match='iou_report has been renamed to evaluation_report'):
        translate(config)
    assert config == {'default_hooks': {'evaluation_report': expected}}


def test_new_names_stay_without_a_warning():
    config = {'model': {'type': 'P3FPN', 'passthrough_levels': ()}, 'default_hooks': None}
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        translate(config)
    assert not NAMES.keys() & set(NAMES.values())
