"""The work dir of a run, and the checkpoint that it starts from."""

import os
from pathlib import Path

from mmengine.config import Config
from mmengine.logging import MMLogger

from isic_mmdet.engine.config.data_classes import follow_classes
from isic_mmdet.engine.config.data_sets import leaf_datasets
from isic_mmdet.engine.config.paths import require_checkpoint
from isic_mmdet.engine.config.trackers import set_tracker_folders
from isic_mmdet.engine.train.checkpoints import (
    holds,
    newest_checkpoint,
    progress,
    trained_classes,
)
from isic_mmdet.errors import InputError
from isic_mmdet.utils.files import require_text


def set_work_dir(cfg: Config, work_dir: str | None, config_path: str, subfolder: str = '') -> None:
    """Set `cfg.work_dir`; one `scalars.json` in it serves a run and all its resumptions.

    Args:
        cfg: changed in place.
        work_dir: from the command line; it replaces the config's own.
        config_path: its name gives the default, `work_dirs/<config>`.
        subfolder: appended if the command line gave no folder.

    Raises:
        InputError: the folder's name is not text in this locale.
    """
    require_text(work_dir)
    own = cfg.get('work_dir') or Path('work_dirs') / Path(config_path).stem
    cfg.work_dir = str(work_dir or Path(own) / subfolder)
    set_tracker_folders(cfg)


def set_resume(cfg: Config, resume: str | None, start: str | None = None) -> None:
    """Set the checkpoint that training resumes from, and keep two runs from mixing in one folder.

    The caller holds the lock of the work dir, see `isic_mmdet.utils.run_lock`.

    Args:
        cfg: changed in place; its `work_dir` is set.
        resume: None for a new run; 'auto' for the newest complete checkpoint of the work dir, or
            for `start` if there is none; else the path of a checkpoint.
        start: path of the checkpoint that the run was started from; None for a new run.

    Raises:
        InputError: no such checkpoint, or the run would overwrite checkpoints of the work dir that
            are not part of its history.
    """
    work_dir = Path(cfg.work_dir)
    newest, damaged = newest_checkpoint(work_dir)
    checkpoint = resume if resume != 'auto' else str(newest or start or '') or None
    if resume == 'auto':
        for path in damaged:
            MMLogger.get_current_instance().warning(f'{path} is damaged and is ignored')
        if damaged and newest is None:
            raise InputError(
                f'{work_dir} has only damaged checkpoints; remove them to start a new run:',
                [str(path) for path in damaged],
            )
    if checkpoint is not None:
        require_checkpoint(checkpoint, to_resume=True)
    is_own = checkpoint is not None and holds(work_dir, checkpoint)
    # Of a run that ended before its first checkpoint; `BeforeAfterHook` validates before epoch 1.
    early = set(work_dir.glob('best_*_epoch_0.pth'))
    if not is_own and set(work_dir.glob('*.pth')) - early:
        raise InputError(
            f'{work_dir} already holds the checkpoints of a run; continue that run with --resume '
            'alone, name another --work-dir, or remove the folder'
        )
    if is_own and newest is not None and progress(newest) > progress(Path(str(checkpoint))):
        raise InputError(
            f'{work_dir} holds a later state of the run, {newest.name}: resumed from {checkpoint}, '
            'the folder would hold two histories. Name a new --work-dir, or remove the later '
            'checkpoints (and the best one, if it is of a later epoch)'
        )
    if not is_own and int(os.environ.get('RANK', 0)) == 0:
        for path in (*early, work_dir / 'scalars.json'):
            path.unlink(missing_ok=True)
    cfg.resume = checkpoint is not None
    if checkpoint is not None:
        cfg.load_from = checkpoint
        # The checkpoint replaces these weights, so they need not be available again.
        cfg.model.backbone.init_cfg = None


def set_checkpoint(cfg: Config, checkpoint: str) -> None:
    """Test the weights of a checkpoint, and load no initial weights.

    Raises:
        InputError: no such file.
    """
    require_checkpoint(checkpoint)
    cfg.load_from = checkpoint
    cfg.resume = False
    cfg.model.backbone.init_cfg = None


def follow_checkpoint(cfg: Config, checkpoint: str) -> None:
    """Give a config the classes that a checkpoint was trained for, to predict without data.

    Raises:
        InputError: no such file.
    """
    require_checkpoint(checkpoint)
    if classes := trained_classes(Path(checkpoint)):
        follow_classes(cfg, list(leaf_datasets(cfg)), classes)
