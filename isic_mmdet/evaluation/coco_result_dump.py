"""The detections of a split in one COCO result file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmdet.registry import METRICS
from mmengine.dist import all_gather_object, is_main_process
from mmengine.evaluator import BaseMetric

from isic_mmdet.masks.run_lengths import encode_run_lengths
from isic_mmdet.utils.files import write_json


@METRICS.register_module()
class CocoResultDump(BaseMetric):
    """Write every detection to a COCO result file: plain JSON that any tool reads.

    Each entry holds `image_id` (int), `isic_id` (str), `category` (class name), `bbox`
    (x, y, width, height in pixels of the prepared image), `score` in [0, 1] and `segmentation`
    (compressed run-length code of the mask, size of the prepared image). If the test set consists
    of several annotation files, `image_id` may not be unique; `isic_id` is.
    """

    def __init__(self, out_file: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.out_file = Path(out_file)

    def process(self, data_batch: dict[str, Any], data_samples: Sequence[dict[str, Any]]) -> None:
        """Keep the detections of a batch, masks as run-length codes."""
        for sample in data_samples:
            found = sample['pred_instances']
            boxes = found['bboxes'].cpu().numpy()
            entries = []
            for index, (x1, y1, x2, y2) in enumerate(boxes.tolist()):
                mask = found['masks'][index].cpu().numpy().astype(bool, copy=False)
                label = int(found['labels'][index])
                entries.append(
                    {
                        'image_id': int(sample['img_id']),
                        'isic_id': sample['isic_id'],
                        'category': self.dataset_meta['classes'][label],
                        'bbox': [x1, y1, x2 - x1, y2 - y1],
                        'score': float(found['scores'][index]),
                        'segmentation': {
                            'size': list(mask.shape),
                            'counts': encode_run_lengths(mask),
                        },
                    }
                )
            self.results.append(entries)

    def evaluate(self, size: int) -> dict[str, float]:
        """Gather the detections of all processes; the first process writes them.

        mmengine cuts the gathered list at `size` by position, which is wrong for other samplers.
        """
        gathered = [entries for part in all_gather_object(self.results) for entries in part]
        self.results.clear()
        return self.compute_metrics(gathered) if is_main_process() else {}

    def compute_metrics(self, results: list[list[dict[str, Any]]]) -> dict[str, float]:
        """Write the file and return no metrics."""
        # Padding repeats images. Only ISIC ids are unique: two annotation files may share numbers.
        by_image = {entries[0]['isic_id']: entries for entries in results if entries}
        images = sorted(by_image.values(), key=lambda entries: entries[0]['image_id'])
        write_json(self.out_file, [entry for entries in images for entry in entries])
        return {}
