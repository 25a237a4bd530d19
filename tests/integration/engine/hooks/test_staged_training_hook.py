"""Stages of training: what is trained when, after a resumption, and over several processes."""

import itertools
import os
import uuid
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import Dataset

from isic_mmdet.engine.distributed import unwrapped
from isic_mmdet.engine.hooks.staged_training_hook import StagedTrainingHook
from isic_mmdet.errors import InputError

STAGES = ({'begin': 0, 'train': ['head']}, {'begin': 2, 'train': ['body', 'head']})


def staged(*more: dict, stages=STAGES) -> dict:
    return dict(type='StagedTrainingHook', stages=[*stages, *more])


class Points(Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, index):
        return {'inputs': torch.full((3,), float(index) - 3.5), 'target': torch.tensor(index % 3.0)}


class Parts(BaseModel):
    """stem -> body -> head; the weights are the same in every process."""

    def __init__(self, norm: bool = False):
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4) if norm else nn.Identity())
        self.body = nn.Linear(4, 4)
        self.head = nn.Linear(4, 1)

    def forward(self, inputs, target, mode='tensor'):
        found = self.head(torch.tanh(self.body(torch.tanh(self.stem(inputs)))))
        return {'loss': ((found[:, 0] - target) ** 2).mean()}


class Snapshots(Hook):
    """Keeps the weights after every epoch."""

    def __init__(self):
        self.after = []

    def after_train_epoch(self, runner):
        self.after.append({k: v.clone() for k, v in runner.model.state_dict().items()})


def run(work_dir, hooks, epochs=4, model=None, **settings) -> Runner:
    optimizer = {'type': 'SGD', 'lr': 0.05, 'momentum': 0.9, 'weight_decay': 0.1}
    runner = Runner(
        model=model or Parts(),
        work_dir=str(work_dir),
        train_dataloader={
            'batch_size': 2,
            'dataset': Points(),
            'sampler': {'type': 'DefaultSampler', 'shuffle': True},
            'collate_fn': {'type': 'default_collate'},
        },
        train_cfg={'by_epoch': True, 'max_epochs': epochs},
        optim_wrapper={'optimizer': optimizer},
        default_hooks={'logger': {'type': 'LoggerHook', 'interval': 1}},
        custom_hooks=hooks,
        default_scope='mmdet',
        randomness={'seed': 1},
        experiment_name=uuid.uuid4().hex,
        **settings,
    )
    runner.train()
    return runner


@pytest.fixture(autouse=True)
def without_compiler_versions(monkeypatch):
    monkeypatch.setattr('mmengine.runner.runner.collect_env', dict)


def moved(before: dict, after: dict) -> set[str]:
    return {name.split('.')[0] for name in before if not torch.equal(before[name], after[name])}


def test_only_the_parts_of_the_stage_are_trained(tmp_path):
    snapshots = Snapshots()
    # Momentum and weight decay would still move a part that is frozen again.
    again = {'begin': 3, 'train': ['stem.0.bias']}
    run(tmp_path, [staged(again), snapshots], epochs=5)
    weights = [Parts().state_dict(), *snapshots.after]
    parts = [moved(a, b) for a, b in itertools.pairwise(weights)]
    assert parts == [{'head'}, {'head'}, {'body', 'head'}, {'stem'}, {'stem'}]
    assert torch.equal(weights[0]['stem.0.weight'], weights[-1]['stem.0.weight'])
    (log,) = tmp_path.glob('*/*.log')
    text = log.read_text()
    assert 'stage 1 of 3 from epoch 1 on (head): 5 of 41 parameters are trained' in text
    assert 'stage 2 of 3 from epoch 3 on' in text


@pytest.mark.parametrize('stop', [1, 2, 3])
def test_a_resumed_run_is_in_the_right_stage(tmp_path, stop):
    complete = run(tmp_path / 'complete', [staged()])
    run(tmp_path / 'parts', [staged()], epochs=stop)
    snapshots = Snapshots()
    resumed = run(tmp_path / 'parts', [staged(), snapshots], resume=True)
    assert resumed.epoch == 4
    assert len(snapshots.after) == 4 - stop
    # The order of the images depends on the epoch, so both have seen the same ones.
    for name, value in complete.model.state_dict().items():
        torch.testing.assert_close(resumed.model.state_dict()[name], value, msg=name)


@pytest.mark.parametrize('begins', [[], [1], [0, 0], [0, 3, 2]])
def test_stages_out_of_order_are_refused(begins):
    with pytest.raises(InputError, match='begin'):
        StagedTrainingHook([{'begin': begin, 'train': ['head']} for begin in begins])


def test_parts_that_do_not_exist_or_are_frozen_are_refused_together(tmp_path):
    model = Parts()
    model.stem.requires_grad_(False)
    stages = [{'begin': 0, 'train': ['haed']}, {'begin': 1, 'train': ['stem', 'head']}]
    with pytest.raises(InputError) as caught:
        run(tmp_path, [staged(stages=stages)], model=model)
    assert "'haed'" in str(caught.value)
    assert 'a stage trains stem.0, which the model keeps frozen' in str(caught.value)


def test_statistics_of_a_frozen_norm_must_not_move(tmp_path):
    with pytest.raises(InputError, match=r'stem\.1 is frozen .* norm_eval=True'):
        run(tmp_path, [staged()], model=Parts(norm=True))


def two_processes(rank: int, folder: str, find_unused: bool) -> None:
    os.environ |= {'LOCAL_RANK': str(rank), 'RANK': str(rank), 'WORLD_SIZE': '2'}
    torch.set_num_threads(1)
    dist.init_process_group('gloo', init_method=f'file://{folder}/store', rank=rank, world_size=2)
    try:
        runner = run(
            Path(folder, f'work{rank}'),
            [staged()],
            launcher='pytorch',
            env_cfg={'dist_cfg': {'backend': 'gloo'}},
            cfg={'model_wrapper_cfg': dict(device_ids=None, find_unused_parameters=find_unused)},
        )
        torch.save(unwrapped(runner.model).state_dict(), Path(folder, f'{rank}.pth'))
    except InputError as error:
        Path(folder, f'{rank}.txt').write_text(str(error))
    dist.barrier()
    os._exit(0)  # see isic_mmdet.engine.distributed.exit_after_gloo


def test_two_processes_hold_the_same_weights_after_a_switch(tmp_path):
    mp.spawn(two_processes, (str(tmp_path), True), nprocs=2)
    first, second = [torch.load(tmp_path / f'{rank}.pth') for rank in (0, 1)]
    assert moved(Parts().state_dict(), first) == {'body', 'head'}
    assert moved(first, second) == set()


def test_a_wrapper_that_would_wait_for_frozen_parts_is_refused(tmp_path):
    mp.spawn(two_processes, (str(tmp_path), False), nprocs=2)
    for rank in (0, 1):
        assert 'find_unused_parameters=True' in (tmp_path / f'{rank}.txt').read_text()
