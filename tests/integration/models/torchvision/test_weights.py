"""The converted model compared with torchvision's, with the same random weights.

Both run in double precision. In single precision, sums in another order differ by 2e-4 after 50
random layers, and two near-equal scores may swap their places.
"""

import functools
from pathlib import Path

import pytest
import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.structures import InstanceData
from torch import Tensor, nn
from torch.testing import assert_close
from torchvision.models.detection import maskrcnn_resnet50_fpn

import isic_mmdet.register  # noqa: F401
from isic_mmdet.models.torchvision.weights import convert_torchvision
from tests.support.torchvision_model import make_torchvision, noise_images

# (height, width) of two images each, with equal shorter sides, so that torchvision resizes none.
# P6 is 64 px apart at 128 x 192, but 48 and 53 px at 96 x 160.
BATCHES = [[(128, 192), (128, 180)], [(96, 144), (96, 160)]]
by_shape = pytest.mark.parametrize('shapes', BATCHES, ids=['P6 regular', 'P6 irregular'])
close = functools.partial(assert_close, atol=1e-6, rtol=0)


def make_mmdet(root: Path, state_dict: dict[str, Tensor]) -> nn.Module:
    cfg = Config.fromfile(root / 'configs/_base_/models/mask-rcnn_r50_fpn_torchvision.py')
    cfg.model.backbone.init_cfg = None
    model = MODELS.build(cfg.model).double()
    model.load_state_dict(state_dict, strict=True)
    return model.eval()


@pytest.fixture(scope='module')
def theirs() -> nn.Module:
    return make_torchvision().double()


@pytest.fixture(scope='module')
def ours(root: Path, theirs: nn.Module) -> nn.Module:
    return make_mmdet(root, convert_torchvision(theirs.state_dict()))


def prepare(theirs: nn.Module, ours: nn.Module, images: list[Tensor]) -> tuple:
    """Return the images for torchvision, and mmdet's batch and samples."""
    theirs.transform.min_size = (min(images[0].shape[1:]),)
    samples = []
    for image in images:
        shape = tuple(image.shape[1:])
        meta = {'img_shape': shape, 'ori_shape': shape, 'scale_factor': (1.0, 1.0)}
        samples.append(DetDataSample(metainfo=meta))
    data = ours.data_preprocessor(
        {'inputs': [image.flip(0) for image in images], 'data_samples': samples}
    )
    return [image.double() / 255 for image in images], data['inputs'].double(), samples


@by_shape
@torch.no_grad()
def test_every_part_agrees(theirs, ours, shapes):
    images, inputs, _ = prepare(theirs, ours, noise_images(shapes))
    image_list, _ = theirs.transform(images)
    assert_close(inputs, image_list.tensors, atol=1e-5, rtol=0)  # normalized in single precision
    inputs = image_list.tensors

    their_maps = theirs.backbone(inputs)
    our_maps = ours.extract_feat(inputs)
    for mine, reference in zip(our_maps, their_maps.values(), strict=True):
        assert reference.std() > 0.3  # else a small difference says little
        close(mine, reference)

    levels = list(their_maps.values())
    for mine, reference in zip(ours.rpn_head(our_maps), theirs.rpn.head(levels), strict=True):
        assert torch.cat([level.flatten() for level in reference]).std() > 0.1
        for my_level, their_level in zip(mine, reference, strict=True):
            close(my_level, their_level)

    sizes = [tuple(level.shape[-2:]) for level in our_maps]
    anchors = ours.rpn_head.prior_generator.grid_priors(sizes, torch.float64, 'cpu')
    assert torch.equal(torch.cat(anchors), theirs.rpn.anchor_generator(image_list, levels)[0])

    boxes = [random_boxes(*shape) for shape in shapes]
    head, their_head = ours.roi_head, theirs.roi_heads
    rois = torch.cat([nn.functional.pad(box, (1, 0), value=i) for i, box in enumerate(boxes)])
    pooled = their_head.box_roi_pool(their_maps, boxes, image_list.image_sizes)
    their_scores, their_deltas = their_head.box_predictor(their_head.box_head(pooled))
    scores, deltas = head.bbox_head(head.bbox_roi_extractor(our_maps[:4], rois))
    assert their_scores.std() > 0.5 and their_deltas.std() > 0.1
    close(scores, their_scores[:, [1, 2, 0]])
    close(deltas, their_deltas[:, 4:])

    pooled = their_head.mask_roi_pool(their_maps, boxes, image_list.image_sizes)
    their_masks = their_head.mask_predictor(their_head.mask_head(pooled))
    masks = head.mask_head(head.mask_roi_extractor(our_maps[:4], rois))
    assert their_masks.std() > 0.5
    close(masks, their_masks[:, 1:])


def random_boxes(height: int, width: int) -> Tensor:
    """Return (30, 4) boxes from 2 px to the whole image, so that they reach several levels."""
    generator = torch.Generator().manual_seed(2)
    size = torch.tensor([width, height]).double()
    corners = torch.rand(29, 2, generator=generator) * size * 0.9
    sides = 2 + torch.rand(29, 2, generator=generator) ** 2 * size
    boxes = torch.cat([corners, torch.minimum(corners + sides, size)], dim=1)
    return torch.cat([boxes, torch.tensor([[0, 0, width, height]])])


def test_the_same_settings(theirs, ours):
    rpn, heads = theirs.rpn, theirs.roi_heads
    for mode, cfg in (
        ('training', ours.train_cfg.rpn_proposal),
        ('testing', ours.test_cfg.rpn),
    ):
        assert cfg.nms_pre == rpn._pre_nms_top_n[mode]
        assert cfg.max_per_img == rpn._post_nms_top_n[mode]
        assert cfg.nms.iou_threshold == rpn.nms_thresh
        assert cfg.min_bbox_size == rpn.min_size
    for cfg, part in ((ours.train_cfg.rpn, rpn), (ours.train_cfg.rcnn, heads)):
        assert cfg.assigner.pos_iou_thr == part.proposal_matcher.high_threshold
        assert cfg.assigner.neg_iou_thr == part.proposal_matcher.low_threshold
        assert cfg.assigner.match_low_quality == part.proposal_matcher.allow_low_quality_matches
        assert cfg.sampler.num == part.fg_bg_sampler.batch_size_per_image
        assert cfg.sampler.pos_fraction == part.fg_bg_sampler.positive_fraction
    assert ours.train_cfg.rcnn.soft_mask_target  # torchvision keeps the resampled truth as it is
    assert ours.test_cfg.rcnn.score_thr == heads.score_thresh
    assert ours.test_cfg.rcnn.nms.iou_threshold == heads.nms_thresh
    assert ours.test_cfg.rcnn.max_per_img == heads.detections_per_img


@by_shape
@torch.no_grad()
def test_detections_match_one_to_one(theirs, ours, shapes, monkeypatch):
    # Fewer than by default, to save time.
    monkeypatch.setitem(theirs.rpn._post_nms_top_n, 'testing', 300)
    monkeypatch.setitem(ours.rpn_head.test_cfg, 'max_per_img', 300)
    monkeypatch.setattr(theirs.roi_heads, 'detections_per_img', 25)
    monkeypatch.setitem(ours.roi_head.test_cfg, 'max_per_img', 25)
    images, _, samples = prepare(theirs, ours, noise_images(shapes))
    their_masks: list[Tensor] = []
    hook = theirs.roi_heads.mask_predictor.register_forward_hook(
        lambda module, inputs, output: their_masks.append(output[:, 1:])
    )
    references = theirs(images)
    hook.remove()

    maps = ours.extract_feat(theirs.transform(images)[0].tensors)
    metas = [sample.metainfo for sample in samples]
    results = ours.rpn_head.predict(maps, samples, rescale=False)
    results = ours.roi_head.predict_bbox(maps, metas, results, ours.roi_head.test_cfg)
    for found, reference in zip(results, references, strict=True):
        assert len(found) == len(reference['boxes']) > 10
        assert found.scores.max() > 0.9
        assert set(found.labels.tolist()) == {0, 1}
        close(found.scores, reference['scores'])
        assert torch.equal(found.labels + 1, reference['labels'])
        close(found.bboxes, reference['boxes'])
        found.bboxes = found.bboxes.float()  # mmdet pastes masks in single precision

    my_masks: list[Tensor] = []
    hook = ours.roi_head.mask_head.register_forward_hook(
        lambda module, inputs, output: my_masks.append(output)
    )
    results = ours.roi_head.predict_mask(maps, metas, results, rescale=True)
    hook.remove()
    assert_close(my_masks[0], their_masks[0], atol=1e-4, rtol=0)
    for found, reference in zip(results, references, strict=True):
        # torchvision truncates a box to whole pixels before it pastes the mask, mmdet does not:
        # the masks differ by up to a pixel at their edges, much in a small box, little in a large.
        large = ((found.bboxes[:, 2:] - found.bboxes[:, :2]) > 24).all(1)
        assert large.any()
        mine, pasted = found.masks[large], reference['masks'][large, 0] >= 0.5
        overlap = (mine & pasted).sum((1, 2)) / (mine | pasted).sum((1, 2))
        assert overlap.min() > 0.8
        assert overlap.mean() > 0.9


def test_losses_and_gradients_agree_on_the_same_samples(theirs, ours, monkeypatch):
    from mmdet.structures.mask import BitmapMasks  # needs what isic_mmdet.register installs

    images, inputs, samples = prepare(theirs, ours, noise_images(BATCHES[1]))
    inputs = theirs.transform(images)[0].tensors
    truth = []
    for sample, image in zip(samples, images, strict=True):
        height, width = image.shape[1:]
        # All lesion: mmdet cuts masks half a pixel away from where torchvision does, and edges
        # would then make the losses differ by some percent.
        mask = torch.ones(1, height, width, dtype=torch.uint8)
        box = torch.tensor([[30.0, 20, 110, 80]])
        truth.append({'boxes': box.double(), 'labels': torch.tensor([2]), 'masks': mask})
        sample.gt_instances = InstanceData(bboxes=box.double(), labels=torch.tensor([1]))
        sample.gt_instances.masks = BitmapMasks(mask.numpy(), height, width)
        sample.ignored_instances = InstanceData(bboxes=torch.empty(0, 4))
        sample.set_metainfo({'pad_shape': (96, 160)})
    # Samplers draw at random; these have room for every anchor and proposal.
    many = 100_000
    for sampler in (theirs.rpn.fg_bg_sampler, theirs.roi_heads.fg_bg_sampler):
        monkeypatch.setattr(sampler, 'batch_size_per_image', many)
    for sampler in (ours.rpn_head.sampler, ours.roi_head.bbox_sampler):
        monkeypatch.setattr(sampler, 'num', many)
    monkeypatch.setitem(theirs.rpn._post_nms_top_n, 'training', 200)
    monkeypatch.setitem(ours.train_cfg.rpn_proposal, 'max_per_img', 200)

    reference = theirs.train()(images, truth)
    losses = ours.train().loss(inputs, samples)
    mine = {name: sum(part) if isinstance(part, list) else part for name, part in losses.items()}
    names = {
        'loss_rpn_cls': 'loss_objectness',
        'loss_rpn_bbox': 'loss_rpn_box_reg',
        'loss_cls': 'loss_classifier',
        'loss_bbox': 'loss_box_reg',
        'loss_mask': 'loss_mask',
    }
    for my_name, their_name in names.items():
        assert reference[their_name] > 0
        assert float(mine[my_name]) == pytest.approx(float(reference[their_name]), rel=1e-5)

    sum(reference[name] for name in names.values()).backward()
    sum(mine[name] for name in names).backward()
    gradients = convert_gradients(theirs)
    mine = {name: p.grad for name, p in ours.named_parameters() if p.grad is not None}
    assert mine.keys() == gradients.keys()
    assert not any(name.startswith(('backbone.conv1', 'backbone.layer1')) for name in mine)
    assert not any('.bn' in name for name in mine)
    for name, gradient in mine.items():
        largest = float(gradients[name].abs().max())
        assert_close(gradient, gradients[name], atol=1e-5 * largest, rtol=0, msg=name)


def convert_gradients(theirs: nn.Module) -> dict[str, Tensor]:
    """Return the gradients by mmdet's names; where there is none, none."""
    state = theirs.state_dict()
    gradients = {name: p.grad for name, p in theirs.named_parameters() if p.grad is not None}
    missing = {name: torch.full_like(value, torch.nan) for name, value in state.items()}
    converted = convert_torchvision(missing | gradients)
    return {
        name: value
        for name, value in converted.items()
        if value.is_floating_point() and not value.isnan().any()
    }


def test_batch_norm_that_is_not_frozen_converts_too(root):
    plain = maskrcnn_resnet50_fpn(weights=None, weights_backbone=None, num_classes=3).state_dict()
    assert 'backbone.body.bn1.num_batches_tracked' in plain
    make_mmdet(root, convert_torchvision(plain))
