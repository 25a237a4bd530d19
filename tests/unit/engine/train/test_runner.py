"""Loops of mmengine that are replaced by the project's own, or refused."""

import copy

import pytest

from isic_mmdet.engine.config.load import load_config
from isic_mmdet.engine.train.runner import use_resumable_loop
from isic_mmdet.errors import InputError

ITERATIONS = {'by_epoch': False, 'max_iters': 12, 'val_interval': 4}
WARM_UP = {'type': 'LinearLR', 'by_epoch': False, 'begin': 0, 'end': 3}


@pytest.fixture(scope='module')
def loaded(root, tiny_data):
    return load_config(root / 'configs/quickstart.py', data_root=tiny_data)


@pytest.fixture
def cfg(loaded):
    return copy.deepcopy(loaded)


def test_the_projects_own_loop_stays_as_it_is(cfg):
    before = cfg.to_dict()
    use_resumable_loop(cfg, 1)
    assert cfg.to_dict() == before


@pytest.mark.parametrize('by', [{'by_epoch': True}, {'type': 'EpochBasedTrainLoop'}])
def test_epochs_stay_epochs(cfg, by):
    cfg.train_cfg = {**by, 'max_epochs': 3, 'val_interval': 2, 'dynamic_intervals': [(2, 1)]}
    cfg.train_dataloader.batch_sampler = {'type': 'AspectRatioBatchSampler', 'drop_last': True}
    use_resumable_loop(cfg, 1, ['log_processor.window_size', 'model.neck.out_channels'])
    assert cfg.train_cfg == {
        'type': 'ResumableEpochTrainLoop',
        'max_epochs': 3,
        'val_interval': 2,
        'dynamic_intervals': [(2, 1)],
        'keep_settings': ['log_processor.window_size'],
    }
    assert cfg.train_dataloader.batch_sampler == {'type': 'SeededBatchSampler', 'drop_last': True}


def test_drop_last_of_a_loader_moves_to_its_batch_sampler(cfg):
    cfg.train_dataloader.drop_last = True
    use_resumable_loop(cfg, 1)
    assert 'drop_last' not in cfg.train_dataloader
    assert cfg.train_dataloader.batch_sampler.drop_last


@pytest.mark.parametrize('sampler', ['InfiniteSampler', 'DefaultSampler'])
def test_iterations_become_epochs_between_validations(cfg, sampler):
    cfg.train_cfg = {'type': 'IterBasedTrainLoop', **ITERATIONS, 'val_begin': 5}
    cfg.train_cfg.pop('by_epoch')
    cfg.train_dataloader.sampler.type = sampler
    use_resumable_loop(cfg, processes=2)
    assert cfg.train_cfg == {
        'type': 'ResumableEpochTrainLoop',
        'max_epochs': 3,
        'val_interval': 1,
        'val_begin': 2,  # mmengine validates after 8 and 12 iterations
    }
    batch = cfg.train_dataloader.batch_size
    images = 4 * 2 * batch
    assert cfg.train_dataloader.sampler == {'type': 'FixedLengthSampler', 'num_samples': images}
    assert not cfg.log_processor.by_epoch
    assert not cfg.default_hooks.logger.log_metric_by_epoch


def test_without_an_interval_only_the_end_is_validated(cfg):
    cfg.train_cfg = {'by_epoch': False, 'max_iters': 12}  # mmengine's interval is 1000
    use_resumable_loop(cfg, 1)
    assert (cfg.train_cfg.max_epochs, cfg.train_cfg.val_interval) == (1, 1)


@pytest.mark.parametrize(
    ('key', 'value', 'words'),
    [
        ('train_cfg.max_iters', 14, 'max_iters=12 or 16'),
        ('train_cfg.max_iters', None, 'train_cfg.max_iters is None'),
        ('train_cfg.max_iters', 4.5, 'train_cfg.max_iters is 4.5'),
        ('train_cfg.val_interval', 0, 'train_cfg.val_interval is 0'),
        ('train_cfg.type', 'IterBasedTrainLoop', 'by_epoch'),
        ('train_cfg.dynamic_intervals', [(4, 2)], 'dynamic_intervals'),
        ('train_dataloader.sampler.shuffle', False, 'InfiniteSampler'),
        ('train_dataloader.sampler.type', 'ClassAwareSampler', 'ClassAwareSampler'),
        ('param_scheduler', [{**WARM_UP, 'by_epoch': True}], 'end in epochs'),
        ('param_scheduler', [{'type': 'MultiStepLR', 'milestones': [8]}], 'milestones in epochs'),
        ('custom_hooks', [{'type': 'A', 'stages': [{'begin': 0}, {'begin': 5}]}], 'counts epochs'),
        ('custom_hooks', [{'type': 'A', 'switch_epoch': 3}], 'counts epochs'),
        ('default_hooks.checkpoint.filename_tmpl', 'ck_{}.pth', 'filename_tmpl'),
        ('auto_scale_lr.base_batch_size', None, 'auto_scale_lr.base_batch_size is None'),
    ],
)
def test_settings_that_do_not_work_with_iterations_are_refused(cfg, key, value, words):
    cfg.train_cfg = ITERATIONS
    cfg.merge_from_dict({key: value})
    with pytest.raises(InputError, match=words):
        use_resumable_loop(cfg, 1)


@pytest.mark.parametrize(
    'loop', [None, {'max_epochs': 3}, {'type': 'TestLoop', 'max_epochs': 3}, {'by_epoch': True}]
)
def test_an_invalid_loop_is_refused(cfg, loop):
    cfg.train_cfg = loop
    with pytest.raises(InputError, match='train_cfg'):
        use_resumable_loop(cfg, 1)
