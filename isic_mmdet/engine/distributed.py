"""Process groups on machines with and without a GPU."""

import gc
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from mmengine.config import Config
from mmengine.dist import all_reduce
from mmengine.model import is_model_wrapper

from isic_mmdet.errors import InputError


@contextmanager
def launched(cfg: Config, launcher: str) -> Iterator[None]:
    """Run a block inside the process group of a launcher, and end the group after it.

    The block must leave no reference to a Runner behind. With a GPU mmengine starts the group
    itself, over nccl. Without one it cannot: its launcher calls `torch.cuda.set_device` and passes
    `device_ids` to the wrapper of a CPU module. Therefore this function starts the group over gloo.

    Args:
        cfg: `launcher`, and on the CPU `model_wrapper_cfg`, are set in place.
        launcher: 'none', 'pytorch' (torchrun), 'slurm' or 'mpi'.

    Raises:
        InputError: the launcher does not fit this machine, or another process of the group has
            ended.
    """
    cfg.launcher = launcher
    if launcher == 'pytorch':
        check_torchrun()
    if launcher != 'none' and not torch.cuda.is_available():
        if launcher != 'pytorch':
            raise InputError(
                f'--launcher {launcher} needs a GPU on every node; on CPUs start the processes '
                'with tools/dist_train.sh or tools/dist_test.sh'
            )
        dist.init_process_group('gloo')
        cfg.env_cfg.dist_cfg.backend = 'gloo'
        cfg.model_wrapper_cfg = {
            'type': 'MMDistributedDataParallel',
            # The Runner uses this setting if there is no such config.
            'find_unused_parameters': cfg.get('find_unused_parameters', False),
            **(cfg.get('model_wrapper_cfg') or {}),
            'device_ids': None,
        }
    try:
        yield
    except RuntimeError as error:
        if not is_lost_process(error):
            raise
        raise InputError(
            'another process of the run has ended or does not answer; its own messages say why. '
            'Train again with --resume, or test again'
        ) from error
    finally:
        if dist.is_initialized():
            gc.collect()  # a reference cycle of the Runner keeps the wrapped model and the group
            dist.destroy_process_group()


def process_count(launcher: str) -> int:
    """Return how many processes a launcher has started, before they have met."""
    if launcher == 'none':
        return 1
    return int(os.environ.get('SLURM_NTASKS' if launcher == 'slurm' else 'WORLD_SIZE', 1))


def any_process(condition: bool) -> bool:
    """Return whether a condition holds in at least one process; all processes must call this."""
    flag = torch.tensor(float(condition))
    all_reduce(flag)
    return bool(flag)


def unwrapped(model: Any) -> torch.nn.Module:
    """Return the model itself if it is inside a wrapper such as DistributedDataParallel."""
    return model.module if is_model_wrapper(model) else model


def is_lost_process(error: Exception) -> bool:
    """Return whether an error of a group of processes says that it lost one of them."""
    return dist.is_initialized() and (isinstance(error, dist.DistError) or 'gloo' in str(error))


def exit_after_gloo(cfg: Config) -> None:
    """End a process that trained or tested over gloo, with status 0; else return.

    Call it when all work is done, because it skips Python's own shutdown. torch 2.11 keeps the
    threads of a gloo group that a DistributedDataParallel model has used. Such a thread sometimes
    aborts the process during the shutdown ("terminate called without an active exception"). This
    can be removed when no `pt_gloo_runloop` thread is left after `destroy_process_group`.
    """
    if cfg.launcher == 'none' or cfg.env_cfg.dist_cfg.backend != 'gloo':
        return
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def check_torchrun() -> None:
    """Check that torchrun has started this process, in a way that works.

    In torch 2.11, torchrun keeps one store for all attempts of --max-restarts. Processes of the
    second one then read there the addresses of processes that have ended (pytorch issue 135712).

    Raises:
        InputError: torchrun did not start it, started too many, or could not start it again.
    """
    missing = [name for name in ('RANK', 'WORLD_SIZE', 'MASTER_ADDR') if name not in os.environ]
    if missing:
        raise InputError(
            f'--launcher pytorch without {", ".join(missing)} in the environment; start it '
            'through tools/dist_train.sh, tools/dist_test.sh or torchrun'
        )
    devices = torch.cuda.device_count()
    if 0 < devices <= int(os.environ['LOCAL_RANK']):
        raise InputError(
            f'this machine has {devices} CUDA devices; start at most as many processes'
        )
    restarts = int(os.environ.get('TORCHELASTIC_MAX_RESTARTS', 0))
    if restarts > 0 and os.environ.get('TORCHELASTIC_USE_AGENT_STORE') == 'True':
        raise InputError(
            f'torchrun --max-restarts {restarts}: processes that it starts again would not '
            'connect; set TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 in its environment, as '
            'tools/dist_train.sh does'
        )
