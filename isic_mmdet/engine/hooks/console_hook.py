"""What the console shows of a run: ten lines at the start, progress, scores and a summary."""

import math
import os
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from mmengine.hooks import Hook, LoggerHook
from mmengine.runner import BaseLoop, Runner
from tqdm import tqdm

from isic_mmdet.engine.console import say, say_command
from isic_mmdet.engine.distributed import unwrapped
from isic_mmdet.engine.provenance import data_facts, hardware
from isic_mmdet.engine.train.checkpoints import ENDED_EARLY
from isic_mmdet.utils.shown_path import shown_path

_BAR = '{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}]{postfix}'


class ConsoleHook(Hook):
    """Prints start, scores and end of a run, and a bar on a terminal, else lines, in between.

    Attributes:
        test_command: words of the command that scores a checkpoint; '{}' stands for its path.
    """

    priority = 'LOWEST'  # after CheckpointHook, which saves the best epoch

    def __init__(self) -> None:
        self.test_command: Sequence[str] = ()
        self._bar: tqdm | None = None
        self._interval = 1
        self._started = 0.0
        self._best: str | None = None

    def before_run(self, runner: Runner) -> None:
        """Print what is trained, on what and where, and how to stop and resume it."""
        self._started = time.monotonic()
        loggers = [hook.interval for hook in runner.hooks if isinstance(hook, LoggerHook)]
        self._interval = min(loggers, default=20)
        loop = runner._train_loop
        if not isinstance(loop, BaseLoop):
            return  # a test
        loader = loop.dataloader
        validated = (
            f'{_images(runner.val_loop)} to validate' if runner.val_loop else 'no validation'
        )
        rows = {
            'data': f'{_data(loop)}, {_images(loop)} images to train, {validated}',
            **_machine(runner),
            'epochs': f'{runner.max_epochs} of {len(loader)} steps, '
            f'batch {loader.batch_sampler.batch_size}',
            **_places(runner),
            'stop': 'Ctrl-C keeps the last saved epoch; '
            + (f'kill {os.getpid()}' if runner.world_size == 1 else 'SIGTERM')
            + ' saves the step',
            'resume': 'the same command with --resume',
        }
        if runner._resume:
            rows['resume'] = f'continues from {Path(runner._load_from).name}'
        _say_rows(f'training {shown_path(runner.cfg.filename)}', rows)

    def before_test(self, runner: Runner) -> None:
        """Print what is tested, on what and where."""
        rows = {
            'checkpoint': shown_path(runner._load_from),
            'data': f'{_data(runner.test_loop)}, {_images(runner.test_loop)} images',
            **_machine(runner),
            **_places(runner),
        }
        _say_rows(f'testing {shown_path(runner.cfg.filename)}', rows)

    def before_train_epoch(self, runner: Runner) -> None:
        """Show a new bar; it starts at the step that a resumed epoch continues with."""
        count = len(runner.train_dataloader)
        done = runner.iter - runner.epoch * count
        self._open(f'epoch {runner.epoch + 1}/{runner.max_epochs}', count, done)

    def before_val_epoch(self, runner: Runner) -> None:
        """Show a new bar."""
        self._best = _best(runner)[0]
        self._open('validating', len(runner.val_dataloader))

    def before_test_epoch(self, runner: Runner) -> None:
        """Show a new bar."""
        self._open('testing', len(runner.test_dataloader))

    def after_train_iter(self, runner: Runner, batch_idx: int, *_: Any, **__: Any) -> None:
        """Show the loss, and the time that is left for all epochs."""
        hub, done, count = runner.message_hub, batch_idx + 1, len(runner.train_dataloader)
        left = f'{timedelta(seconds=int(hub.runtime_info.get("eta", 0)))} left'
        if self._bar is not None:
            loss = hub.get_scalar('train/loss').current()
            self._bar.set_postfix_str(f'loss {loss:.3f}, in all {left}', refresh=False)
            self._bar.update()
        elif done % self._interval == 0 or done == count:
            loss = hub.get_scalar('train/loss').mean(self._interval)
            epoch = f'epoch {runner.epoch + 1}/{runner.max_epochs}'
            say(f'{epoch}, step {done}/{count}: loss {loss:.3f}, {left}')

    def after_val_iter(self, runner: Runner, batch_idx: int, *_: Any, **__: Any) -> None:
        """Show the progress."""
        self._evaluated('validating', batch_idx + 1, len(runner.val_dataloader))

    def after_test_iter(self, runner: Runner, batch_idx: int, *_: Any, **__: Any) -> None:
        """Show the progress."""
        self._evaluated('testing', batch_idx + 1, len(runner.test_dataloader))

    def after_train_epoch(self, runner: Runner) -> None:
        """Remove the bar."""
        self.close()

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Print the scores on one line."""
        self.close()
        mark = '' if _best(runner)[0] == self._best else '  best so far'
        say(f'epoch {runner.epoch}: {score_line(metrics or {})}{mark}')

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Remove the bar."""
        self.close()

    def after_train(self, runner: Runner) -> None:
        """Print the best score, its checkpoint and the next command."""
        info = runner.message_hub.runtime_info
        path, score = _best(runner)
        early = ', ended early because no score was better' if info.get(ENDED_EARLY) else ''
        rows = {'epochs': f'{runner.epoch} of {runner.max_epochs}{early}'}
        if path is not None:
            rows |= {'best score': f'{score:.4f}', 'checkpoint': shown_path(path)}
        elif info.get('last_ckpt'):
            rows |= {'checkpoint': shown_path(info['last_ckpt'])}
        seconds = int(time.monotonic() - self._started)
        _say_rows(f'training ended after {timedelta(seconds=seconds)}', rows)
        if path is not None and self.test_command:
            say('score it on the test split:')
            say_command([shown_path(path) if word == '{}' else word for word in self.test_command])

    def close(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _open(self, title: str, total: int, done: int = 0) -> None:
        self.close()
        if sys.stdout.isatty():
            look: dict[str, Any] = {'bar_format': _BAR, 'leave': False, 'dynamic_ncols': True}
            self._bar = tqdm(desc=title, total=total, initial=done, file=sys.stdout, **look)

    def _evaluated(self, title: str, done: int, count: int) -> None:
        if self._bar is not None:
            self._bar.update()
        elif done % self._interval == 0:
            say(f'{title}, step {done}/{count}')


def score_line(metrics: Mapping[str, float]) -> str:
    """Return the most important scores of a validation, short enough for 80 columns."""
    if 'lesion/iou' not in metrics:  # an evaluator of the user
        return '  '.join(f'{name} {value:.3f}' for name, value in list(metrics.items())[:3])
    low, high = (metrics.get(f'lesion/iou_ci_{end}', math.nan) for end in ('low', 'high'))
    interval = f' ({low:.3f} to {high:.3f})' if low <= high else ''  # one image has none
    parts = [f'iou {metrics["lesion/iou"]:.3f}{interval}']
    for name in ('dice', 'missed'):
        if (value := metrics.get(f'lesion/{name}')) is not None:
            parts.append(f'{name} {value:.3f}')
    return '  '.join(parts)


def _best(runner: Runner) -> tuple[str | None, float]:
    """Return path and score of the best checkpoint; of the first score if there are several."""
    info = runner.message_hub.runtime_info
    key = next((key for key in info if key.startswith('best_ckpt')), '')
    return info.get(key), info.get(key.replace('best_ckpt', 'best_score', 1), 0.0)


def _machine(runner: Runner) -> dict[str, str]:
    model = unwrapped(runner.model)
    weights = sum(parameter.numel() for parameter in model.parameters())
    processes = f', {runner.world_size} processes' if runner.world_size > 1 else ''
    return {
        'model': f'{type(model).__name__}, {weights / 1e6:.1f} million weights',
        'device': hardware(runner) + processes,
    }


def _places(runner: Runner) -> dict[str, str]:
    return {
        'output': shown_path(runner.work_dir),
        'log file': str(Path(runner.logger.log_file).relative_to(runner.work_dir)) + ' in it',
    }


def _images(loop: Any) -> int:
    return len(loop.dataloader.dataset)


def _data(loop: Any) -> str:
    facts = data_facts(loop.dataloader.dataset)
    return f'{facts["data"]} ({facts["split"]})'


def _say_rows(title: str, rows: Mapping[str, str]) -> None:
    say('\n'.join([title, *(f'  {name:<11} {text}' for name, text in rows.items())]))
