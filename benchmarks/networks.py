"""The networks that are compared: this project's, its baselines, and their lower bound.

All have a ResNet-50 with FPN, one class and the background, and random weights. Each has its own
default numbers of proposals, samples and detections.
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
from benchmarks.harness import ROOT
from benchmarks.images import write_pictures
from isic_mmdet.engine.config.load import load_config

CONFIGS = ROOT / 'configs'
OURS = CONFIGS / 'isic2018_maskrcnn.py'
CPU_RECIPE = CONFIGS / 'isic2018_maskrcnn_lite.py'
SMALL = CONFIGS / 'quickstart.py'


def of_config(config: Path, **settings: Any) -> nn.Module:
    """Return the model of a config, with other settings of its class."""
    return _built({**load_config(config).model, **settings})


def ours(precision: str, config: Path = OURS, compiled: bool = False) -> nn.Module:
    """Return the model of a config.

    Args:
        precision: see `isic_mmdet.models.lesion_mask_rcnn`.
        config: path; by default that of the recommended recipe.
        compiled: the same.
    """
    return of_config(config, precision=precision, compiled=compiled)


def save_ours(path: Path, config: Path = OURS, distinct_scores: bool = False) -> Path:
    """Write a checkpoint of our model, and return its path.

    Args:
        path: of the checkpoint.
        config: see `ours`.
        distinct_scores: with random weights all proposals have nearly equal scores, and rounding
            chooses among them; True prevents that.
    """
    weights = ours('float32', config).state_dict()
    if distinct_scores:
        weights['roi_head.bbox_head.fc_cls.weight'] *= 100
    # mmdet's inferencer needs the names of the classes.
    meta = {'dataset_meta': {'classes': ('lesion',), 'palette': [(230, 159, 0)]}}
    torch.save({'state_dict': weights, 'meta': meta}, path)
    return path


def export_ours(folder: Path, config: Path) -> tuple[Path, Path]:
    """Write our model into a folder, and return the paths of the ONNX file and the checkpoint."""
    from isic_mmdet.deploy.export.run import ExportSettings, export

    checkpoint = save_ours(folder / 'random.pth', config, distinct_scores=True)
    write_pictures(2, 256, folder / 'check')
    model = folder / f'{config.stem}.onnx'
    export(str(config), str(checkpoint), model, ExportSettings(check_images=str(folder / 'check')))
    return model, checkpoint


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


def bare(model: Any) -> Callable[[Tensor], tuple[Tensor, ...]]:
    """Return the backbone and FPN of a model of mmdet, in bfloat16 and channels-last order."""

    def forward(images: Tensor) -> tuple[Tensor, ...]:
        images = images.contiguous(memory_format=torch.channels_last)
        with torch.autocast(images.device.type, torch.bfloat16):
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
