"""The training loop, which can be interrupted and resumed at any step."""

import gc
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from mmdet.registry import LOOPS
from mmengine.dist import all_gather_object, get_world_size, is_main_process
from mmengine.runner import EpochBasedTrainLoop
from torch import Tensor, nn

from isic_mmdet.datasets.samplers import SeededBatchSampler
from isic_mmdet.engine.distributed import any_process
from isic_mmdet.engine.train.batch_errors import BatchError, ids, ids_at, loading_error, step_error
from isic_mmdet.engine.train.checkpoints import INTERRUPTED
from isic_mmdet.engine.train.small_data import adapt, warn_of_validation
from isic_mmdet.engine.train.termination import Termination
from isic_mmdet.errors import InputError, Terminated
from isic_mmdet.utils.loader_errors import known_loader_error, worker_died

# Key of the messages that the runner keeps with its checkpoints.
SKIPPED = 'skipped_batches'


@LOOPS.register_module()
class ResumableEpochTrainLoop(EpochBasedTrainLoop):
    """mmengine's training by epochs, which can be interrupted at any step.

    - A checkpoint from inside an epoch is resumed with the next batch of that epoch.
    - After SIGTERM the loop finishes the current step, saves `interrupted.pth` and raises
      `Terminated`.
    - If a batch cannot be loaded, has a loss or gradient that is not finite, or does not fit into
      memory, the loop saves the state before it and raises one error that names its images. With
      `skip_bad_batches` it skips the batch instead.

    Args:
        *args: of `EpochBasedTrainLoop`.
        skip_bad_batches: skip such batches and count them, in the log and in the checkpoints
            (`skipped_batches`). Only for a single process: the others would wait.
        keep_settings: dotted names of settings that are not adapted to a small data set, see
            `isic_mmdet.engine.train.small_data`.
        **kwargs: of `EpochBasedTrainLoop`.
    """

    def __init__(
        self,
        *args: Any,
        skip_bad_batches: bool = False,
        keep_settings: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        if skip_bad_batches and get_world_size() > 1:
            raise InputError(
                'only a single process can skip bad batches, because several processes make each '
                'step together; train without --skip-bad-batches'
            )
        super().__init__(*args, **kwargs)
        if not isinstance(self.dataloader.batch_sampler, SeededBatchSampler):
            raise InputError(
                'ResumableEpochTrainLoop can resume inside an epoch only with '
                "train_dataloader.batch_sampler=dict(type='SeededBatchSampler'); set it in the "
                'config'
            )
        _check_epoch_length(len(self.dataloader), self.dataloader.batch_sampler)
        adapt(self.runner, len(self.dataloader), self._max_iters, keep_settings)
        self.skip_bad_batches = skip_bad_batches
        self._termination = Termination()
        self._saved_iter = -1
        self._lost_worker = False
        self._images: list[str] = []
        self._statistics: list[Tensor] = []

    def run(self) -> torch.nn.Module:
        """Train; the class docstring lists what may end the training early."""
        warn_of_validation(self.runner)
        with self._termination.listening():
            try:
                return super().run()
            except Terminated:
                self._save()
                raise
            except (RuntimeError, OSError, EOFError) as error:
                if known_loader_error(error) is None:
                    raise
                # Not inside a training step, so the validation failed.
                failure = loading_error(error)
                self._save()
                raise InputError(
                    f'epoch {self._epoch}: {failure.reason}. {failure.remedy}, then continue with '
                    '--resume'
                ) from error

    def saved(self) -> None:
        """Note that a checkpoint of the current iteration was written."""
        self._saved_iter = self._iter

    def run_epoch(self) -> None:
        """Train for one epoch, or for the rest of it after a resumption."""
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        self._statistics = _running_statistics(self.runner.model)
        count, skipped = len(self.dataloader), 0
        start = self._iter - self._epoch * count
        batches = self._batches(start)
        for position in range(start, count):
            try:
                self._run_position(position, batches)
            except BatchError as failure:
                skipped += 1
                self._skip(failure, position, skipped)
                if self._lost_worker:
                    batches = self._batches(position + 1)
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1

    def _batches(self, start: int) -> Iterator[Any]:
        if self._lost_worker:
            self.dataloader._iterator = None  # otherwise the dead workers are used again
            self._lost_worker = False
        self.dataloader.batch_sampler.start = start
        return iter(self.dataloader)

    def _run_position(self, position: int, batches: Iterator[Any]) -> None:
        try:
            self._termination.deliver()
            batch = next(batches)
        except Exception as error:
            self._check_termination()
            self._images = ids_at(self.dataloader, position)
            self._lost_worker = worker_died(error)
            raise loading_error(error) from error
        before = [statistic.clone() for statistic in self._statistics]
        try:
            with self._termination.deferred():
                self.run_iter(position, batch)
        except Exception as error:
            for statistic, value in zip(self._statistics, before, strict=True):
                statistic.copy_(value)
            if self._termination.requested:
                raise Terminated from error
            failure = step_error(error)
            if failure is None:
                raise
            self._images = ids(batch['data_samples'])
            raise failure from error
        self._check_termination()

    def _check_termination(self) -> None:
        """Raise `Terminated` in all processes at the same step if one of them received SIGTERM."""
        if any_process(self._termination.requested):
            raise Terminated

    def _skip(self, failure: BatchError, position: int, skipped: int) -> None:
        """Skip a batch of the epoch, the `skipped`-th, or save the state and raise an error."""
        count = len(self.dataloader)
        images = ', '.join(self._images)
        where = f'epoch {self._epoch + 1}, batch {position + 1} of {count} ({images})'
        message = f'{where}: {failure.reason}. {failure.remedy}.'
        if not (self.skip_bad_batches and failure.can_skip):
            if path := self._save():
                message += f' The state before it is in {path}: continue with --resume.'
            if failure.can_skip and get_world_size() == 1:
                message += ' Or skip such batches with --skip-bad-batches.'
            raise InputError(message) from failure
        if skipped == count:
            raise InputError(f'all {count} batches were skipped. {message}') from failure
        self.runner.optim_wrapper.zero_grad()
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        hub = self.runner.message_hub
        total = 1 + (hub.get_info(SKIPPED) if SKIPPED in hub.runtime_info else 0)
        hub.update_info(SKIPPED, total)
        self.runner.logger.warning(f'skipped: {where}: {failure.reason}; {total} in all')
        self._iter += 1

    def _save(self) -> Path | None:
        """Write `interrupted.pth` unless this iteration is saved; return the checkpoint of it."""
        if not is_main_process():
            return None
        if self._saved_iter == self._iter:
            return Path(self.runner.work_dir, f'epoch_{self._epoch}.pth')
        # A SIGTERM to the process group has ended the data loading processes too.
        with self._termination.deferred():
            self.runner.save_checkpoint(
                self.runner.work_dir,
                INTERRUPTED,
                meta=dict(epoch=self._epoch, iter=self._iter),
                by_epoch=False,
                backend_args=dict(backend='atomic'),
            )
        return Path(self.runner.work_dir, INTERRUPTED)


def _check_epoch_length(batches: int, sampler: SeededBatchSampler) -> None:
    """Refuse an epoch without a batch, and epochs whose length differs between processes."""
    counts = all_gather_object(batches)
    if min(counts) == 0:
        raise InputError(
            f'an epoch has no batch: {len(sampler.sampler)} training images per process do not '
            f'fill a batch of {sampler.batch_size}, and drop_last skips incomplete batches; '
            'lower train_dataloader.batch_size, or remove drop_last'
        )
    if len(set(counts)) > 1:
        raise InputError(
            f'the processes would make {counts} steps in an epoch and wait for each other '
            'forever; remove round_up=False from train_dataloader.sampler'
        )


def _running_statistics(model: nn.Module) -> list[Tensor]:
    """Return the batch-norm buffers, which are restored after a failed step."""
    return [
        statistic
        for module in model.modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.training
        for statistic in module.buffers(recurse=False)
    ]
