"""The plots in a work dir, drawn from its files after an evaluation or at any later time."""

from pathlib import Path

from isic_mmdet.errors import InputError
from isic_mmdet.report.confusion import Confusion
from isic_mmdet.report.figures import (
    confusion_figure,
    iou_box_figure,
    loss_figure,
    save_figure,
    training_figure,
)
from isic_mmdet.report.run_files import read_evaluation, read_log


def draw_evaluation(work_dir: str | Path) -> list[Path]:
    """Draw `plots/iou_box.png`, and of several classes `plots/confusion_matrix.png`.

    Returns:
        The files written.
    """
    report, rows = read_evaluation(work_dir)
    plots = Path(work_dir, 'plots')
    written = [save_figure(iou_box_figure(rows), plots / 'iou_box.png')]
    if confusion := Confusion.of(report):
        figure = confusion_figure(confusion, report['metrics'])
        written.append(save_figure(figure, plots / 'confusion_matrix.png'))
    return written


def draw_training(work_dir: str | Path) -> list[Path]:
    """Draw `plots/training_curves.png` and `plots/losses.png`; nothing without `scalars.json`.

    Raises:
        InputError: the log is damaged, or not the log of a training.
    """
    path = Path(work_dir, 'scalars.json')
    if not path.is_file():
        return []
    log = read_log(path)
    curves, losses = training_figure(log), loss_figure(log)
    if curves is None or losses is None:
        raise InputError(f'{path}: has no losses; give the scalars.json of a training')
    drawn = {'training_curves': curves, 'losses': losses}
    return [
        save_figure(figure, path.with_name('plots') / f'{name}.png')
        for name, figure in drawn.items()
    ]
