"""The losses on validation images: correct, and without an effect on the training."""

import json
import os
import random
import uuid
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from mmdet.registry import DATASETS, MODELS
from mmengine.dataset import pseudo_collate
from mmengine.runner import Runner

from isic_mmdet.engine.config.load import load_config
from isic_mmdet.engine.config.run_state import set_work_dir
from isic_mmdet.engine.hooks import validation_loss_hook
from isic_mmdet.errors import InputError

LOSSES = ('loss', 'loss_rpn_cls', 'loss_rpn_bbox', 'loss_cls', 'loss_bbox', 'loss_mask')


@pytest.fixture
def config(root, tiny_data, tmp_path):
    """Return a function that makes a config of two epochs of two steps."""

    def make(*hooks, work_dir='run'):
        path = root / 'configs' / 'quickstart.py'
        cfg = load_config(path, data_root=tiny_data)
        set_work_dir(cfg, str(tmp_path / work_dir), str(path))
        cfg.train_cfg.max_epochs = 2
        cfg.train_cfg.val_interval = 5
        for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
            loader.update(batch_size=2, num_workers=0, persistent_workers=False)
            for transform in loader.dataset.pipeline:
                if transform.type == 'Resize':
                    transform.scale = (96, 96)
        cfg.train_dataloader.batch_size = 6
        cfg.custom_hooks = list(hooks)
        # mmengine keeps one instance per name in a process.
        cfg.experiment_name = cfg.visualizer.name = uuid.uuid4().hex
        return cfg

    return make


@pytest.fixture(autouse=True)
def without_compiler_versions(monkeypatch):
    monkeypatch.setattr('mmengine.runner.runner.collect_env', dict)


def logged(work_dir, split='val') -> list[dict]:
    lines = (work_dir / 'scalars.json').read_text().splitlines()
    return [record for record in map(json.loads, lines) if f'{split}/loss' in record]


def test_losses_are_those_of_the_model_on_the_images_of_the_split(config, tmp_path):
    cfg = config(dict(type='ValidationLossHook'))
    runner = Runner.from_cfg(cfg)
    runner.train()
    records = logged(tmp_path / 'run')
    assert [record['step'] for record in records] == [2, 4]

    # The same by hand: mmdet's model in evaluation mode, batches of two and one image.
    model = MODELS.build(cfg.model)
    model.load_state_dict(torch.load(tmp_path / 'run' / 'epoch_2.pth')['state_dict'])
    model.eval()
    pipeline = [t for t in cfg.train_dataloader.dataset.pipeline if t.type != 'RandomFlip']
    images = DATASETS.build(
        {**cfg.val_dataloader.dataset, 'pipeline': pipeline, 'test_mode': False}
    )
    assert len(images) == 3
    sums = dict.fromkeys(LOSSES, 0.0)
    with torch.no_grad():
        for chosen in ([0, 1], [2]):
            batch = model.data_preprocessor(
                pseudo_collate([images[i] for i in chosen]), training=True
            )
            torch.manual_seed(validation_loss_hook.SEED)
            _, parts = model.parse_losses(model(**batch, mode='loss'))
            for name in LOSSES:
                sums[name] += len(chosen) * float(parts[name])
    for name in LOSSES:
        assert records[-1][f'val/{name}'] == pytest.approx(sums[name] / 3, rel=1e-5), name
    assert records[-1]['val/loss_mask'] > 0


@pytest.mark.parametrize('by_epoch', [pytest.param(True, marks=pytest.mark.slow), False])
def test_the_training_is_not_changed(config, by_epoch):
    # The batch norms of pyramid and mask head learn their statistics.
    weights, states = [], []
    for name, hooks in (
        ('without', []),
        ('with', [dict(type='ValidationLossHook', by_epoch=by_epoch)]),
    ):
        runner = Runner.from_cfg(config(*hooks, work_dir=name))
        runner.train()
        weights.append(runner.model.state_dict())
        states.append((torch.get_rng_state(), np.random.get_state()[1], random.getstate()))
    assert any('running_mean' in name for name in weights[0])
    for name, value in weights[0].items():
        assert torch.equal(value, weights[1][name]), name
    assert torch.equal(states[0][0], states[1][0])
    assert np.array_equal(states[0][1], states[1][1])
    assert states[0][2] == states[1][2]


def test_gradients_and_modes_are_not_changed(config):
    runner = Runner.from_cfg(config())
    hook = validation_loss_hook.ValidationLossHook()
    hook.before_train(runner)
    model = runner.model
    model.train()
    model.neck.lateral_convs.eval()
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    modes = [module.training for module in model.modules()]
    runner.train_loop  # noqa: B018 - the hook reads the iteration from it
    hook.after_train_epoch(runner)
    assert [module.training for module in model.modules()] == modes
    assert all(torch.all(parameter.grad == 1) for parameter in model.parameters())


def test_a_batch_after_every_iteration_in_order(config, tmp_path):
    hook = dict(type='ValidationLossHook', split='test', by_epoch=False)
    cfg = config(hook)
    cfg.optim_wrapper.optimizer.lr = 0.0  # the model stands still, so only the batches differ
    cfg.model.neck.norm_cfg = cfg.model.roi_head.mask_head.norm_cfg = None
    Runner.from_cfg(cfg).train()
    records = logged(tmp_path / 'run', 'test')
    assert [record['step'] for record in records] == [1, 2, 3, 4]
    losses = [record['test/loss'] for record in records]
    # Three images in batches of two: the first batch comes again after the second.
    assert losses[0] == pytest.approx(losses[2], rel=1e-5)
    assert losses[1] == pytest.approx(losses[3], rel=1e-5)
    assert losses[0] != pytest.approx(losses[1], rel=1e-3)


def test_what_cannot_be_computed_is_refused(config):
    with pytest.raises(InputError, match="split 'train'"):
        validation_loss_hook.ValidationLossHook(split='train')
    cfg = config(dict(type='ValidationLossHook', split='test'))
    for key in ('test_dataloader', 'test_cfg', 'test_evaluator'):
        cfg.pop(key)
    with pytest.raises(InputError, match='no test_dataloader'):
        Runner.from_cfg(cfg).train()


class Values(torch.nn.Module):
    """Its loss is the mean of the batch, and waits for the other processes, as some heads do."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))

    def data_preprocessor(self, batch, training):
        return {'inputs': batch, 'data_samples': batch}

    def forward(self, inputs, data_samples, mode):
        dist.all_reduce(torch.ones(1))
        return {'loss_cls': torch.tensor(inputs).mean(), 'acc': torch.tensor(0.5)}

    def parse_losses(self, losses):
        return losses['loss_cls'], {'loss': losses['loss_cls'], **losses}


def one_of_two(rank: int, folder: str) -> None:
    dist.init_process_group('gloo', init_method=f'file://{folder}/store', rank=rank, world_size=2)
    # An odd number of images, and batches of different sizes.
    batches = ([[1.0, 2.0], [6.0]], [[3.0, 8.0]])[rank]
    batches = validation_loss_hook.in_step(batches, 2)
    means = validation_loss_hook.mean_losses(Values(), batches)
    Path(folder, f'{rank}.json').write_text(json.dumps(means))
    dist.barrier()
    os._exit(0)


def test_processes_share_the_images(tmp_path):
    mp.spawn(one_of_two, (str(tmp_path),), nprocs=2)
    for rank in (0, 1):
        assert json.loads((tmp_path / f'{rank}.json').read_text()) == {'loss': 4, 'loss_cls': 4}
