"""Checkpoints of random weights whose masks depend on the image, and files exported from them."""

from pathlib import Path

import torch
from mmdet.registry import MODELS
from mmengine.registry import init_default_scope

import isic_mmdet.register  # noqa: F401
from isic_mmdet.engine.config.load import load_config


def save_random_model(config: Path, path: Path) -> Path:
    """Write a checkpoint of a config's model and return its path."""
    cfg = load_config(config)
    init_default_scope(cfg.default_scope)
    cfg.model.backbone.init_cfg = None
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    # Otherwise all masks are one half everywhere, and all boxes those of the anchors.
    logits = model.roi_head.mask_head.conv_logits.weight.data
    logits -= logits.mean(1, keepdim=True)  # as many cells above one half as below
    logits *= 30
    model.rpn_head.rpn_reg.weight.data *= 5
    model.roi_head.bbox_head.fc_reg.weight.data *= 5
    torch.save({'state_dict': model.state_dict()}, path)
    return path
