"""The scores on the page: of groups of images, and next to published ones."""

import pytest

from isic_mmdet.report.page.scores import groups, results
from isic_mmdet.report.published_results import PROTOCOLS, RANDOM_2018

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


@pytest.mark.parametrize('protocol', [RANDOM_2018, None])
def test_published_scores_of_the_protocol_are_apart_from_all_others(protocol):
    rows = [{**dict.fromkeys((*METRICS, 'iou_thr65'), 0.8), 'detections': 1}]
    iou = results(rows, None, {}, protocol)['lesion/iou']
    comparable = {each.images for each in iou.comparable}
    others = {each.images for each in iou.others}
    assert comparable == ({RANDOM_2018.images} if protocol else set())
    assert comparable | others == {
        each.images
        for each in PROTOCOLS
        if any('lesion/iou' in result.scores for result in each.results)
    }
    assert not comparable & others
    assert iou.published[0].method == 'Ms RED'
    assert iou.low <= min(float(each.value) for each in iou.published)
