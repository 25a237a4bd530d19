"""The networks that are compared: this project's, its baselines, and their lower bound.

All have a ResNet-50 with FPN, one class and the background, and random weights; the budgets of
proposals, samples and detections are each one's own defaults.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torchvision
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import Tensor, nn

import isic_mmdet.register  # noqa: F401
from isic_mmdet.engine.config.load import load_config

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
OURS = CONFIGS / 'isic2018_maskrcnn.py'


def ours(precision: str, config: Path = OURS) -> nn.Module:
    """Return the model of the recommended recipe.

    Args:
        precision: see `isic_mmdet.models.lesion_mask_rcnn`.
        config: of the recipe.
    """
    cfg = load_config(config)
    return _built({**cfg.model, 'precision': precision})


def stock_mmdet(detections: int | None = None) -> nn.Module:
    """Return mmdet's `mask-rcnn_r50_fpn` for one class.

    Args:
        detections: kept an image; None keeps its own 100.
    """
    cfg = Config.fromstring("_base_ = 'mmdet::_base_/models/mask-rcnn_r50_fpn.py'", '.py')
    heads = cfg.model.roi_head
    heads.bbox_head.num_classes = heads.mask_head.num_classes = 1
    if detections is not None:
        cfg.model.test_cfg.rcnn.max_per_img = detections
    return _built(cfg.model)


def torchvision_baseline(size: int, detections: int = 100) -> nn.Module:
    """Return torchvision's `maskrcnn_resnet50_fpn` for one class and images of `size` px."""
    torch.manual_seed(0)
    return torchvision.models.detection.maskrcnn_resnet50_fpn(
        weights=None,
        weights_backbone=None,
        num_classes=2,
        trainable_backbone_layers=3,
        min_size=size,
        max_size=size,
        box_detections_per_img=detections,
    )


def bare(model: Any, precision: str) -> Callable[[Tensor], tuple[Tensor, ...]]:
    """Return a model's backbone and FPN alone, in channels-last order.

    Args:
        model: of mmdet.
        precision: `float32` or `bfloat16`.
    """

    def forward(images: Tensor) -> tuple[Tensor, ...]:
        images = images.contiguous(memory_format=torch.channels_last)
        half = precision == 'bfloat16'
        with torch.autocast(images.device.type, torch.bfloat16, enabled=half):
            return model.neck(model.backbone(images))

    return forward


def _built(model_cfg: dict[str, Any]) -> nn.Module:
    init_default_scope('mmdet')
    torch.manual_seed(0)
    cfg = Config(model_cfg)
    cfg.backbone.init_cfg = None
    model = MODELS.build(cfg)
    logging.disable(logging.INFO)  # a line for every layer
    try:
        model.init_weights()
    finally:
        logging.disable(logging.NOTSET)
    return model
