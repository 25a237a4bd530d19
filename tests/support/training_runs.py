"""Complete training runs on tiny data, each in a process that can be killed."""

import json
import multiprocessing
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.logging import MMLogger

import isic_mmdet.register  # noqa: F401
from isic_mmdet import cli
from isic_mmdet.engine.config.load import load_config
from isic_mmdet.engine.config.run_state import set_resume, set_work_dir
from isic_mmdet.engine.train.runner import build_runner
from tests.support.unexpected_errors import keep_tracebacks
from tests.support.waiting import wait_until

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
TIMES = ('time', 'data_time', 'memory')  # differ between equal runs


def forked(main: Callable[[], None], work: Path) -> multiprocessing.Process:
    """Start a process that calls `main` as a tool does.

    It writes to `<work>.stdout` and `<work>.stderr`. After an unexpected exception its exit status
    is 99, with the traceback in stderr.
    """

    def child() -> None:
        for descriptor, stream in ((1, 'stdout'), (2, 'stderr')):
            path = work.with_suffix(f'.{stream}')
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
        sys.stdout, sys.stderr = os.fdopen(1, 'w', 1), os.fdopen(2, 'w', 1)
        MMLogger._instance_dict.clear()  # its loggers write to the streams of the parent
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


def calling(point: str, function: Callable[[object], None]) -> Callable[[object], None]:
    """Return a `prepare` for `Run.start`: at a point of hooks it calls a function of the runner."""

    def prepare(runner) -> None:
        called = {point: lambda self, runner, *args, **kwargs: function(runner)}
        runner.register_hook(type('Calling', (Hook,), called)())

    return prepare


class Run:
    """A training run in a work dir; `options` are settings, with '__' instead of '.'."""

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
        """Start a process that trains or resumes; it calls `prepare` with its Runner first."""
        return forked(lambda: self.train(self.config_of(resume), prepare), self.work)

    def finish(self, **arguments: object) -> tuple[int | None, str]:
        """Start a process, and return its exit status and its stderr."""
        process = self.start(**arguments)
        process.join(250)
        assert process.exitcode is not None, 'it hangs'
        return process.exitcode, self.errors

    def complete(self, **arguments: object) -> None:
        """Start a process that must end with status 0."""
        status, errors = self.finish(**arguments)
        assert status == 0, errors

    @property
    def errors(self) -> str:
        """The stderr of the latest process."""
        return self.work.with_suffix('.stderr').read_text()

    @property
    def printed(self) -> str:
        """The stdout and stderr of the latest process."""
        return self.work.with_suffix('.stdout').read_text() + self.errors

    def config_of(self, resume: str | None) -> Config:
        """Return the config as tools/train.py makes it."""
        cfg = load_config(self.config, self.options, self.data)
        set_work_dir(cfg, str(self.work), str(self.config))
        set_resume(cfg, resume)
        return cfg

    def train(self, cfg: Config, prepare: Callable[[object], None]) -> None:
        """Train in this process."""
        runner = build_runner(cfg)
        prepare(runner)
        runner.train()

    def checkpoint(self, name: str = 'epoch_3.pth') -> dict:
        return torch.load(self.work / name, weights_only=True)

    def log(self) -> list[dict]:
        """The logged values, without times."""
        rows = [json.loads(line) for line in self.log_bytes().splitlines()]
        return [{k: v for k, v in row.items() if k not in TIMES} for row in rows]

    def log_bytes(self) -> bytes:
        path = self.work / 'scalars.json'
        return path.read_bytes() if path.is_file() else b''

    def steps(self) -> int:
        """The number of logged training steps."""
        return self.log_bytes().count(b'"loss_mask"')

    def wait_for_steps(self, process: multiprocessing.Process, steps: int) -> None:
        """Wait until as many steps are logged, or the process has ended."""
        wait_until(lambda: self.steps() >= steps or not process.is_alive(), 200)


def tensors(node: object, where: str = '') -> dict[str, torch.Tensor]:
    """All tensors inside nested dicts and lists, by their keys."""
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
        assert [key for key in a if not torch.equal(a[key], b[key])] == []
    assert one.log() == other.log()
    scores = [(run.work / 'per_image.csv').read_bytes() for run in (one, other)]
    assert scores[0] == scores[1]
