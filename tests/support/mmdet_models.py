"""Detectors of mmdet, narrow enough to train on two CPU cores in seconds."""

from pathlib import Path
from typing import Any

from mmengine.hub import get_config

from isic_mmdet.engine.config.load import load_config

RTMDET = 'rtmdet/rtmdet-ins_tiny_8xb32-300e_coco'
SOLO = 'solov2/solov2-light_r50_fpn_ms-3x_coco'
CONDINST = 'condinst/condinst_r50_fpn_ms-poly-90k_coco_instance'
MASK2FORMER = 'mask2former/mask2former_r50_8xb2-lsj-50e_coco'
# They predict masks inside boxes.
TWO_STAGE = [
    'mask_rcnn/mask-rcnn_r50_fpn_1x_coco',
    'cascade_rcnn/cascade-mask-rcnn_r50_fpn_1x_coco',
    'htc/htc-without-semantic_r50_fpn_1x_coco',
    'ms_rcnn/ms-rcnn_r50-caffe_fpn_1x_coco',
    'point_rend/point-rend_r50-caffe_fpn_ms-1x_coco',
]
CHANNELS = [16, 32, 64, 128]


def tiny_model(name: str) -> dict[str, Any]:
    """Return the model of one of mmdet's configs, with a narrow ResNet-18 and narrow heads."""
    model = get_config(f'mmdet::{name}.py').model.to_dict()
    _narrow(model)
    if model['backbone']['type'] == 'ResNet':
        model['backbone'].update(depth=18, base_channels=16, frozen_stages=-1, norm_eval=False)
        model.get('neck', model.get('panoptic_head'))['in_channels'] = CHANNELS
    else:
        model['backbone']['widen_factor'] = 0.125
        model['neck'].update(in_channels=CHANNELS[1:])
    if 'panoptic_head' in model:
        model['panoptic_head']['loss_cls']['class_weight'] = [1.0, 0.1]
        model['train_cfg']['num_points'] = 500
        del model['data_preprocessor']['batch_augments']
    return model


def write_tiny_config(root: Path, data: Path, model: dict[str, Any], path: Path) -> Path:
    """Write a config of one epoch of a model on prepared images of 96 px."""
    cfg = load_config(root / 'configs/quickstart.py', data_root=data)
    cfg.model = model
    cfg.train_cfg.max_epochs = cfg.train_cfg.val_interval = 1
    cfg.param_scheduler[0].end = 2
    cfg.visualizer.vis_backends = [dict(type='LocalVisBackend')]
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        loader.update(batch_size=4, num_workers=0, persistent_workers=False)
        for step in loader.dataset.pipeline:
            if step.type == 'Resize':
                step.scale = (96, 96)
    cfg.train_dataloader.batch_size = 2
    cfg.dump(path)
    return path


def _narrow(node: Any) -> None:
    """Let parts of a config have few channels and one class, and start from random weights."""
    if isinstance(node, (list, tuple)):
        for part in node:
            _narrow(part)
    if not isinstance(node, dict):
        return
    for key, value in node.items():
        if key in ('num_classes', 'num_things_classes'):
            node[key] = 1
        elif key == 'num_stuff_classes':
            node[key] = 0
        elif key == 'init_cfg' and value and value.get('type') == 'Pretrained':
            node[key] = None
        elif key == 'num_groups':
            node[key] = 8
        elif key == 'num_feats':
            node[key] = 32
        elif value == 'SyncBN':
            node[key] = 'BN'
        elif key.endswith(('_channels', 'embed_dims')) and isinstance(value, int) and value > 90:
            node[key] = 64  # two values for each group of a GroupNorm even where a level is 1 x 1
        else:
            _narrow(value)
    if 'rpn_proposal' in node:
        node['rpn_proposal']['max_per_img'] = 100
