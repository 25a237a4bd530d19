"""Whole training runs on tiny data, each in a process that can be killed."""

import json
import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.logging import MMLogger

import isic_mmdet.register  # noqa: F401
from isic_mmdet import cli
from isic_mmdet.engine.config.load import load_config, set_resume, set_work_dir
from isic_mmdet.engine.train.runner import build_runner
from tests.support.unexpected_errors import keep_tracebacks

OPTIONS = {
    'train_cfg.max_epochs': 3,
    'train_cfg.val_interval': 1,
    'param_scheduler.0.end': 3,
    'train_dataloader.batch_size': 4,
    'train_dataloader.num_workers': 2,
    'val_dataloader.num_workers': 0,
    'val_dataloader.persistent_workers': False,
    'default_hooks.logger.interval': 1,
    'visualizer.vis_backends': [{'type': 'LocalVisBackend'}],
}
# What two equal runs differ in.
TIMES = ('time', 'data_time', 'memory')


def forked(main: Callable[[], None], work: Path) -> multiprocessing.Process:
    """Start a process that calls `main` as a tool does.

    It writes to `<work>.stdout` and `<work>.stderr`; its status is 99 after an
    unexpected exception, with the traceback in stderr.
    """

    def child() -> None:
        for descriptor, stream in ((1, 'stdout'), (2, 'stderr')):
            path = work.with_suffix(f'.{stream}')
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
        sys.stdout, sys.stderr = os.fdopen(1, 'w', 1), os.fdopen(2, 'w', 1)
        # Those of this process write to where it wrote when they were made.
        MMLogger._instance_dict.clear()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        torch.set_num_threads(1)
        keep_tracebacks()
        try:
            cli.run(main)
        except SystemExit as end:
            status = end.code
        except BaseException:
            traceback.print_exc()
            status = 99
        sys.stderr.flush()
        os._exit(status)

    process = multiprocessing.get_context('fork').Process(target=child)
    process.start()
    return process


class Run:
    """A training run in a work dir, which may take several processes.

    Args:
        root: of the project.
        data: prepared data set.
        work: the work dir.
        options: settings beside `OPTIONS`.
    """

    def __init__(self, root: Path, data: Path, work: Path, **options: object) -> None:
        self.config = root / 'configs' / 'quickstart.py'
        self.data = data
        self.work = work
        given = {k.replace('__', '.'): v for k, v in options.items()}
        replaced = tuple(f'{name}.' for name in given)
        kept = {k: v for k, v in OPTIONS.items() if not k.startswith(replaced)}
        self.options = {**kept, **given}

    def start(
        self, prepare: Callable[[object], None] = lambda runner: None, resume: str | None = 'auto'
    ) -> multiprocessing.Process:
        """Start a process that trains, or goes on with it.

        Args:
            prepare: called with the Runner before it trains.
            resume: as `set_resume` takes it.
        """
        return forked(lambda: self.train(self.config_of(resume), prepare), self.work)

    def finish(self, **arguments: object) -> tuple[int | None, str]:
        """Start a process, and return its exit status and what it wrote to stderr."""
        process = self.start(**arguments)
        process.join(400)
        assert process.exitcode is not None, 'it hangs'
        return process.exitcode, self.errors

    @property
    def errors(self) -> str:
        """What the latest process wrote to stderr."""
        return self.work.with_suffix('.stderr').read_text()

    def config_of(self, resume: str | None) -> Config:
        """Return the config as tools/train.py makes it."""
        cfg = load_config(self.config, self.options, self.data)
        set_work_dir(cfg, str(self.work), str(self.config))
        set_resume(cfg, resume)
        return cfg

    def train(self, cfg: Config, prepare: Callable[[object], None]) -> None:
        """Train, in this process."""
        runner = build_runner(cfg)
        prepare(runner)
        runner.train()

    def checkpoint(self, name: str = 'epoch_3.pth') -> dict:
        return torch.load(self.work / name, weights_only=True)

    def log(self) -> list[dict]:
        """What was logged, without what depends on the clock."""
        lines = (self.work / 'scalars.json').read_text().splitlines()
        rows = [json.loads(line) for line in lines]
        return [{k: v for k, v in row.items() if k not in TIMES} for row in rows]

    def wait_for(self, condition: Callable[[], bool], seconds: float = 200) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, 'it does not come to pass'
            time.sleep(0.01)

    def log_bytes(self) -> bytes:
        """What was logged as it lies on the disk."""
        path = self.work / 'scalars.json'
        return path.read_bytes() if path.is_file() else b''

    def steps(self) -> int:
        """How many training steps were logged."""
        return self.log_bytes().count(b'"loss_mask"')


def tensors(node: object, where: str = '') -> dict[str, torch.Tensor]:
    """All tensors inside nested dicts and lists, by their place."""
    if isinstance(node, torch.Tensor):
        return {where: node}
    if isinstance(node, dict):
        items = node.items()
    elif isinstance(node, (list, tuple)):
        items = enumerate(node)
    else:
        return {}
    return {k: v for key, value in items for k, v in tensors(value, f'{where}.{key}').items()}


def assert_same(one: Run, other: Run, name: str = 'epoch_3.pth') -> None:
    """Compare weights, optimizer, log and scores of two runs, bit for bit."""
    first, second = one.checkpoint(name), other.checkpoint(name)
    for part in ('state_dict', 'optimizer'):
        a, b = tensors(first[part]), tensors(second[part])
        assert a.keys() == b.keys()
        differing = [key for key in a if not torch.equal(a[key], b[key])]
        assert differing == []
    assert one.log() == other.log()
    for scores in ('per_image.csv',):
        assert (one.work / scores).read_bytes() == (other.work / scores).read_bytes()
