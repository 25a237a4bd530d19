"""Keeps the calibration of the expected IoU with the weights that it was fitted for."""

from typing import Any

from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner

from isic_mmdet.engine.train.checkpoints import EXPECTED_IOU, expected_iou_in
from isic_mmdet.evaluation.expected_iou import REMEDY, ExpectedIoU
from isic_mmdet.evaluation.lesion_metric import LesionMetric


@HOOKS.register_module()
class ExpectedIoUHook(Hook):
    """Fits the expected IoU in every validation; see `isic_mmdet.evaluation.expected_iou`.

    The checkpoint of a validation, such as that of the best epoch, holds the calibration. The one
    at the end of an epoch does not, because mmengine writes it before the validation. A test uses
    the calibration of its checkpoint.
    """

    def __init__(self) -> None:
        self._calibration: ExpectedIoU | None = None

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Read the calibration of the loaded weights."""
        self._calibration = expected_iou_in(checkpoint, runner._load_from)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Forget the calibration, because the weights change."""
        self._calibration = None

    def before_val_epoch(self, runner: Runner) -> None:
        """Let the metric fit the calibration."""
        for metric in _metrics(runner.val_loop):
            metric.fits_expected_iou = True

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Keep the calibration for the checkpoint of this validation.

        If the images allow none, the one that was loaded with the weights stays until a step.
        """
        for metric in _metrics(runner.val_loop):
            self._calibration = metric.expected_iou or self._calibration

    def before_test_epoch(self, runner: Runner) -> None:
        """Give the calibration to the metric."""
        for metric in _metrics(runner.test_loop):
            metric.expected_iou = self._calibration
        if self._calibration is None:
            runner.logger.warning(
                'the checkpoint has no calibration, so expected_iou and check stay empty; write a '
                f'copy with one: {REMEDY}'
            )

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Write the calibration into the checkpoint."""
        if self._calibration is not None:
            checkpoint['meta'][EXPECTED_IOU] = self._calibration.to_json()


def _metrics(loop: Any) -> list[LesionMetric]:
    return [metric for metric in loop.evaluator.metrics if isinstance(metric, LesionMetric)]
