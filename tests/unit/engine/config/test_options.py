"""Each option changes what is built, or is refused with a hint."""

from copy import deepcopy

import pytest

from isic_mmdet.engine.config.load import load_config
from isic_mmdet.engine.config.option_text import parse_option
from isic_mmdet.engine.config.options import apply_options
from isic_mmdet.engine.config.refused_options import (
    refused_in_browsing,
    refused_in_test,
    refused_in_training,
)
from isic_mmdet.errors import InputError

TRAINING = refused_in_training(None, None, amp=False, skip_bad_batches=False)


@pytest.fixture(scope='module')
def quickstart(root):
    return load_config(root / 'configs/quickstart.py')


def options(*words: str) -> dict:
    return dict(map(parse_option, words))


def problem(cfg, *words: str, refused: dict[str, str] | None = None) -> str:
    with pytest.raises(InputError) as error:
        apply_options(deepcopy(cfg), options(*words), TRAINING if refused is None else refused)
    (found,) = error.value.errors
    keys = (word.partition('=')[0].removesuffix('._delete_') for word in words)
    assert found.startswith(tuple(keys))
    return found


@pytest.mark.parametrize(
    ('word', 'hint'),
    [
        ('train_dataloader.batchsize=4', 'closest: train_dataloader.batch_size'),
        ('model.test_cfg.rcnn.max_per_image=1', 'closest: model.test_cfg.rcnn.max_per_img'),
        ('model.test_cfg.rcnn.nms.iou_thresh=0.6', 'model.test_cfg.rcnn.nms.iou_threshold'),
        ('default_hooks.chekpoint.interval=1', 'closest: default_hooks.checkpoint'),
        ('model.nekc.type=FPN', 'closest: model.neck'),
        ('model.type=MaskRCN', 'closest: MaskRCNN'),
        ('model.rpn_head.anchor_generator.scalse=[4]', 'anchor_generator.scales'),
        ('modle.neck=1', 'closest: model'),
        ("default_hooks.ema={'type':'EMAHook','momentm':0.1}", 'momentum'),
    ],
)
def test_the_closest_name_is_given(quickstart, word, hint):
    assert hint in problem(quickstart, word)


@pytest.mark.parametrize(
    ('config', 'word', 'place'),
    [
        ('quickstart', 'data_root=/elsewhere', '--data-root DIR, or set train_dataloader.dataset.'),
        ('quickstart', 'train_pipeline.2.scale=(96,96)', 'dataset.pipeline.2.scale'),
        ('quickstart', 'test_pipeline=[]', 'val_dataloader.dataset.pipeline'),
        ('isic2018_maskrcnn_lite', 'norm.type=GN', 'model.neck.norm_cfg.type'),
    ],
)
def test_a_variable_that_was_copied_is_refused_with_its_places(root, config, word, place):
    assert place in problem(load_config(root / f'configs/{config}.py'), word)


@pytest.mark.parametrize(
    ('word', 'hint'),
    [
        ('param_scheduler.9.end=3', '2 elements, from 0'),
        ('model.backbone.name.x=5', 'no settings'),
        ('train_dataloader.dataset.pipeline.2.scale.0=96', 'set it as a unit'),
        ('optim_wrapper.paramwise_cfg.norm_decay_mult=0', 'set it as a unit'),
        ('model.backbone=5', 'model.backbone.name'),
        ('optim_wrapper.clip_grad=10', 'optim_wrapper.clip_grad.max_norm'),
        ('train_dataloader.dataset.pipeline=Resize', 'list of settings'),
        ('train_dataloader.sampler._delete_=True', 'is missing'),
        ('train_dataloader.dataset.data_root=/data/a,b/', '"train_dataloader.dataset.data_root=\''),
        ('load_from=a,b.pth', '"load_from=\'a,b.pth\'"'),
        ('optim_wrapper.optimizer.lr=1,5', 'comma'),
        ('train_cfg.max_epochs=ten', "the text 'ten' was given"),
        ('train_cfg.max_epochs=None', 'None was given'),
        ('train_dataloader.batch_size=2.5', 'the number 2.5 was given'),
        ('train_dataloader.batch_size=True', 'True was given'),
        ('train_dataloader.dataset.pipeline.2.scale=96x96', 'numbers'),
        ('train_dataloader.persistent_workers=yes', 'True or False'),
        ('train_dataloader.dataset.data_root=2018', "data_root='2018'"),
        ('load_from=2018', 'a text or None'),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused(quickstart, word, hint):
    assert hint in problem(quickstart, word)


@pytest.mark.parametrize(
    'words',
    [
        ('train_cfg.max_epochs=2', 'param_scheduler.0.end=7', 'param_scheduler.1.eta_min=1e-6'),
        ('optim_wrapper.clip_grad=None', 'model.backbone.init_cfg=None', 'load_from=None'),
        ('optim_wrapper.clip_grad.max_norm=0.5', 'model.test_cfg.rcnn.mask_thr_binary=0.4'),
        ('randomness.seed=None', 'randomness.deterministic=True', 'log_level=DEBUG'),
        ('train_dataloader.dataset.indices=8', 'val_dataloader.dataset.subset=None'),
        ('train_dataloader.dataset.pipeline.2.scale=(96,96)', 'auto_scale_lr.enable=False'),
        ('train_dataloader.dataset.pipeline.3.direction=horizontal',),
        ("visualizer.vis_backends=[dict(type='LocalVisBackend')]", 'find_unused_parameters=True'),
        ('model.train_cfg.rcnn.soft_mask_target=True', 'model.rpn_head.type=BatchedRPNHead'),
        ("default_hooks.ema={'type':'EMAHook','momentum':0.1}",),
        ("optim_wrapper.paramwise_cfg={'norm_decay_mult':0}", 'custom_hooks=[]'),
        ("train_dataloader.dataset.metainfo={'classes':['lesion']}", 'work_dir=elsewhere'),
        ('load_from=pretrained.pth', 'default_hooks.checkpoint.by_epoch=True'),
    ],
)
def test_a_value_that_can_be_meant_is_accepted(quickstart, words):
    apply_options(deepcopy(quickstart), options(*words), TRAINING)


def test_options_set_values_in_dicts_and_lists(root):
    path = root / 'configs/student_projects/student2017_r18_256px.py'
    cfg = load_config(
        path,
        options(
            'train_dataloader.dataset.data_root=my data/2017',
            'train_dataloader.sampler.type=ClassAwareSampler',
            'train_dataloader.sampler._delete_=True',
            "model.roi_head.mask_head.norm_cfg={'type': 'GN', 'num_groups': 8}",
        ),
    )
    assert cfg.train_dataloader.dataset.data_root == 'my data/2017'
    assert cfg.train_dataloader.sampler == {'type': 'ClassAwareSampler'}
    assert cfg.model.roi_head.mask_head.norm_cfg.num_groups == 8


def test_all_errors_are_reported_at_once(quickstart):
    words = ('train_cfg.max_epoch=2', 'no_such_thing=1', 'train_dataloader.batch_size=two')
    with pytest.raises(InputError) as error:
        apply_options(deepcopy(quickstart), options(*words), TRAINING)
    assert len(error.value.errors) == 3


def test_a_setting_of_workers_needs_workers(quickstart):
    words = ('train_dataloader.num_workers=0', 'train_dataloader.prefetch_factor=4')
    assert 'num_workers=0' in problem(quickstart, *words)


@pytest.mark.parametrize(
    ('refused', 'word'),
    [
        (TRAINING, 'resume=True'),
        (TRAINING, 'launcher=pytorch'),
        (TRAINING, 'test_dataloader.batch_size=2'),
        (TRAINING, 'custom_imports.imports=[a]'),
        (TRAINING, 'visualizer.vis_backends.0.save_dir=x'),
        (refused_in_training('w', None, False, False), 'work_dir=x'),
        (refused_in_training(None, 'a.pth', False, False), 'load_from=x.pth'),
        (refused_in_training(None, None, True, False), 'model.precision=float32'),
        (refused_in_training(None, None, False, True), 'train_cfg.skip_bad_batches=False'),
        (refused_in_test(None, 'test', False, None), 'train_cfg.max_epochs=2'),
        (refused_in_test(None, 'test', False, None), 'load_from=x.pth'),
        (refused_in_test(None, 'test', False, None), 'val_dataloader.batch_size=2'),
        (refused_in_test(None, 'val', False, None), 'val_dataloader.batch_size=2'),
        (refused_in_test(None, 'val', False, None), 'test_dataloader.dataset.ann_file=x.json'),
        (refused_in_browsing('val', False), 'train_dataloader.dataset.indices=8'),
        (refused_in_browsing(None, False), 'randomness.seed=1'),
    ],
)
def test_a_setting_that_a_command_does_not_use_or_sets_itself_is_refused(quickstart, refused, word):
    assert problem(quickstart, word, refused=refused)


@pytest.mark.parametrize(
    ('refused', 'word'),
    [
        # The same command starts and resumes a run.
        (refused_in_training(None, 'auto', False, False), 'load_from=x.pth'),
        (refused_in_test(None, 'val', False, None), 'val_dataloader.dataset.ann_file=x.json'),
        (refused_in_test(None, 'val', False, None), 'test_dataloader.batch_size=2'),
        (refused_in_test(None, 'test', False, None), 'model.backbone.init_cfg=None'),
        (refused_in_browsing('val', True), 'train_dataloader.dataset.indices=8'),
    ],
)
def test_a_setting_that_a_command_uses_is_accepted(quickstart, refused, word):
    apply_options(deepcopy(quickstart), options(word), refused)


def test_training_uses_the_test_split_if_a_hook_logs_its_losses(quickstart):
    cfg = deepcopy(quickstart)
    cfg.custom_hooks = [dict(type='ValidationLossHook', split='test')]
    apply_options(cfg, {'test_dataloader.batch_size': 2}, TRAINING)
