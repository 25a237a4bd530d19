import dataclasses

import numpy as np
import pytest

from isic_mmdet.deploy.export.check import Agreement, agreement, compare, summarize_agreement
from isic_mmdet.deploy.segmentation import Segmentation
from isic_mmdet.errors import InputError
from isic_mmdet.images.sources import SourceFile
from isic_mmdet.masks.paste import BoxCells

SAME = Agreement('a', 1.0, (0.9, 0.9), ('lesion', 'lesion'))


def segmentation(right: float, score: float = 0.9, label: str = 'lesion') -> Segmentation:
    """Return a lesion over 100 rows from the left border to `right`."""
    view = BoxCells(np.ones((28, 28), np.float32), (-1000.0, -1000.0, right, 1100.0))
    return Segmentation((100, 200), (view,), 1, 0.5, score, label, (0, 0, right, 100))


def test_an_agreement_has_the_iou_of_the_masks():
    found = agreement('a', segmentation(100), segmentation(90, 0.8, 'melanoma'))
    assert found.iou == pytest.approx(0.9, abs=1e-6)
    assert found.score_difference == pytest.approx(0.1)
    assert found.labels == ('lesion', 'melanoma')
    nothing = Segmentation((100, 200), (), 1, 0.5, 0.0, None, None)
    assert agreement('a', nothing, nothing).iou == 1.0
    assert agreement('a', nothing, nothing).is_close
    assert agreement('a', segmentation(100), nothing).iou == 0.0


@pytest.mark.parametrize(
    'changes',
    [
        {'iou': 0.9899},
        {'scores': (0.9, 0.9011)},
        {'labels': ('benign', 'melanoma')},
        {'labels': (None, 'lesion')},
    ],
)
def test_one_image_that_differs_too_much_is_named(changes):
    other = dataclasses.replace(SAME, name='ISIC_7', **changes)
    with pytest.raises(InputError, match='disagree on 31 images') as error:
        summarize_agreement([SAME] * 30 + [other], 'ONNX Runtime')
    assert [problem.split(':')[0] for problem in error.value.errors] == ['ISIC_7']


def test_images_that_differ_a_little_may_be_too_many():
    near = dataclasses.replace(SAME, name='near', iou=0.9905)
    assert '0.99952 on average, 0.99050 at worst (near)' in summarize_agreement(
        [SAME] * 19 + [near], 'ONNX Runtime'
    )
    with pytest.raises(InputError, match=r'0\.99842 on average') as error:
        summarize_agreement([SAME] * 5 + [near], 'ONNX Runtime')
    assert len(error.value.errors) == 6
    assert error.value.errors[0].startswith('near')


def test_an_unreadable_image_is_named(tmp_path):
    path = tmp_path / 'broken.jpg'
    path.write_bytes(b'no image')
    with pytest.raises(InputError, match=r'broken\.jpg: .*check with other images'):
        compare(None, None, {'broken': SourceFile(path, None, 8, 0)})
