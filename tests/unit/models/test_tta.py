import pytest
import torch
from mmdet.models.roi_heads.mask_heads import FCNMaskHead
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData
from torch import nn

import isic_mmdet.register  # noqa: F401
from isic_mmdet.masks.views import FLIP_AXES
from isic_mmdet.models.tta import LesionTTAModel, best_detection, further_detections

SIZE = (8, 12)
WHOLE = [0, 0, 12, 8]


class Detector(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.roi_head = nn.Module()
        self.roi_head.mask_head = FCNMaskHead(1, in_channels=4, conv_out_channels=4, num_classes=1)

    def test_step(self, data):
        raise NotImplementedError


def view(cells, box=WHOLE, score=0.9, label=0, direction=None) -> DetDataSample:
    """A view with one detection; the cells of a box of image size are its pixels."""
    sample = DetDataSample(
        metainfo=dict(ori_shape=SIZE, flip=direction is not None, flip_direction=direction)
    )
    sample.pred_instances = InstanceData(
        bboxes=torch.tensor([box], dtype=torch.float32),
        scores=torch.tensor([score]),
        labels=torch.tensor([label]),
        masks=cells[None],
    )
    return sample


def several(*views) -> DetDataSample:
    """A view with the detections of some views."""
    sample = views[0]
    sample.pred_instances = InstanceData.cat([each.pred_instances for each in views])
    return sample


def nothing() -> DetDataSample:
    sample = view(torch.zeros(SIZE))
    sample.pred_instances = sample.pred_instances[:0]
    return sample


def merge(*views):
    (merged,) = LesionTTAModel(module=Detector()).merge_preds([list(views)])
    return merged.pred_instances


def corner_map() -> torch.Tensor:
    cells = torch.zeros(SIZE)
    cells[1:4, 2:7] = 1.0
    return cells


def test_boxes_are_flipped_back():
    some = torch.ones(28, 28)
    merged = merge(
        view(some, [2, 1, 7, 4]),
        view(some, [5, 1, 10, 4], direction='horizontal'),
        view(some, [2, 4, 7, 7], direction='vertical'),
        view(some, [5, 4, 10, 7], direction='diagonal'),
    )
    assert merged.bboxes.tolist() == [[2, 1, 7, 4]]
    assert torch.equal(merged.masks[0], corner_map().bool())


def test_probabilities_are_averaged_before_the_threshold():
    # Votes on binary masks would keep pixels that two of three views have at 0.55.
    half = torch.full(SIZE, 0.55)
    assert not merge(view(half), view(half), view(torch.zeros(SIZE))).masks.any()


def test_a_view_without_detection_counts_as_zero():
    merged = merge(view(corner_map(), score=0.8), nothing())
    assert torch.allclose(merged.scores, torch.tensor([0.4]))
    assert not merged.masks.any()  # 1/2 is not above 1/2


def test_the_confidence_is_the_mean_over_the_views():
    views = [view(torch.full(SIZE, probability)) for probability in (0.9, 0.7)]
    merged = merge(several(views[0], view(torch.ones(SIZE), score=0.2, label=1)), views[1])
    assert len(merged) == 2
    torch.testing.assert_close(merged.mask_confidences, torch.tensor([0.8, 0.8]))


def test_no_view_with_a_detection_gives_none():
    merged = merge(nothing(), nothing())
    assert len(merged) == 0
    assert merged.masks.dtype == torch.bool and merged.masks.shape == (0, *SIZE)


def test_every_class_has_a_score_and_the_same_mask():
    merged = merge(
        several(view(corner_map(), score=0.6), view(corner_map(), score=0.4, label=1)),
        view(corner_map(), score=0.7, label=1),
    )
    assert merged.labels.tolist() == [1, 0]
    assert torch.allclose(merged.scores, torch.tensor([0.55, 0.3]))
    assert torch.equal(merged.masks[0], merged.masks[1])
    assert merged.bboxes.shape == (2, 4)


def test_masks_of_the_complete_image_are_flipped_back_and_most_views_decide():
    mask = corner_map().bool()
    views = [
        view(mask.flip(axes), [0, 0, 0, 0], direction=direction)  # SOLO predicts no boxes
        for direction, axes in FLIP_AXES.items()
    ]
    found = best_detection(views[3])
    assert found.view.box == (2, 1, 7, 4)
    assert found.view.cells.shape == (3, 5)
    assert torch.equal(merge(*views).masks[0], mask)
    empty = torch.zeros(SIZE, dtype=torch.bool)
    assert torch.equal(merge(*views[:3], view(empty)).masks[0], mask)
    merged = merge(*views[:2], view(empty), view(empty))
    assert not merged.masks.any() and len(merged) == 1


def test_of_several_detections_the_best_counts():
    merged = merge(several(view(torch.zeros(SIZE), score=0.2), view(corner_map())))
    assert torch.equal(merged.masks[0], corner_map().bool())


def test_further_lesions_have_a_high_score_and_a_place_of_their_own():
    some = torch.ones(28, 28)
    sample = several(
        view(some, [0, 0, 5, 5], score=0.9),
        view(some, [7, 0, 10, 3], score=0.7, label=1),
        view(some, [1, 1, 4, 4], score=0.8, label=1),  # inside the first one
        view(some, [7, 4, 10, 7], score=0.6),
        view(some, [10, 7, 12, 8], score=0.4),
    )
    found = further_detections(sample, 5)
    assert [each.view.box for each in found] == [(7, 0, 10, 3), (7, 4, 10, 7)]
    assert [each.scores for each in found] == [
        {1: pytest.approx(0.7)},
        {0: pytest.approx(0.6)},
    ]
    assert len(further_detections(sample, 1)) == 1
    assert further_detections(sample, 0) == further_detections(nothing(), 3) == []
