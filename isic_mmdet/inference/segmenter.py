"""A trained model behind one call: arrays in, lesions out."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmcv.transforms import Compose
from mmdet.registry import DATASETS, MODELS
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmengine.runner import load_checkpoint
from numpy.typing import NDArray

import isic_mmdet.register  # noqa: F401 - the config names what this registers
from isic_mmdet.errors import InputError
from isic_mmdet.experiment import leaf_datasets, load_config, set_checkpoint, use_tta
from isic_mmdet.inference.segmentation import Segmentation
from isic_mmdet.preflight import load_strictly


class LesionSegmenter:
    """Finds the lesion in images of any size.

    Three lines in a notebook::

        segmenter = LesionSegmenter('configs/isic2018_maskrcnn.py', 'best.pth')
        lesion = segmenter(np.asarray(Image.open('mole.jpg').convert('RGB')))
        plt.imshow(lesion.mask)

    Images are (H, W, 3) uint8, RGB, as Pillow, matplotlib and scikit-image have them; turn those
    of `cv2.imread` with `image[..., ::-1]`. The detection with the highest score is the lesion.
    The mask is the test's of `tools/test.py`, but for probabilities being told in steps of 1/255.

    Args:
        config: path of the config that the model was trained with.
        checkpoint: path of its weights; all of them have to be there and fit.
        device: such as 'cuda:1' or 'cpu'; None takes the GPU where there is one.
        tta: average over flips and sizes of the image, see `isic_mmdet.experiment.use_tta`.

    Attributes:
        classes: names that `Segmentation.label` can have.
        device: that the model runs on.

    Raises:
        InputError: no such config, checkpoint or device, or they do not fit together.
    """

    def __init__(
        self,
        config: str | Path,
        checkpoint: str | Path,
        device: str | torch.device | None = None,
        tta: bool = False,
    ) -> None:
        self.device = _device(device)
        cfg = load_config(config)
        set_checkpoint(cfg, str(checkpoint))
        if tta:
            use_tta(cfg)
        else:
            # A plain prediction is the average over one view.
            use_tta(cfg, flips=(None,), scales=(1.0,))
        init_default_scope(cfg.default_scope)
        (dataset,) = leaf_datasets(Config({'test_dataloader': cfg.test_dataloader}))
        # Not loaded: no file of the data set is looked at.
        built = DATASETS.build({**dataset, 'lazy_init': True})
        self.classes: tuple[str, ...] = tuple(built.metainfo['classes'])
        self._pipeline = Compose([dict(type='LoadImageFromNDArray'), *dataset.pipeline[1:]])
        model = MODELS.build(cfg.model)
        load_strictly(
            partial(load_checkpoint, model, str(checkpoint), map_location='cpu'),
            str(checkpoint),
            str(config),
            self.classes,
        )
        self._model = model.to(self.device).eval()

    def __call__(self, image: NDArray[np.uint8]) -> Segmentation:
        """Return the lesion of one image, (H, W, 3) uint8, RGB."""
        (lesion,) = self.batch([image])
        return lesion

    def batch(self, images: Sequence[NDArray[np.uint8]]) -> list[Segmentation]:
        """Return the lesions of images that go through the model together, in their order.

        Args:
            images: each (H, W, 3) uint8, RGB; the sizes may differ.

        Raises:
            ValueError: an array is of another type or shape.
        """
        return self.predict([self.prepare(image) for image in images]) if images else []

    def prepare(self, image: NDArray[np.uint8]) -> dict[str, Any]:
        """Return one image as the model wants it; may be called from several threads.

        Args:
            image: (H, W, 3) uint8, RGB.

        Raises:
            ValueError: the array is of another type or shape, or has a side so short that nothing
                is left of it at the size the model wants.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
            raise ValueError(
                f'expected an (H, W, 3) uint8 image, RGB, got {image.dtype} of {image.shape}'
            )
        try:
            return self._pipeline({'img': cv2.cvtColor(image, cv2.COLOR_RGB2BGR), 'img_id': 0})
        except cv2.error as error:
            height, width = image.shape[:2]
            raise ValueError(
                f'{width} x {height} pixels cannot be brought to the size the model wants'
            ) from error

    def predict(self, prepared: Sequence[dict[str, Any]]) -> list[Segmentation]:
        """Return the lesions of images from `prepare`, in their order."""
        with torch.inference_mode():
            samples = self._model.test_step(pseudo_collate(prepared))
        return [self._segmentation(sample) for sample in samples]

    def _segmentation(self, sample: DetDataSample) -> Segmentation:
        found = sample.pred_instances
        if len(found) == 0:
            shape = sample.ori_shape
            return Segmentation(np.zeros(shape, bool), np.zeros(shape, np.uint8), 0.0, None, None)
        x1, y1, x2, y2 = found.bboxes[0].tolist()
        return Segmentation(
            mask=found.masks[0].cpu().numpy(),
            levels=found.levels[0].cpu().numpy(),
            score=float(found.scores[0]),
            label=self.classes[int(found.labels[0])],
            box=(x1, y1, x2 - x1, y2 - y1),
        )


def _device(name: str | torch.device | None) -> torch.device:
    if name is None:
        return torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f'device {name} cannot be used ({reason}); try cpu') from error
    return device
