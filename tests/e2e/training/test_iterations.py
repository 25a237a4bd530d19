"""A config that counts iterations and validates on two data sets, killed and resumed."""

import json
import os
import signal
from pathlib import Path

import pytest
from mmengine.config import Config

from isic_mmdet.engine.checks.preflight import preflight
from isic_mmdet.engine.train.runner import use_resumable_loop
from tests.support.training_runs import Run, assert_same, calling


class CountedRun(Run):
    """A run of six iterations, with a checkpoint after every second and a validation at the third.

    Its training data are wrapped twice, and an epoch of them is no multiple of anything.
    """

    def config_of(self, resume: str | None) -> Config:
        cfg = super().config_of(resume)
        train, val, test = (cfg[f'{split}_dataloader'] for split in ('train', 'val', 'test'))
        leaf = train.dataset
        balanced = dict(type='ClassBalancedDataset', oversample_thr=0.5, dataset=leaf)
        again = {**leaf, 'indices': 3}
        train.dataset = dict(type='ConcatDataset', datasets=[balanced, again])
        train.sampler = dict(type='InfiniteSampler', shuffle=True)
        val.dataset = dict(type='ConcatDataset', datasets=[val.dataset, test.dataset])
        cfg.train_cfg = dict(type='IterBasedTrainLoop', max_iters=6, val_interval=3)
        cfg.default_hooks.checkpoint.by_epoch = False
        cfg.default_hooks.checkpoint.interval = 2
        cfg.default_hooks.checkpoint.save_best = 'test/lesion/iou'
        cfg.custom_hooks = [dict(type='ValidationLossHook')]
        use_resumable_loop(cfg, processes=1)
        preflight(cfg, ('train_dataloader', 'val_dataloader'))
        return cfg


@pytest.fixture(scope='module')
def complete(root: Path, tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> CountedRun:
    """A run that was never stopped."""
    run = CountedRun(root, tiny_data, tmp_path_factory.mktemp('complete') / 'work')
    run.complete(resume=None)
    return run


def test_steps_validations_and_checkpoints_are_where_the_config_puts_them(complete):
    records = complete.log()
    assert [record['step'] for record in records if 'loss_mask' in record] == list(range(1, 7))
    assert [record['step'] for record in records if 'lesion/iou' in record] == [3, 6]
    assert [record['step'] for record in records if 'val/loss_mask' in record] == [3, 6]
    names = {path.name for path in complete.work.glob('*.pth')}
    assert {'iter_4.pth', 'iter_6.pth'} <= names
    assert any(name.startswith('best_test_lesion_iou_iter_') for name in names)


def test_each_validation_set_has_scores_of_its_own(complete):
    report = json.loads((complete.work / 'metrics.json').read_text())
    assert report['split'] == 'val + test'
    parts = report['data_sets']
    assert [part['images'] for part in parts.values()] == [3, 3]
    means = [part['metrics']['lesion/iou'] for part in parts.values()]
    assert sum(means) / 2 == pytest.approx(report['metrics']['lesion/iou'])
    assert len({part['data_digest'] for part in parts.values()}) == 2


@pytest.mark.slow
@pytest.mark.parametrize('step', [3, 5])
def test_a_kill_inside_an_epoch_changes_nothing(complete, root, tiny_data, tmp_path, step):
    run = CountedRun(root, tiny_data, tmp_path / 'work')

    def kill(runner) -> None:
        if runner.iter == step:
            os.kill(os.getpid(), signal.SIGKILL)

    prepare = calling('before_train_iter', kill)
    assert run.finish(prepare=prepare, resume=None)[0] == -signal.SIGKILL
    run.complete()
    assert_same(run, complete, 'iter_6.pth')
