"""What a checkpoint may contain: all that a Runner writes, and nothing that runs code."""

import os
import pickle
import warnings

import numpy as np
import pytest
import torch
from mmengine.evaluator import BaseMetric
from mmengine.logging import HistoryBuffer
from mmengine.model import BaseModel
from mmengine.registry import METRICS
from mmengine.runner import Runner, load_checkpoint
from torch import nn


class Dots(torch.utils.data.Dataset):
    def __init__(self):
        self.metainfo = {'classes': ('lesion',), 'palette': [(220, 20, 60)]}

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return {'x': torch.full((2,), float(index))}


class TinyModel(BaseModel):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(2)
        self.linear = nn.Linear(2, 1)

    def forward(self, x, mode='tensor'):
        y = self.linear(self.norm(x if torch.is_tensor(x) else torch.stack(x)))
        return {'loss': y.square().mean()} if mode == 'loss' else [y]


@METRICS.register_module()
class NumPyNumbers(BaseMetric):
    """Returns every kind of number that a metric computed with NumPy may have."""

    def process(self, data_batch, data_samples):
        self.results.append(0)

    def compute_metrics(self, results):
        return {
            'iou': np.float32(0.75),
            'dice': np.mean([0.5, 1.0]),
            'count': np.int64(3),
            'flag': np.bool_(True),
            'plain': 0.5,
        }


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """Return a Runner that has trained for one epoch, and its folder."""
    folder = tmp_path_factory.mktemp('trained')
    loader = {'dataset': Dots(), 'batch_size': 2}
    runner = Runner(
        model=TinyModel(),
        work_dir=str(folder),
        experiment_name=folder.name,
        train_dataloader={**loader, 'sampler': {'type': 'DefaultSampler', 'shuffle': True}},
        val_dataloader={**loader, 'sampler': {'type': 'DefaultSampler', 'shuffle': False}},
        train_cfg={'by_epoch': True, 'max_epochs': 1},
        val_cfg={},
        val_evaluator={'type': 'NumPyNumbers'},
        optim_wrapper={'optimizer': {'type': 'AdamW', 'lr': 0.01}, 'accumulative_counts': 2},
        param_scheduler=[
            {'type': 'LinearLR', 'start_factor': 0.1, 'by_epoch': False, 'end': 2},
            {'type': 'CosineAnnealingLR', 'T_max': 5},
            {'type': 'MultiStepLR', 'milestones': [1]},
            {'type': 'ReduceOnPlateauLR', 'monitor': 'iou', 'rule': 'greater'},
            {'type': 'OneCycleLR', 'total_steps': 10, 'eta_max': 0.1, 'by_epoch': False},
        ],
        default_hooks={
            'logger': {'type': 'LoggerHook', 'interval': 1},
            'checkpoint': {'type': 'CheckpointHook', 'save_best': 'iou', 'rule': 'greater'},
        },
        custom_hooks=[
            {'type': 'EMAHook'},
            {'type': 'EarlyStoppingHook', 'monitor': 'iou', 'rule': 'greater'},
        ],
        randomness={'seed': 0},
        default_scope='mmengine',
    )
    runner.train()
    return runner, folder


def test_what_a_runner_writes_is_read_back_unchanged(trained):
    runner, folder = trained
    checkpoint = torch.load(folder / 'epoch_1.pth')
    hub = checkpoint['message_hub']
    for name, buffer in runner.message_hub.log_scalars.items():
        loaded = hub['log_scalars'][name]
        assert type(loaded) is HistoryBuffer
        for before, after in zip(buffer.data, loaded.data, strict=True):
            assert type(after) is np.ndarray
            assert before.dtype == after.dtype
            np.testing.assert_array_equal(before, after)
        assert loaded.statistics('mean') == buffer.statistics('mean')
    assert hub['runtime_info']['best_score'] == np.float32(0.75)
    assert type(hub['runtime_info']['best_score']) is np.float32
    assert hub['runtime_info']['val/flag'] is np.True_
    assert checkpoint['ema_state_dict']
    schedulers = [each.state_dict() for each in runner.param_schedulers]
    assert checkpoint['param_schedulers'] == schedulers
    load_checkpoint(TinyModel(), str(next(folder.glob('best_iou*.pth'))), strict=True)


def test_loaded_values_are_saved_again_without_the_stand_ins(trained, tmp_path):
    checkpoint = torch.load(trained[1] / 'epoch_1.pth')
    checkpoint['array'] = saved_and_loaded(np.arange(6.0).reshape(2, 3), tmp_path)
    assert b'isic_mmdet' not in pickle.dumps(checkpoint)


@pytest.mark.parametrize(
    'value',
    [
        np.arange(6, dtype=np.float32).reshape(2, 3),
        np.asfortranarray(np.arange(6, dtype=np.int64).reshape(2, 3)),
        np.array([True, False]),
        np.empty((0, 4)),
        np.int32(-5),
    ],
    ids=str,
)
def test_numbers_survive(value, tmp_path):
    loaded = saved_and_loaded(value, tmp_path)
    np.testing.assert_array_equal(loaded, value, strict=True)
    assert isinstance(loaded, type(value))


def test_a_file_written_under_numpy_1_is_read(tmp_path):
    path = tmp_path / 'old.pth'
    value = {'buffer': HistoryBuffer([1.0, 2.0], [1, 1]), 'score': np.float64(0.5)}
    torch.save(value, path, _use_new_zipfile_serialization=False)
    path.write_bytes(path.read_bytes().replace(b'numpy._core.', b'numpy.core.'))
    loaded = torch.load(path)
    assert loaded['buffer'].mean() == 1.5
    assert loaded['score'] == 0.5


class Calls:
    """Pickles as a call, which an unpickler would run, and the state given to its result."""

    def __init__(self, function, *args, state=None):
        self.reduced = (function, args) if state is None else (function, args, state)

    def __reduce__(self):
        return self.reduced


def attacks(target):
    command = f'touch {target}'
    buffer = HistoryBuffer([1.0], [1])
    buffer._statistics_methods = {'mean': os.system}
    return {
        'a command': Calls(os.system, command),
        'eval': Calls(eval, f'open({str(target)!r}, "w")'),
        'an import': Calls(getattr, Calls(__import__, 'os'), 'system'),
        'getattr of a buffer': Calls(getattr, HistoryBuffer, 'register_statistics'),
        'getattr of a builtin': Calls(getattr, HistoryBuffer, '__init__'),
        'a statistics function': buffer,
        'an array of objects': np.array([Calls(os.system, command)], dtype=object),
        'a type of objects': np.dtype(object),
        'a type of records': np.dtype([('a', object)]),
        'a buffer of text': HistoryBuffer(['a'], ['b']),
        'a memory map': Calls(np.memmap, str(target), 'u1', 'w+', 0, (1,)),
    }


@pytest.mark.parametrize('name', attacks(''))
def test_everything_else_is_refused_and_runs_nothing(name, tmp_path):
    target = tmp_path / 'made_by_the_file'
    statistics = dict(HistoryBuffer._statistics_methods)
    with pytest.raises(
        pickle.UnpicklingError, match=r'GLOBAL .+ (was not an allowed|whose module)'
    ):
        saved_and_loaded(attacks(target)[name], tmp_path)
    assert not target.exists()
    assert HistoryBuffer._statistics_methods == statistics


def test_functions_of_the_file_do_not_reach_the_buffers_of_this_process(tmp_path):
    buffer = HistoryBuffer([1.0], [1])
    buffer._statistics_methods = {'mean': 'forged', 'more': 'forged'}
    buffer.mean = 'forged'
    loaded = saved_and_loaded(buffer, tmp_path)
    assert loaded.mean() == loaded.statistics('mean') == 1.0
    assert 'more' not in HistoryBuffer._statistics_methods


def test_a_forged_type_of_numbers_does_not_reach_numpy(tmp_path):
    state = (3, '<', None, None, None, -1, -1, 0x3F)  # flags for pointers
    forged = Calls(np._core.multiarray.scalar, Calls(np.dtype, 'f8', state=state), b'\1' * 8)
    loaded = saved_and_loaded(forged, tmp_path)
    assert loaded.dtype.flags == np.dtype('f8').flags == 0


def saved_and_loaded(value, folder):
    torch.save({'value': value}, folder / 'file.pth')
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        return torch.load(folder / 'file.pth', weights_only=True)['value']
