"""Images with a square lesion each, and a model that predicts it shifted, without training."""

from pathlib import Path

import cv2
import numpy as np
import torch
from mmdet.structures import DetDataSample
from mmengine.model import BaseModel
from mmengine.structures import InstanceData
from torch.utils.data import Dataset

SHIFTS = (0, 4, 8, 12, None)  # of each image's prediction, in pixels; None: no detection
WEAK_SHIFT = 2  # of a second detection with a lower score


class Squares(Dataset):
    """Images of 60 x 80 with a square lesion each; the official masks are twice as large.

    Args:
        root: folder for the files.
        classes: of the data set.
        repeats: how often each of `SHIFTS` occurs.
    """

    def __init__(
        self, root: Path, classes: tuple[str, ...] = ('lesion',), repeats: int = 1
    ) -> None:
        self.metainfo = {'classes': classes}
        self.data_root = str(root)
        self.ann_file = str(root / 'annotations' / 'val.json')
        for folder in ('images', 'annotations'):
            (root / folder).mkdir(parents=True, exist_ok=True)
        Path(self.ann_file).write_text('{}')
        image = np.full((60, 80, 3), (150, 170, 220), np.uint8)
        image[20:40, 20:40] = (40, 60, 110)
        truth = np.zeros((120, 160), np.uint8)
        truth[40:80, 40:80] = 255
        self.samples = []
        for index, shift in enumerate(SHIFTS * repeats):
            name = f'ISIC_{9000000 + index}'
            paths = [str(root / 'images' / f'{name}{end}.png') for end in ('', '_segmentation')]
            for path, pixels in zip(paths, (image, truth), strict=True):
                cv2.imwrite(path, pixels)
            self.samples.append(
                {
                    'isic_id': name,
                    'img_path': paths[0],
                    'original_mask': paths[1],
                    'ori_shape': (60, 80),
                    'gt_label': len(classes) - 1,
                    'shift': shift,
                }
            )

    def __len__(self) -> int:
        return len(self.samples)

    def get_data_info(self, index: int) -> dict:
        return self.samples[index]

    def __getitem__(self, index: int) -> dict:
        sample = DetDataSample(metainfo=self.samples[index])
        return {'inputs': torch.zeros(1), 'data_samples': sample}


class ShiftedSquares(BaseModel):
    """Predicts each lesion shifted to the right by the `shift` of the sample.

    The larger the shift, the less confident is the mask.
    """

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))

    def forward(self, inputs, data_samples, mode='tensor'):
        if mode == 'loss':
            return {'loss_mask': (self.weight**2).sum(), 'loss_cls': (self.weight**4).sum()}
        for sample in data_samples:
            shifts = [] if sample.shift is None else [sample.shift, WEAK_SHIFT]
            masks = torch.zeros((len(shifts), 60, 80), dtype=torch.bool)
            for mask, shift in zip(masks, shifts, strict=True):
                mask[20:40, 20 + shift : 40 + shift] = True
            sample.pred_instances = InstanceData(
                bboxes=torch.zeros((len(shifts), 4)),
                scores=torch.tensor([0.75, 0.25][: len(shifts)]),
                labels=torch.zeros(len(shifts), dtype=torch.long),
                masks=masks,
                mask_confidences=torch.tensor([0.95 - shift / 30 for shift in shifts]),
            )
        return data_samples
