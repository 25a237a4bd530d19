"""The report of every validation and test: plots, quartiles and provenance."""

from typing import Any

from mmdet.registry import HOOKS
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from isic_mmdet.datasets.wrapped import named_leaves
from isic_mmdet.engine.console import FILE_ONLY
from isic_mmdet.engine.provenance import TrainingRecord, data_facts, evaluation_facts, image_ids
from isic_mmdet.errors import InputError
from isic_mmdet.evaluation.lesion_metric import DataSet, LesionMetric
from isic_mmdet.evaluation.summary import values_of
from isic_mmdet.report.run_files import RULES, summary
from isic_mmdet.report.run_plots import draw_evaluation, draw_training


@HOOKS.register_module()
class EvaluationReportHook(Hook):
    """Writes the report and the provenance of every evaluation.

    The work dir has the files of the latest evaluation: `metrics.json` and `per_image.csv`, which
    `LesionMetric` writes, and the plots of `draw_evaluation`. A validation also redraws those of
    `draw_training`. Checkpoints get the facts of their training, see `TrainingRecord`. Only the
    main process writes.
    """

    # After LoggerHook (BELOW_NORMAL), which writes the scalars that the curves are drawn from.
    priority = 'LOW'

    def __init__(self) -> None:
        self._training = TrainingRecord()

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Read how the loaded model was trained."""
        self._training.load(checkpoint)

    def before_train(self, runner: Runner) -> None:
        """Check that a validation can be reported, and start the clock of the training.

        Raises:
            InputError: the validation does not have exactly one `LesionMetric`; or a hook or a
                schedule monitors a score that it does not report.
        """
        if runner.val_loop is not None:
            metric = _lesion_metric(runner.val_loop)
            metric.data_sets = self._data_sets(runner.val_loop.dataloader.dataset)
            _check_monitored(runner, metric)
        self._training.start(runner)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Write into the checkpoint how it was trained."""
        self._training.save(checkpoint)

    def before_val_epoch(self, runner: Runner) -> None:
        """Give folder and provenance to the metric."""
        self._prepare(runner, runner.val_loop)

    def before_test_epoch(self, runner: Runner) -> None:
        """Give folder and provenance to the metric."""
        self._prepare(runner, runner.test_loop)

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Report the validation and redraw the curves of the training."""
        if is_main_process():
            _report_scores(runner, runner.val_loop)
            if runner.iter == 0:
                return  # `BeforeAfterHook` validates before the training has losses
            try:
                # Draws nothing if the visualizer writes to another folder.
                draw_training(runner.work_dir)
            except InputError as error:
                # A log line that a crash truncated must not stop the resumed training.
                runner.logger.warning(f'no training curves drawn: {error}')

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Report the test."""
        if is_main_process():
            _report_scores(runner, runner.test_loop)

    def _prepare(self, runner: Runner, loop: Any) -> None:
        metric = _lesion_metric(loop)
        metric.data_sets = self._data_sets(loop.dataloader.dataset)
        if is_main_process():
            metric.out_dir = runner.work_dir
            facts = evaluation_facts(runner, loop.dataloader.dataset, self._training)
            metric.provenance = facts
            if facts['trained_on']:
                runner.logger.warning(
                    f'the model was trained on {facts["trained_on"]} of these '
                    f'{len(loop.dataloader.dataset)} images: the scores say little about others'
                )

    def _data_sets(self, dataset: Any) -> dict[str, DataSet]:
        """Return the parts of a data set that consists of several, else nothing."""
        parts = named_leaves(dataset)
        if len(parts) == 1:
            return {}
        found = {}
        for name, part in parts.items():
            facts = {**data_facts(part), 'trained_on': self._training.seen(part)}
            found[name] = DataSet(frozenset(image_ids(part)), facts)
        return found


def _lesion_metric(loop: Any) -> LesionMetric:
    found = [metric for metric in loop.evaluator.metrics if isinstance(metric, LesionMetric)]
    if len(found) != 1:
        raise InputError(
            f'EvaluationReportHook needs exactly one LesionMetric in the evaluator, found '
            f'{len(found)}; fix val_evaluator and test_evaluator in the config, or remove the hook'
        )
    return found[0]


def _check_monitored(runner: Runner, metric: LesionMetric) -> None:
    """Refuse names of scores that no validation will report.

    mmengine notices this only after the first validation, and then stops or does nothing.
    """
    if len(runner.val_loop.evaluator.metrics) > 1:
        return  # the others may report it
    names, unknown = metric.names(), []
    schedules = runner.param_schedulers if isinstance(runner.param_schedulers, list) else []
    for part in (*runner.hooks, *schedules):
        keys = [*(getattr(part, 'save_best', None) or ()), getattr(part, 'monitor', 'auto')]
        unknown += [
            f'{type(part).__name__} monitors {key}' for key in keys if key not in (*names, 'auto')
        ]
    if unknown:
        known = ', '.join(names)
        raise InputError(f'a validation reports no such score; choose one of {known}:', unknown)


def _report_scores(runner: Runner, loop: Any) -> None:
    """Draw the plots of an evaluation and log its quartiles."""
    draw_evaluation(runner.work_dir)
    rows = _lesion_metric(loop).per_image
    for rule in RULES:
        numbers = summary(values_of(rows, rule))
        text = ', '.join(f'{name} {value:.4f}' for name, value in numbers.items())
        runner.logger.info(f'lesion/{rule} over {len(rows)} images: {text}', extra=FILE_ONLY)
