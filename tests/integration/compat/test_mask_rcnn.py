"""A whole Mask R-CNN on the stand-ins, against the same net on torchvision's own RoIAlign."""

import copy

import pytest
import torch
from mmengine.hub import get_config
from mmengine.structures import InstanceData


def build(use_torchvision):
    from mmdet.registry import MODELS
    from mmdet.utils import register_all_modules

    register_all_modules()
    cfg = get_config('mmdet::_base_/models/mask-rcnn_r50_fpn.py').model
    cfg.backbone.update(depth=18, init_cfg=None)
    cfg.neck.in_channels = [64, 128, 256, 512]
    for extractor in (cfg.roi_head.bbox_roi_extractor, cfg.roi_head.mask_roi_extractor):
        extractor.roi_layer.use_torchvision = use_torchvision
    cfg.train_cfg.rpn_proposal.max_per_img = 50
    cfg.train_cfg.rcnn.sampler.num = 32
    cfg.test_cfg.rpn.max_per_img = 50
    cfg.test_cfg.rcnn.update(score_thr=0.0, max_per_img=10)
    torch.manual_seed(0)
    return MODELS.build(cfg)


@pytest.fixture(scope='module')
def models():
    stand_in, reference = build(use_torchvision=False), build(use_torchvision=True)
    reference.load_state_dict(stand_in.state_dict())
    return stand_in, reference


def batch():
    """Return two 96 x 128 images with one square each."""
    from mmdet.structures import DetDataSample
    from mmdet.structures.mask import BitmapMasks

    generator = torch.Generator().manual_seed(1)
    samples = []
    for _ in range(2):
        truth = InstanceData(bboxes=torch.tensor([[20.0, 30, 70, 80]]), labels=torch.tensor([0]))
        masks = torch.zeros(1, 96, 128, dtype=torch.uint8)
        masks[:, 30:80, 20:70] = 1
        truth.masks = BitmapMasks(masks.numpy(), 96, 128)
        shape = {'img_shape': (96, 128), 'ori_shape': (96, 128), 'batch_input_shape': (96, 128)}
        sample = DetDataSample(
            metainfo={**shape, 'scale_factor': (1.0, 1.0), 'pad_shape': (96, 128)}
        )
        sample.gt_instances = truth
        sample.ignored_instances = InstanceData(bboxes=torch.empty(0, 4))
        samples.append(sample)
    return torch.randn(2, 3, 96, 128, generator=generator), samples


def test_predictions_are_equal_box_for_box(models):
    images, samples = batch()
    results = []
    for model in models:
        model.eval()
        with torch.no_grad():
            results.append(model.predict(images, copy.deepcopy(samples), rescale=False))
    for mine, theirs in zip(*results, strict=True):
        mine, theirs = mine.pred_instances, theirs.pred_instances
        assert len(mine) == 10
        assert torch.equal(mine.bboxes, theirs.bboxes)
        assert torch.equal(mine.scores, theirs.scores)
        assert torch.equal(mine.labels, theirs.labels)
        assert torch.equal(mine.masks, theirs.masks)


def test_losses_and_gradients_are_equal(models):
    images, samples = batch()
    results = []
    for model in models:
        model.train()
        model.zero_grad()
        torch.manual_seed(2)  # the samplers draw at random
        losses = model.loss(images, copy.deepcopy(samples))
        total, scalars = model.parse_losses(losses)
        total.backward()
        grads = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
        results.append((scalars, grads))
    (mine, my_grads), (theirs, their_grads) = results
    assert mine['loss_mask'] > 0
    assert mine == theirs
    assert my_grads.keys() == their_grads.keys()
    for name, grad in my_grads.items():
        torch.testing.assert_close(grad, their_grads[name], msg=name)
