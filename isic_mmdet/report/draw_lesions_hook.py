"""Images of a test: truth and prediction next to each other."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmdet.registry import HOOKS
from mmdet.structures import DetDataSample
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import Runner

from isic_mmdet.evaluation.image_row import image_row
from isic_mmdet.images.encoding import encode_jpeg
from isic_mmdet.masks.mask_files import read_mask
from isic_mmdet.report.panels import ScoredImage, diagnosis_panel, lesion_panel, read_image
from isic_mmdet.utils.files import write_atomically


@HOOKS.register_module()
class DrawLesionsHook(Hook):
    """Writes `<show_dir>/<isic_id>.jpg` for every tested image.

    The truth is the official mask file, the prediction is the detection with the highest score,
    and the IoU is that of `LesionMetric`. With several classes, boxes and classes are drawn too.
    In a distributed test each process writes its own images.

    Args:
        show_dir: folder for the images.
        limit: number of images that each process draws; None draws all.
    """

    def __init__(self, show_dir: str, limit: int | None = None) -> None:
        self.show_dir = Path(show_dir)
        self.limit = limit
        self._drawn = 0

    def before_test_epoch(self, runner: Runner) -> None:
        """Reset the count."""
        self._drawn = 0

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Sequence[DetDataSample] | None = None,
    ) -> None:
        """Draw the images of one batch; an image that cannot be read is an `InputError`."""
        classes = runner.test_loop.dataloader.dataset.metainfo['classes']
        left = None if self.limit is None else self.limit - self._drawn
        for sample in (outputs or ())[:left]:
            data = encode_jpeg(_panel(sample, classes)[..., ::-1])  # RGB
            # Samplers fill the last batch with an image that another process draws too.
            path = self.show_dir / f'{sample.isic_id}.jpg'
            write_atomically(path, data, writer=str(get_rank()))
            self._drawn += 1


def _panel(sample: DetDataSample, classes: Sequence[str]) -> np.ndarray:
    row = image_row(sample.to_dict(), classes)
    found = sample.pred_instances
    mask = box = None
    if row['detections']:
        top = int(found.scores.argmax())
        mask, box = (values[top].cpu().numpy() for values in (found.masks, found.bboxes))
    scored = ScoredImage(
        read_image(sample.img_path),
        read_mask(sample.original_mask),
        row['iou'],
        row['image_id'],
        row['label'],
        mask,
        row['score'],
        box,
        row['predicted_label'],
    )
    return lesion_panel(scored) if len(classes) == 1 else diagnosis_panel(scored)
