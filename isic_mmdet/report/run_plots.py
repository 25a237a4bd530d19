"""The plots in a work dir, drawn from its files after an evaluation or at any later time."""

from pathlib import Path

from isic_mmdet.errors import InputError
from isic_mmdet.evaluation.metrics_file import read_reports
from isic_mmdet.report.confusion import Confusion
from isic_mmdet.report.figures import (
    confusion_figure,
    iou_box_figure,
    loss_figure,
    save_figure,
    training_figure,
)
from isic_mmdet.report.run_files import continued, read_per_image, read_scalars


def draw_evaluation(work_dir: str | Path) -> list[Path]:
    """Draw `plots/iou_box.png` and, for data of several classes, `plots/confusion_matrix.png`.

    Args:
        work_dir: folder of a test or of a run, with `metrics.json` and `per_image.csv`.

    Returns:
        The files written.

    Raises:
        InputError: one of the two is missing or damaged.
    """
    folder = Path(work_dir)
    (report,) = read_reports([folder / 'metrics.json'])
    figures = {'iou_box.png': iou_box_figure(read_per_image(folder / 'per_image.csv'))}
    confusion = Confusion.of(report)
    if confusion is not None:
        figures['confusion_matrix.png'] = confusion_figure(confusion, report['metrics'])
    for name, figure in figures.items():
        save_figure(figure, folder / 'plots' / name)
    return [folder / 'plots' / name for name in figures]


def draw_training(work_dir: str | Path) -> list[Path]:
    """Draw `plots/training_curves.png` and `plots/losses.png`.

    Args:
        work_dir: folder of a run. Without a `scalars.json`, as in that of a test, nothing is
            drawn.

    Returns:
        The files written.

    Raises:
        InputError: the log is damaged, or not the log of a training.
    """
    scalars, plots = Path(work_dir, 'scalars.json'), Path(work_dir, 'plots')
    if not scalars.is_file():
        return []
    records = continued(read_scalars(scalars))
    curves, losses = training_figure(records), loss_figure(records)
    if curves is None or losses is None:
        raise InputError(f'{scalars}: has no losses; give the scalars.json of a training')
    written = [plots / 'training_curves.png', plots / 'losses.png']
    for figure, path in zip((curves, losses), written, strict=True):
        save_figure(figure, path)
    return written
