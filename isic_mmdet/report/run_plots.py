"""The plots of a work dir, drawn from its files: after an evaluation, or again at any time.

Nothing here knows of a model: neither torch nor mmdet is needed.
"""

from pathlib import Path

from isic_mmdet.report.confusion import confusion_plot
from isic_mmdet.report.losses import loss_curves
from isic_mmdet.report.plots import iou_box_plot, training_curves
from isic_mmdet.report.results_table import read_reports


def draw_evaluation(work_dir: str | Path) -> list[Path]:
    """Draw the plots of an evaluation, from `metrics.json` and `per_image.csv`.

    Args:
        work_dir: folder of a test or of a run.

    Returns:
        The files written: `plots/iou_box.png`, and of two-class data
        `plots/confusion_matrix.png`.

    Raises:
        InputError: if one of the two is missing or damaged.
    """
    metrics, plots = Path(work_dir, 'metrics.json'), Path(work_dir, 'plots')
    written = [plots / 'iou_box.png']
    iou_box_plot(Path(work_dir, 'per_image.csv'), written[0])
    if 'confusion_matrix' in read_reports([metrics])[0]:
        written.append(plots / 'confusion_matrix.png')
        confusion_plot(metrics, written[1])
    return written


def draw_training(work_dir: str | Path) -> list[Path]:
    """Draw the plots of a training, from `scalars.json`.

    Args:
        work_dir: folder of a run.

    Returns:
        The files written, `plots/training_curves.png` and `plots/losses.png`; none where the
        folder holds no log, as that of a test.

    Raises:
        InputError: if the log is damaged or that of no training.
    """
    scalars, plots = Path(work_dir, 'scalars.json'), Path(work_dir, 'plots')
    if not scalars.is_file():
        return []
    written = [plots / 'training_curves.png', plots / 'losses.png']
    training_curves([scalars], written[0])
    loss_curves([scalars], written[1])
    return written
