import os
import subprocess
import sys

import pytest
import torch
from mmengine.config import Config

from isic_mmdet.engine.distributed import launched
from isic_mmdet.errors import InputError

SCRIPT = """
import atexit

import torch
import torch.distributed as dist
from mmengine.config import Config
from torch.nn.parallel import DistributedDataParallel

from isic_mmdet.engine.distributed import launched, exit_after_gloo

cfg = Config(
    dict(
        env_cfg=dict(dist_cfg=dict(backend='nccl')),
        model_wrapper_cfg=dict(broadcast_buffers=False, device_ids=[0]),
    )
)
# Registered first, so it runs last: Python's shutdown continues to it unless the process left.
atexit.register(print, 'shutdown continued', flush=True)


def train():
    model = DistributedDataParallel(torch.nn.Linear(2, 1))
    model.owner = model  # a reference cycle, as between a Runner and its loops
    model(torch.full((1, 2), float(dist.get_rank()))).sum().backward()
    return model.module.weight.grad.tolist()


with launched(cfg, 'pytorch'):
    assert cfg.env_cfg.dist_cfg.backend == dist.get_backend() == 'gloo'
    assert cfg.model_wrapper_cfg.device_ids is None
    assert cfg.model_wrapper_cfg.broadcast_buffers is False
    assert train() == [[0.5, 0.5]]
assert not dist.is_initialized()
print('ended well')
exit_after_gloo(cfg)
"""


@pytest.fixture
def cfg() -> Config:
    return Config(dict(env_cfg=dict(dist_cfg=dict(backend='nccl'))))


def test_two_cpu_processes_meet_over_gloo_and_skip_the_shutdown_that_may_abort(tmp_path):
    script = tmp_path / 'two.py'
    script.write_text(SCRIPT)
    torchrun = ['-m', 'torch.distributed.run', '--standalone', '--nproc-per-node', '2']
    done = subprocess.run(
        [sys.executable, *torchrun, script],
        env={**os.environ, 'CUDA_VISIBLE_DEVICES': '', 'OMP_NUM_THREADS': '1'},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count('ended well') == 2
    assert 'shutdown continued' not in done.stdout


def test_without_a_launcher_there_is_no_group(cfg):
    with launched(cfg, 'none'):
        assert not torch.distributed.is_initialized()
    assert 'model_wrapper_cfg' not in cfg


def test_torchrun_is_missed(cfg, monkeypatch):
    monkeypatch.delenv('RANK', raising=False)
    with pytest.raises(InputError, match='without RANK'), launched(cfg, 'pytorch'):
        pass


def test_slurm_needs_a_gpu(cfg, monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    with pytest.raises(InputError, match='--launcher slurm needs a GPU'), launched(cfg, 'slurm'):
        pass


def test_more_processes_than_gpus_are_refused(cfg, monkeypatch):
    for name, value in {'RANK': '2', 'WORLD_SIZE': '3', 'MASTER_ADDR': 'x'}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv('LOCAL_RANK', '2')
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 2)
    with pytest.raises(InputError, match='2 CUDA devices'), launched(cfg, 'pytorch'):
        pass


def test_torchrun_that_could_not_restart_is_refused_before_any_work(tmp_path):
    script = tmp_path / 'one.py'
    script.write_text('from isic_mmdet.engine.distributed import check_torchrun\ncheck_torchrun()')
    torchrun = ['-m', 'torch.distributed.run', '--standalone', '--max-restarts', '1']
    environment = {**os.environ, 'CUDA_VISIBLE_DEVICES': '', 'OMP_NUM_THREADS': '1'}
    environment.pop('TORCH_DISABLE_SHARE_RDZV_TCP_STORE', None)
    for setting, problem in ({}, True), ({'TORCH_DISABLE_SHARE_RDZV_TCP_STORE': '1'}, False):
        done = subprocess.run(
            [sys.executable, *torchrun, script],
            env=environment | setting,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert (done.returncode != 0) is problem, done.stderr[-3000:]
        assert ('set TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1' in done.stderr) is problem
