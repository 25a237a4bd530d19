"""Data samples for the tests of LesionMetric: predictions as a model returns them."""

from pathlib import Path

import cv2
import numpy as np
import torch
from mmengine.structures import BaseDataElement, InstanceData

HEIGHT, WIDTH = 24, 32


def box_mask(x0, x1, height=HEIGHT, width=WIDTH):
    """A mask of full height between two columns."""
    mask = np.zeros((height, width), bool)
    mask[:, x0:x1] = True
    return mask


def make_sample(
    folder, number, truth, masks=(), scores=(), labels=None, ori_shape=(HEIGHT, WIDTH), **meta
):
    """A data sample as the model returns it, with its official mask on disk."""
    name = f'ISIC_{number:07d}'
    path = Path(folder) / f'{name}_segmentation.png'
    cv2.imwrite(str(path), truth.astype(np.uint8) * 255)
    if not isinstance(masks, (list, torch.Tensor)) or not len(masks):
        masks = torch.zeros((0, *ori_shape), dtype=torch.bool)
    elif isinstance(masks[0], np.ndarray):
        masks = torch.from_numpy(np.stack(masks))
    found = InstanceData(
        bboxes=torch.zeros((len(masks), 4)),
        scores=torch.tensor(scores, dtype=torch.float32),
        labels=torch.tensor(labels or [0] * len(masks), dtype=torch.long),
        masks=masks,
    )
    sample = BaseDataElement(
        metainfo={
            'img_id': number,
            'isic_id': name,
            'ori_shape': ori_shape,
            'original_mask': str(path),
            'gt_label': 0,
        }
        | meta
    )
    sample.pred_instances = found
    return sample
