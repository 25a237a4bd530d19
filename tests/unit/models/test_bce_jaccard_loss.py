import numpy as np
import pytest
import torch
from mmdet.models.losses import CrossEntropyLoss

import isic_mmdet.register  # noqa: F401
from isic_mmdet.models.bce_jaccard_loss import BCEJaccardLoss

LABELS = torch.tensor([1, 0, 1])


@pytest.fixture
def pred():
    torch.manual_seed(0)
    return torch.randn(3, 2, 4, 5) * 3


@pytest.fixture
def target():
    torch.manual_seed(1)
    return (torch.rand(3, 4, 5) > 0.6).float()


def in_numpy(pred, target, label):
    """Compute the loss mask by mask."""
    cells, distances = [], []
    for logits, truth, each in zip(pred.numpy(), target.numpy(), label.tolist(), strict=True):
        p = 1 / (1 + np.exp(-logits[each].astype(np.float64)))
        cells.append(-(truth * np.log(p) + (1 - truth) * np.log(1 - p)))
        jaccard = np.sum(p * truth) / np.sum(p + truth - p * truth)
        distances.append(1 - jaccard if truth.any() else 0)
    return np.mean(cells) + np.mean(distances)


def test_it_is_cross_entropy_plus_the_mean_jaccard_distance(pred, target):
    torch.manual_seed(2)
    # Truth may be a share of a cell, or nothing.
    for truth in (target, torch.rand(3, 4, 5), torch.zeros(3, 4, 5)):
        loss = BCEJaccardLoss()(pred, truth, LABELS)
        assert loss.shape == ()
        assert loss.item() == pytest.approx(in_numpy(pred, truth, LABELS), abs=1e-6)


@pytest.mark.parametrize('lesion', [np.s_[:1, :1], np.s_[:8, :7]])
def test_a_missed_lesion_counts_the_same_at_any_size(lesion):
    truth = torch.zeros(1, 8, 8)
    truth[0][lesion] = 1
    missed = torch.full((1, 1, 8, 8), -20.0)
    label = torch.zeros(1, dtype=torch.int64)
    loss = BCEJaccardLoss()(missed, truth, label)
    distance = loss - CrossEntropyLoss(use_mask=True)(missed, truth, label)
    assert distance.item() == pytest.approx(1, abs=1e-4)


def test_gradients(pred, target):
    logits = pred.double().requires_grad_()
    loss = BCEJaccardLoss()
    assert torch.autograd.gradcheck(lambda x: loss(x, target.double(), LABELS), logits)
    for value in (-1e4, 1e4):
        certain = torch.full((3, 2, 4, 5), value, requires_grad=True)
        loss(certain, target, LABELS).backward()
        assert torch.isfinite(certain.grad).all()


def test_regions_of_weight_0_do_not_count(pred, target):
    some = torch.tensor([True, False, True])
    logits = pred.clone().requires_grad_()
    loss = BCEJaccardLoss()(logits, target, LABELS, some.float())
    torch.testing.assert_close(loss, BCEJaccardLoss()(pred[some], target[some], LABELS[some]))
    loss.backward()
    assert logits.grad.flatten(1).any(1).tolist() == some.tolist()
    none = BCEJaccardLoss()(logits, target, LABELS, torch.zeros(3))
    assert none.item() == 0
