"""Whether a training made the weights that it started from better."""

import json
from pathlib import Path
from typing import Any

from mmdet.registry import HOOKS
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from isic_mmdet.evaluation.comparison import compare
from isic_mmdet.evaluation.per_image import read_per_image
from isic_mmdet.utils.files import write_atomically

_BEFORE, _BEST = 'per_image_before.csv', 'per_image_best.csv'
_SCORE = 'lesion/iou'


@HOOKS.register_module()
class BeforeAfterHook(Hook):
    """Validates the weights before the first step, and compares the best epoch with them.

    The validation before the training counts as epoch 0: if no epoch is better, the best checkpoint
    holds the weights that the training started from, and early stopping counts from their score.
    The work dir gets `per_image_before.csv`, `per_image_best.csv` and `comparison.json`, in which
    a paired bootstrap compares the two, see `isic_mmdet.evaluation.comparison`.

    Weights of a model with other classes are not validated, because they do not know the classes of
    the data: they could be the best outlines, and never the best diagnoses.
    """

    # After CheckpointHook, which notes the best epoch. It validates before the training, when all
    # other hooks are ready for that.
    priority = 'LOWEST'

    def __init__(self) -> None:
        self._classes: tuple[str, ...] | None = None

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Note the classes of the weights."""
        meta = checkpoint.get('meta') or {}
        self._classes = tuple((meta.get('dataset_meta') or {}).get('classes') or ())

    def before_train(self, runner: Runner) -> None:
        """Validate the weights that the training starts from."""
        if runner.val_loop is None or runner.iter > 0:
            return
        if is_main_process():
            for name in (_BEFORE, _BEST):  # of a run whose checkpoints were removed
                Path(runner.work_dir, name).unlink(missing_ok=True)
        if self._classes == tuple(runner.train_dataloader.dataset.metainfo['classes']):
            runner.logger.info('validating the weights that the training starts from, as epoch 0')
            runner.val_loop.run()
        else:
            runner.logger.info(
                'the weights that the training starts from do not know these classes: the end will '
                'bring no comparison with them'
            )

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Keep the scores of the images if this is the first validation, or the best so far."""
        if not is_main_process():
            return
        folder = Path(runner.work_dir)
        scores = (folder / 'per_image.csv').read_bytes()
        if runner.iter == 0:
            write_atomically(folder / _BEFORE, scores)
        if _best_epoch(runner) == runner.epoch:
            write_atomically(folder / _BEST, scores)

    def after_train(self, runner: Runner) -> None:
        """Compare, write and log the result."""
        folder = Path(runner.work_dir)
        if not is_main_process() or not (folder / _BEFORE).is_file():
            return
        if not (folder / _BEST).is_file():
            runner.logger.warning(
                'no comparison with the weights before: default_hooks.checkpoint.save_best has to '
                'name one score'
            )
            return
        before, best = (read_per_image(folder / name) for name in (_BEFORE, _BEST))
        comparison = compare(best, before)
        content = {'best_epoch': _best_epoch(runner), 'comparison': comparison}
        write_atomically(folder / 'comparison.json', json.dumps(content, indent=1).encode())
        runner.logger.info(_text(runner, comparison[_SCORE]))


def _best_epoch(runner: Runner) -> int | None:
    path = runner.message_hub.runtime_info.get('best_ckpt')
    return None if path is None else int(Path(path).stem.rpartition('_')[2])


def _text(runner: Runner, row: dict[str, Any]) -> str:
    epoch, images = _best_epoch(runner), row['images']
    head = (
        f'{images} validation images, which also chose the epoch: iou {row["baseline"]:.3f} before'
    )
    if epoch == 0:
        return f'{head}, and no epoch was better: keep the weights that the training started from'
    verdict = {
        'predictions': 'better',
        'baseline': 'worse',
        None: 'the interval contains 0, so this may be chance',
    }[row['better']]
    return (
        f'{head}, {row["value"]:.3f} after epoch {epoch}, difference {row["difference"]:+.3f} '
        f'(95 % interval {row["ci_low"]:+.3f} to {row["ci_high"]:+.3f}: {verdict})'
    )
