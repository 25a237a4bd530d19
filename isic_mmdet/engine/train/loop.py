"""Epochs that can be left and entered anywhere, and batches whose faults are named."""

import gc
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from mmdet.registry import LOOPS
from mmengine.dist import all_gather_object, all_reduce, get_world_size, is_main_process
from mmengine.runner import EpochBasedTrainLoop
from torch import Tensor, nn

from isic_mmdet.datasets.seeded import SeededBatchSampler
from isic_mmdet.engine.train.batch_errors import (
    BatchError,
    ids,
    ids_at,
    loading_error,
    step_error,
)
from isic_mmdet.engine.train.checkpoints import INTERRUPTED
from isic_mmdet.engine.train.small_data import adapt, warn_of_validation
from isic_mmdet.engine.train.termination import Termination
from isic_mmdet.errors import InputError, Terminated
from isic_mmdet.utils.loader_errors import known_loader_error, worker_died

# Of the messages that the runner keeps with its checkpoints.
SKIPPED = 'skipped_batches'


@LOOPS.register_module()
class ResumableEpochTrainLoop(EpochBasedTrainLoop):
    """mmengine's training by epochs, made to be interrupted.

    - A checkpoint from inside an epoch is gone on from where it was written, with the next batch.
    - SIGTERM ends the step in hand, saves `interrupted.pth` and raises `Terminated`.
    - A batch that cannot be loaded, whose loss or gradients are not finite, or that does not fit
      into memory ends the training with one message that names its images, after the state from
      before it was saved; or it is left out.

    Args:
        *args: of `EpochBasedTrainLoop`.
        skip_bad_batches: leave such batches out and count them, in the log and, as
            `skipped_batches`, in the messages of a checkpoint. Only for a single process: the
            others would wait for their share.
        keep_settings: dotted names of settings that are not adapted to a small data set, see
            `isic_mmdet.engine.train.small_data`.
        **kwargs: of `EpochBasedTrainLoop`.

    Raises:
        InputError: for the batch at fault; `skip_bad_batches` with several processes; another
            batch sampler than a `SeededBatchSampler`; or an epoch without a batch.
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
                'bad batches can be left out by a single process only, for several have to make '
                'every step together; train without --skip-bad-batches'
            )
        super().__init__(*args, **kwargs)
        if not isinstance(self.dataloader.batch_sampler, SeededBatchSampler):
            raise InputError(
                'ResumableEpochTrainLoop can enter an epoch anywhere only with '
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
        """Train; see the class for what may end it early."""
        warn_of_validation(self.runner)
        with self._termination.listening():
            try:
                return super().run()
            except Terminated:
                self._save()
                raise
            except RuntimeError as error:
                if known_loader_error(error) is None:
                    raise
                # Between the batches of the training, so of a validation.
                fault = loading_error(error)
                self._save()
                raise InputError(
                    f'epoch {self._epoch}: {fault.reason}. {fault.remedy}, then go on with --resume'
                ) from error

    def saved(self) -> None:
        """Take note that a checkpoint of the present iteration is on the disk."""
        self._saved_iter = self._iter

    def run_epoch(self) -> None:
        """Go through an epoch, or through what a checkpoint from inside it has left."""
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        self._statistics = _running_statistics(self.runner.model)
        count, skipped = len(self.dataloader), 0
        start = self._iter - self._epoch * count
        batches = self._batches(start)
        for position in range(start, count):
            try:
                self._run_position(position, batches)
            except BatchError as fault:
                skipped += 1
                self._leave_out(fault, position, skipped)
                if self._lost_worker:
                    batches = self._batches(position + 1)
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1

    def _batches(self, start: int) -> Iterator[Any]:
        if self._lost_worker:
            self.dataloader._iterator = None  # persistent workers would be asked again
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
            fault = step_error(error)
            if fault is None:
                raise
            self._images = ids(batch['data_samples'])
            raise fault from error
        self._check_termination()

    def _check_termination(self) -> None:
        """Raise `Terminated` if a process was asked to end; all of them do so at the same step."""
        requested = torch.tensor(float(self._termination.requested))
        all_reduce(requested)
        if requested:
            raise Terminated

    def _leave_out(self, fault: BatchError, position: int, skipped: int) -> None:
        """Go on behind a batch, or end the training with a message."""
        count = len(self.dataloader)
        where = (
            f'epoch {self._epoch + 1}, batch {position + 1} of {count} ({", ".join(self._images)})'
        )
        if not (self.skip_bad_batches and fault.passes):
            path = self._save()
            saved = f' The state before it is in {path}: go on with --resume.' if path else ''
            hint = (
                ' Or leave such batches out with --skip-bad-batches.'
                if fault.passes and get_world_size() == 1
                else ''
            )
            raise InputError(f'{where}: {fault.reason}. {fault.remedy}.{saved}{hint}') from fault
        if skipped == count:
            raise InputError(
                f'epoch {self._epoch + 1}: all {count} batches were left out, the last one because '
                f'{fault.reason}. {fault.remedy}'
            ) from fault
        self.runner.optim_wrapper.zero_grad()
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        hub = self.runner.message_hub
        total = 1 + (hub.get_info(SKIPPED) if SKIPPED in hub.runtime_info else 0)
        hub.update_info(SKIPPED, total)
        self.runner.logger.warning(f'left out: {where}: {fault.reason}; {total} in all')
        self._iter += 1

    def _save(self) -> Path | None:
        """Write `interrupted.pth`, unless this iteration is saved already; return what holds it."""
        if not is_main_process():
            return None
        if self._saved_iter == self._iter:
            return Path(self.runner.work_dir, f'epoch_{self._epoch}.pth')
        # Whoever asks a whole group of processes to end has ended those that load data, too.
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
    """Refuse an epoch without a batch, and processes that would wait for each other for ever.

    Raises:
        InputError: on every process, with the counts of all.
    """
    counts = all_gather_object(batches)
    if min(counts) == 0:
        raise InputError(
            f'an epoch has no batch: {len(sampler.sampler)} training images for a process do not '
            f'fill a batch of {sampler.batch_size}, and drop_last leaves out what is not full; '
            'lower train_dataloader.batch_size, or take drop_last out'
        )
    if len(set(counts)) > 1:
        raise InputError(
            f'the processes would make {counts} steps in an epoch, and wait for each other for '
            'ever; take round_up=False out of train_dataloader.sampler'
        )


def _running_statistics(model: nn.Module) -> list[Tensor]:
    """Return what batch norm learns in a forward pass, whose loss may prove to be no number."""
    return [
        statistic
        for module in model.modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.training
        for statistic in module.buffers(recurse=False)
    ]
