"""Assignment and sampling for a batch, compared with mmdet's for an image."""

import numpy as np
import pytest
import torch
from mmdet.models.task_modules.assigners import MaxIoUAssigner
from mmdet.models.task_modules.samplers import RandomSampler
from mmengine.structures import InstanceData

import isic_mmdet.register  # noqa: F401
from isic_mmdet.models.batched.targets import BACKGROUND, IGNORED, assign, draw
from isic_mmdet.models.batched.truth import pad

ASSIGNERS = {
    'rpn': dict(pos_iou_thr=0.7, neg_iou_thr=0.3, min_pos_iou=0.0, match_low_quality=True),
    'rpn of mmdet': dict(pos_iou_thr=0.7, neg_iou_thr=0.3, min_pos_iou=0.3),
    'rcnn': dict(pos_iou_thr=0.5, neg_iou_thr=0.5, min_pos_iou=0.5, match_low_quality=False),
}


def random_boxes(count, rng):
    corners = rng.uniform(0, 100, (count, 2, 2))
    boxes = np.concatenate([corners.min(1), corners.max(1)], 1)
    return torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)


@pytest.mark.parametrize('name', ASSIGNERS)
def test_boxes_are_assigned_as_by_mmdet(name):
    rng = np.random.default_rng(0)
    assigner = MaxIoUAssigner(**ASSIGNERS[name])
    lesions = [random_boxes(count, rng) for count in (1, 3, 0, 2)]
    boxes = torch.stack([random_boxes(200, rng) for _ in lesions])
    # Some are lesions themselves, or nearly, and one lesion is given twice.
    boxes[1, :3], boxes[3, 7] = lesions[1], lesions[3][0] + 1
    usable = torch.tensor(rng.random((4, 200)) > 0.2)
    found = assign(assigner, boxes, usable, *pad(lesions))
    for own, each, can, truth in zip(found, boxes, usable, lesions, strict=True):
        expected = assigner.assign(
            InstanceData(priors=each[can]),
            InstanceData(bboxes=truth, labels=torch.zeros(len(truth), dtype=torch.int64)),
        ).gt_inds
        assert torch.equal(own[can], expected)
        assert own[~can].eq(IGNORED).all()
    assert set(found.unique().tolist()) >= {BACKGROUND, 1, 2}


def test_without_a_lesion_every_box_is_background():
    boxes, usable = torch.rand(2, 5, 4), torch.tensor([[True] * 5, [True, False] * 2 + [True]])
    found = assign(MaxIoUAssigner(0.5, 0.5), boxes, usable, *pad([torch.zeros(0, 4)] * 2))
    assert torch.equal(found == BACKGROUND, usable)


@pytest.mark.parametrize(
    ('positives', 'negatives', 'expected'),
    [
        (20, 100, (4, 12)),  # more than enough of both
        (2, 100, (2, 14)),  # negatives in the place of missing positives
        (0, 100, (0, 16)),
        (20, 3, (4, 3)),  # but no positives in that of missing negatives
        (1, 2, (1, 2)),
    ],
)
def test_the_numbers_drawn_are_mmdets(positives, negatives, expected):
    sampler = RandomSampler(num=16, pos_fraction=0.25, add_gt_as_proposals=False)
    assigned = torch.tensor([1] * positives + [0] * negatives + [IGNORED] * 5)
    order = torch.randperm(len(assigned), generator=torch.Generator().manual_seed(0))
    assigned = torch.stack([assigned, assigned[order]])
    index, drawn = draw(sampler, assigned)
    for each, ok, of in zip(index, drawn, assigned, strict=True):
        chosen = each[ok]
        assert len(chosen.unique()) == len(chosen)
        kinds = of[chosen]
        assert ((kinds > 0).sum(), (kinds == 0).sum()) == expected
        # Positives first.
        assert torch.equal(kinds, kinds.sort(descending=True).values)


def test_all_boxes_are_drawn_equally_often():
    sampler = RandomSampler(num=8, pos_fraction=0.5, add_gt_as_proposals=False)
    assigned = torch.tensor([1] * 10 + [0] * 20).expand(4000, -1)
    torch.manual_seed(0)
    index, drawn = draw(sampler, assigned)
    assert drawn.all()
    counts = index.flatten().bincount(minlength=30) / 4000
    # Four of ten and four of twenty, within four standard deviations.
    torch.testing.assert_close(counts[:10], torch.full((10,), 0.4), rtol=0, atol=0.031)
    torch.testing.assert_close(counts[10:], torch.full((20,), 0.2), rtol=0, atol=0.026)
