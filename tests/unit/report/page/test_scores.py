"""The scores of groups of images on the page."""

import pytest

from isic_mmdet.report.page.scores import groups

METRICS = ('iou', 'iou_max', 'dice', 'pixel_accuracy', 'sensitivity', 'specificity')


def test_groups_show_what_differs():
    rows = [
        {
            **dict.fromkeys(METRICS, 0.5 + 0.1 * n),
            **{'detections': 1, 'height': 100, 'width': 100},
            'diagnosis': 'nevus' if n < 3 else 'melanoma',
        }
        for n in range(4)
    ]
    found = groups(rows)
    assert list(found['tables']) == ['diagnosis'], 'all images have one size'
    melanoma, nevus = found['tables']['diagnosis']
    assert (nevus['group'], nevus['images'], melanoma['images']) == ('nevus', 3, 1)
    ends = [nevus['metrics'][f'lesion/iou_ci_{end}'] for end in ('low', 'high')]
    assert ends == pytest.approx([0.5, 0.7])
    assert found['low'] == pytest.approx(0.5), 'the scale starts at the lowest number'
    assert groups(rows[:1]) is None
