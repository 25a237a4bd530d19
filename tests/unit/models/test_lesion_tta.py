import numpy as np
import torch
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData
from torch import nn

import isic_mmdet.register  # noqa: F401
from isic_mmdet.models.lesion_tta import LesionTTAModel

SIZE = (8, 12)
WHOLE = [0, 0, 12, 8]


class Stub(nn.Module):
    def __init__(self) -> None:
        from mmdet.models.roi_heads.mask_heads import FCNMaskHead

        super().__init__()
        self.roi_head = nn.Module()
        self.roi_head.mask_head = FCNMaskHead(1, in_channels=4, conv_out_channels=4, num_classes=1)

    def test_step(self, data):
        raise NotImplementedError


def view(cells, box=WHOLE, score=0.9, label=0, direction=None) -> DetDataSample:
    """A view in which one lesion was found; `cells` of a box of the whole image are its pixels."""
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


def nothing() -> DetDataSample:
    sample = view(torch.zeros(SIZE))
    sample.pred_instances = sample.pred_instances[:0]
    return sample


def merge(*views):
    (merged,) = LesionTTAModel(module=Stub()).merge_preds([list(views)])
    return merged.pred_instances


def corner_map() -> torch.Tensor:
    cells = torch.zeros(SIZE)
    cells[1:4, 2:7] = 1.0
    return cells


def test_flipped_views_of_one_lesion_agree():
    plain = corner_map()
    merged = merge(
        view(plain),
        view(plain.flip(-1), direction='horizontal'),
        view(plain.flip(-2), direction='vertical'),
        view(plain.flip(-2, -1), direction='diagonal'),
    )
    assert torch.equal(merged.masks[0], plain.bool())


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


def test_a_flip_symmetric_map_stays_symmetric():
    torch.manual_seed(0)
    cells = torch.rand(28, 28)
    merged = merge(
        view(cells, [1.25, 0, 8.5, 8]),
        view(cells, [1.25, 0, 8.5, 8], direction='horizontal'),
        view(cells, [1.25, 0, 8.5, 8], direction='vertical'),
        view(cells, [1.25, 0, 8.5, 8], direction='diagonal'),
    )
    assert 0 < merged.masks.float().mean() < 1
    assert torch.equal(merged.masks[0], merged.masks[0].flip(-1))
    assert torch.equal(merged.masks[0], merged.masks[0].flip(-2))


def test_probabilities_are_averaged_before_the_threshold():
    # Votes on binary masks would keep pixels that two of three views see at 0.55.
    merged = merge(
        view(torch.full(SIZE, 0.55)), view(torch.full(SIZE, 0.55)), view(torch.zeros(SIZE))
    )
    assert not merged.masks.any()


def test_a_view_without_detection_counts_with_zero():
    merged = merge(view(corner_map(), score=0.8), nothing())
    assert torch.allclose(merged.scores, torch.tensor([0.4]))
    assert not merged.masks.any()  # 1/2 is not above 1/2


def test_no_view_with_a_detection_gives_none():
    merged = merge(nothing(), nothing())
    assert len(merged) == 0
    assert merged.masks.dtype == torch.bool and merged.masks.shape == (0, *SIZE)


def test_the_label_with_the_most_score_wins():
    merged = merge(
        view(corner_map(), score=0.5, label=0),
        view(corner_map(), score=0.9, label=1),
        view(corner_map(), score=0.3, label=0),
    )
    assert merged.labels.tolist() == [1, 0]
    assert torch.allclose(merged.scores, torch.tensor([0.9, 0.8]) / 3)
    assert torch.equal(merged.masks[0], merged.masks[1])
    assert merged.bboxes.shape == (2, 4)


def test_every_class_of_a_view_counts():
    sample = view(corner_map(), score=0.6, label=0)
    other = view(corner_map(), score=0.4, label=1)
    sample.pred_instances = InstanceData.cat([sample.pred_instances, other.pred_instances])
    merged = merge(sample, view(corner_map(), score=0.7, label=1))
    assert merged.labels.tolist() == [1, 0]
    assert torch.allclose(merged.scores, torch.tensor([0.55, 0.3]))


def test_of_several_detections_the_one_with_the_highest_score_counts():
    sample = view(corner_map())
    sample.pred_instances = InstanceData.cat(
        [view(torch.zeros(SIZE), score=0.2).pred_instances, sample.pred_instances]
    )
    merged = merge(sample)
    np.testing.assert_array_equal(merged.masks[0], corner_map().bool())
