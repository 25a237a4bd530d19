"""The loss of masks, against NumPy, against mmdet's cross-entropy and against gradients."""

import numpy as np
import pytest
import torch
from mmdet.models.losses import CrossEntropyLoss
from mmdet.registry import MODELS
from mmengine.registry import init_default_scope

import isic_mmdet.register  # noqa: F401
from isic_mmdet.engine.config.load import load_config
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
    """Return the loss, written out mask by mask."""
    cells, distances = [], []
    for logits, truth, each in zip(pred.numpy(), target.numpy(), label.tolist(), strict=True):
        p = 1 / (1 + np.exp(-logits[each].astype(np.float64)))
        cells.append(-(truth * np.log(p) + (1 - truth) * np.log(1 - p)))
        jaccard = np.sum(p * truth) / np.sum(p + truth - p * truth)
        distances.append(1 - jaccard if truth.any() else 0)
    return np.mean(cells) + np.mean(distances)


def test_it_is_cross_entropy_plus_the_mean_jaccard_distance(pred, target):
    loss = BCEJaccardLoss()(pred, target, LABELS)
    assert loss.shape == ()
    assert loss.item() == pytest.approx(in_numpy(pred, target, LABELS), abs=1e-6)


def test_truth_may_cover_a_part_of_a_cell(pred):
    torch.manual_seed(2)
    share = torch.rand(3, 4, 5)
    loss = BCEJaccardLoss()(pred, share, LABELS).item()
    assert loss == pytest.approx(in_numpy(pred, share, LABELS), abs=1e-6)


def test_its_cross_entropy_is_that_of_mmdet(pred):
    nothing = torch.zeros(3, 4, 5)
    theirs = CrossEntropyLoss(use_mask=True)(pred, nothing, LABELS)
    assert BCEJaccardLoss()(pred, nothing, LABELS).item() == pytest.approx(theirs.item())


def test_a_small_lesion_counts_as_much_as_a_large_one():
    """Both masks are missed entirely; cross-entropy would count them by their cells."""
    small, large = torch.zeros(1, 8, 8), torch.zeros(1, 8, 8)
    small[:, :1, :1], large[:, :8, :7] = 1, 1
    missed = torch.full((1, 1, 8, 8), -20.0)
    label = torch.zeros(1, dtype=torch.int64)
    cross_entropy = CrossEntropyLoss(use_mask=True)
    for truth in (small, large):
        distance = BCEJaccardLoss()(missed, truth, label) - cross_entropy(missed, truth, label)
        assert distance.item() == pytest.approx(1, abs=1e-4)


def test_the_truth_itself_costs_nothing(target):
    sure = (target * 2 - 1)[:, None] * 40
    loss = BCEJaccardLoss()(sure, target, torch.zeros(3, dtype=torch.int64))
    assert loss.item() == pytest.approx(0, abs=1e-6)


def test_gradients(pred, target):
    logits = pred.double().requires_grad_()
    loss = BCEJaccardLoss()
    assert torch.autograd.gradcheck(lambda x: loss(x, target.double(), LABELS), logits)


def test_certain_logits_keep_the_gradient_finite(target):
    for value in (-1e4, 1e4):
        logits = torch.full((3, 2, 4, 5), value, requires_grad=True)
        BCEJaccardLoss()(logits, target, LABELS).backward()
        assert torch.isfinite(logits.grad).all()


def test_the_recipe_trains_its_masks_with_it(root):
    cfg = load_config(root / 'configs/isic2018_maskrcnn_r18_256px.py')
    init_default_scope(cfg.default_scope)
    cfg.model.backbone.init_cfg = None
    assert isinstance(MODELS.build(cfg.model).roi_head.mask_head.loss_mask, BCEJaccardLoss)
