import torch
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData
from torch import nn

import isic_mmdet.register  # noqa: F401
from isic_mmdet.models.lesion_tta import LesionTTAModel

SIZE = (8, 12)


class Stub(nn.Module):
    def test_step(self, data):
        raise NotImplementedError


def view(probability, box, score=0.9, label=0, direction=None) -> DetDataSample:
    sample = DetDataSample(
        metainfo=dict(ori_shape=SIZE, flip=direction is not None, flip_direction=direction)
    )
    sample.pred_instances = InstanceData(
        bboxes=torch.tensor([box], dtype=torch.float32),
        scores=torch.tensor([score]),
        labels=torch.tensor([label]),
        masks=(probability[None] * 255).to(torch.uint8),
    )
    return sample


def nothing() -> DetDataSample:
    sample = view(torch.zeros(SIZE), [0, 0, 1, 1])
    sample.pred_instances = sample.pred_instances[:0]
    return sample


def merge(*views):
    (merged,) = LesionTTAModel(module=Stub()).merge_preds([list(views)])
    return merged.pred_instances


def corner_map() -> torch.Tensor:
    probability = torch.zeros(SIZE)
    probability[1:4, 2:7] = 1.0
    return probability


def test_flipped_views_of_one_lesion_agree():
    plain = corner_map()
    merged = merge(
        view(plain, [2, 1, 7, 4]),
        view(plain.flip(-1), [5, 1, 10, 4], direction='horizontal'),
        view(plain.flip(-2), [2, 4, 7, 7], direction='vertical'),
        view(plain.flip(-2, -1), [5, 4, 10, 7], direction='diagonal'),
    )
    assert torch.equal(merged.masks[0], plain.bool())
    assert torch.allclose(merged.bboxes, torch.tensor([[2.0, 1.0, 7.0, 4.0]]))


def test_a_flip_symmetric_map_stays_symmetric():
    torch.manual_seed(0)
    random = torch.rand(SIZE)
    symmetric = (random + random.flip(-1)) / 2
    merged = merge(
        view(symmetric, [0, 0, 12, 8]),
        view(symmetric.flip(-1), [0, 0, 12, 8], direction='horizontal'),
    )
    assert torch.equal(merged.masks[0], merged.masks[0].flip(-1))
    assert torch.equal(merged.levels[0], merged.levels[0].flip(-1))


def test_the_mean_probability_comes_along():
    merged = merge(view(corner_map(), [2, 1, 7, 4]), view(corner_map() * 0.6, [2, 1, 7, 4]))
    assert merged.levels.dtype == torch.uint8
    assert torch.equal(merged.levels[0], torch.where(corner_map() > 0, 204, 0))  # (255 + 153) / 2
    assert merge(view(corner_map(), [2, 1, 7, 4])).levels.max() == 255
    assert merge(nothing()).levels.shape == (0, *SIZE)


def test_probabilities_are_averaged_before_the_threshold():
    # Votes on binary masks would keep pixels that two of three views see at 0.55.
    merged = merge(
        view(torch.full(SIZE, 0.55), [0, 0, 12, 8]),
        view(torch.full(SIZE, 0.55), [0, 0, 12, 8]),
        view(torch.zeros(SIZE), [0, 0, 12, 8]),
    )
    assert not merged.masks.any()


def test_a_view_without_detection_counts_with_zero():
    merged = merge(view(corner_map(), [2, 1, 7, 4], score=0.8), nothing())
    assert torch.allclose(merged.scores, torch.tensor([0.4]))
    assert not merged.masks.any()  # 1/2 is not above 1/2


def test_no_view_with_a_detection_gives_none():
    merged = merge(nothing(), nothing())
    assert len(merged) == 0
    assert merged.masks.dtype == torch.bool


def test_the_label_with_the_most_score_wins():
    merged = merge(
        view(corner_map(), [2, 1, 7, 4], score=0.5, label=0),
        view(corner_map(), [2, 1, 7, 4], score=0.9, label=1),
        view(corner_map(), [2, 1, 7, 4], score=0.3, label=0),
    )
    assert merged.labels.tolist() == [1]
