"""Arguments that no class takes are errors, and nothing else is."""

from pathlib import Path

import mmdet
import pytest
from mmengine.config import Config

from isic_mmdet.engine.config.load import load_config
from isic_mmdet.engine.config.parts import argument_errors, built_with, explained
from isic_mmdet.errors import InputError

ROOT = Path(__file__).resolve().parents[4]
OURS = sorted([*(ROOT / 'configs').glob('*.py'), *(ROOT / 'benchmarks/configs').glob('*.py')])
ZOO = Path(mmdet.__file__).parent / '.mim/configs'
THEIRS = [
    'mask_rcnn/mask-rcnn_r50_fpn_1x_coco.py',
    'rtmdet/rtmdet-ins_s_8xb32-300e_coco.py',
    'solov2/solov2_r50_fpn_1x_coco.py',
    'mask2former/mask2former_r50_8xb2-lsj-50e_coco.py',
    'condinst/condinst_r50_fpn_ms-poly-90k_coco_instance.py',
    'cascade_rcnn/cascade-mask-rcnn_r50_fpn_1x_coco.py',
    'point_rend/point-rend_r50-caffe_fpn_ms-1x_coco.py',
    'dcnv2/mask-rcnn_r50-mdconv-c3-c5_fpn_1x_coco.py',
    'fpg/mask-rcnn_r50_fpg_crop640-50e_coco.py',
    'vfnet/vfnet_r50-mdconv-c3-c5_fpn_ms-2x_coco.py',
]
ALL = built_with(('train_dataloader', 'val_dataloader', 'test_dataloader'))


def test_no_config_of_the_project_has_errors():
    assert {path.name: argument_errors(load_config(path), ALL) for path in OURS} == {
        path.name: [] for path in OURS
    }


@pytest.mark.parametrize('name', THEIRS)
def test_no_config_of_mmdet_has_errors(name):
    assert argument_errors(Config.fromfile(ZOO / name), ALL) == []


@pytest.mark.parametrize(
    ('change', 'expected'),
    [
        ('model = dict(backbone=dict(nmae=1))', 'model.backbone.nmae: TimmBackbone'),
        ('model = dict(neck=dict(type="FPNN"))', 'model.neck.type: no class'),
        ('train_dataloader = dict(batchsize=2)', 'train_dataloader.batchsize: DataLoader'),
        ('train_dataloader = dict(sampler=dict(shufle=True))', 'DefaultSampler has no'),
        ('train_dataloader = dict(dataset=dict(indexes=3))', 'LesionDataset has no'),
        ('default_hooks = dict(checkpoint=dict(max_keep_ckpt=1))', 'max_keep_ckpts'),
        ('default_hooks = dict(own=dict(interval=1))', 'default_hooks.own.type: is missing'),
        ('custom_hooks = [dict(type="EMAHook", momentm=0.1)]', 'custom_hooks.0.momentm: EMAHook'),
        ('train_cfg = dict(max_epoch=1)', 'train_cfg.max_epoch: ResumableEpochTrainLoop'),
        ('val_evaluator = dict(metric="bbox")', 'val_evaluator.metric: LesionMetric'),
        ('optim_wrapper = dict(accumulate=2)', 'optim_wrapper.accumulate: OptimWrapper'),
        ('optim_wrapper = dict(optimizer=dict(momentum=0.9))', 'optimizer.momentum: AdamW'),
        ('optim_wrapper = dict(clip_grad=dict(norm=1))', 'clip_grad.norm: clip_grad_norm_'),
        ('param_scheduler = [dict(type="LinearLR", warmup=3)]', 'param_scheduler.0.warmup'),
        ('visualizer = dict(vis_backends=[dict(type="TensorBoard")])', 'TensorboardVisBackend'),
        ('env_cfg = dict(mp_cfg=dict(start_method="fork"))', 'mp_start_method'),
        ('randomness = dict(sed=1)', 'closest: randomness.seed'),
        ('auto_scale_lr = dict(enabled=True)', 'closest: auto_scale_lr.enable'),
        ('log_processor = dict(windows=1)', 'log_processor.windows: LogProcessor'),
    ],
)
def test_an_unknown_name_is_reported_with_the_closest_names(root, tmp_path, change, expected):
    path = tmp_path / 'own.py'
    path.write_text(f"_base_ = '{root}/configs/quickstart.py'\n{change}\n")
    (problem,) = argument_errors(load_config(path), ALL)
    assert expected in problem


def test_building_is_explained_only_where_it_fails(root):
    cfg = load_config(root / 'configs/quickstart.py')
    cfg.model.backbone.depht = 18
    with explained(cfg, 'model'):
        pass
    with pytest.raises(InputError, match=r'model\.backbone\.depht'), explained(cfg, 'model'):
        raise TypeError
    del cfg.model.backbone['depht']
    with pytest.raises(TypeError), explained(cfg, 'model'):
        raise TypeError
