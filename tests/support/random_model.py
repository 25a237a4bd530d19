"""Checkpoints of random weights whose masks depend on the image."""

from pathlib import Path

import torch
from mmdet.registry import MODELS
from mmengine.registry import init_default_scope

import isic_mmdet.register  # noqa: F401
from isic_mmdet.engine.config.load import load_config
from isic_mmdet.evaluation.expected_iou import ExpectedIoU

#: Config of a small model, which has no downloads and predicts fast.
NARROW = Path(__file__).with_name('narrow_r18.py')
#: Of every random model.
CALIBRATION = ExpectedIoU('mask_confidence', -1.0, 1.5, check_below=0.5, images=100)


def save_random_model(config: Path, path: Path, mask_bias: float = 0) -> Path:
    """Write a checkpoint of a config's model and return its path.

    Args:
        config: of the model.
        path: of the checkpoint.
        mask_bias: added to the logits of the masks; 3 leaves no mask empty.
    """
    cfg = load_config(config)
    init_default_scope(cfg.default_scope)
    cfg.model.backbone.init_cfg = None
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    if 'roi_head' in cfg.model:
        # Otherwise all masks are 0.5 everywhere, and all boxes equal their anchors.
        last = model.roi_head.mask_head.conv_logits
        logits = last.weight.data
        logits -= logits.mean(1, keepdim=True)  # as many cells above one half as below
        logits *= 30
        if mask_bias:
            last.bias.data += mask_bias
        model.rpn_head.rpn_reg.weight.data *= 5
        model.roi_head.bbox_head.fc_reg.weight.data *= 5
    meta = {'expected_iou': CALIBRATION.to_json()}
    torch.save({'meta': meta, 'state_dict': model.state_dict()}, path)
    return path
