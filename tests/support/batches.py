"""Small batches and models for the tests of the batched heads."""

import copy

import numpy as np
import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmdet.structures.mask import BitmapMasks
from mmengine.structures import InstanceData

BATCHED = {
    'model.rpn_head.type': 'BatchedRPNHead',
    'model.roi_head.type': 'BatchedRoIHead',
}
# Without batch norm, the mask head gets a fixed number of regions.
STATIC = {**BATCHED, 'model.roi_head.mask_head.norm_cfg': None}


def build(cfg, *settings):
    changed = copy.deepcopy(cfg)
    for each in settings:
        changed.merge_from_dict(each)
    torch.manual_seed(0)
    model = MODELS.build(changed.model)
    model.init_weights()
    return model


def random_boxes(count, size, rng):
    corners = rng.uniform(0, size, (count, 2, 2))
    return torch.tensor(
        np.concatenate([corners.min(1), corners.max(1)], 1), dtype=torch.float32
    ).reshape(-1, 4)


def sample(shape, count, seed, classes):
    """Return a data sample of an image with some square lesions of alternating classes."""
    rng = np.random.default_rng(seed)
    height, width = shape
    boxes = random_boxes(count, min(shape), rng)
    masks = np.zeros((count, height, width), np.uint8)
    for mask, (left, top, right, bottom) in zip(masks, boxes.long().tolist(), strict=True):
        mask[top : bottom + 1, left : right + 1] = 1
    done = DetDataSample(
        metainfo=dict(img_shape=shape, ori_shape=shape, pad_shape=shape, scale_factor=(1.0, 1.0))
    )
    done.gt_instances = InstanceData(
        bboxes=boxes,
        labels=torch.arange(count) % classes,
        masks=BitmapMasks(masks, height, width),
    )
    return done


def batch(*sizes, classes=1):
    """Return images of these sizes and numbers of lesions, before the padding."""
    generator = torch.Generator().manual_seed(3)
    images = [
        torch.randint(0, 256, (3, *shape), generator=generator, dtype=torch.uint8)
        for shape, _ in sizes
    ]
    samples = [sample(shape, count, seed, classes) for seed, (shape, count) in enumerate(sizes)]
    return {'inputs': images, 'data_samples': samples}
