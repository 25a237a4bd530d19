"""A trained model behind one call: arrays in, lesions out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmcv.transforms import Compose
from mmdet.registry import DATASETS, MODELS
from mmengine.config import ConfigDict
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmengine.runner import load_checkpoint
from numpy.typing import NDArray

from isic_mmdet.datasets.same_size_batches import batches_of_one_shape, padded_shape
from isic_mmdet.deploy.segmentation import Segmentation
from isic_mmdet.engine.checks.detectors import mask_threshold
from isic_mmdet.engine.checks.preflight import load_strictly
from isic_mmdet.engine.config.explained import explained
from isic_mmdet.engine.config.load import (
    load_config,
    set_checkpoint,
    tested_dataset,
    use_amp,
    use_tta,
)
from isic_mmdet.errors import InputError
from isic_mmdet.images.frame import Frame, reduction, shrunk_into
from isic_mmdet.masks.paste import BoxCells
from isic_mmdet.models.box_masks import return_box_masks
from isic_mmdet.models.lesion_mask_rcnn import prepare_for_prediction
from isic_mmdet.models.tta import ViewPrediction, best_detection, merge_views


@dataclass(frozen=True, eq=False)
class Prepared:
    """An image as the model wants it.

    Attributes:
        views: what the test pipeline made of it; with test-time augmentation several.
        shape: height and width of each view after padding, in pixels.
        frame: where the pixels that the views were made from lie in the image.
    """

    views: list[dict[str, Any]]
    shape: tuple[tuple[int, int], ...]
    frame: Frame


class LesionSegmenter:
    """Finds the lesion in images of any size.

    Three lines in a notebook::

        segmenter = LesionSegmenter('configs/isic2018_maskrcnn.py', 'best.pth')
        lesion = segmenter(np.asarray(Image.open('mole.jpg').convert('RGB')))
        plt.imshow(lesion.mask)

    Images are (H, W, 3) uint8, RGB, as Pillow, matplotlib and scikit-image have them; turn those
    of `cv2.imread` with `image[..., ::-1]`. The detection with the highest score is the lesion,
    and its mask that of `tools/test.py`, but for pixels whose probability is the threshold to six
    digits.

    The model predicts a mask as 28 x 28 cells, and no more than them is kept for a result. With
    test-time augmentation these are the cells of every view, averaged where they are asked for:
    `isic_mmdet.masks.paste` says how. So neither time nor memory in the model depends on the
    size of the image.

    Args:
        config: path of the config that the model was trained with.
        checkpoint: path of its weights; all of them have to be there and fit.
        device: such as 'cuda:1' or 'cpu'; None takes the GPU where there is one.
        tta: average over flips of the image, see `isic_mmdet.engine.config.load.use_tta`.
        amp: compute in bfloat16, see `isic_mmdet.engine.config.load.use_amp`.

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
        amp: bool = False,
    ) -> None:
        self.device = _device(device)
        cfg = load_config(config)
        set_checkpoint(cfg, str(checkpoint))
        model_cfg = cfg.model
        self._threshold = mask_threshold(model_cfg)
        if amp:
            use_amp(cfg)
        if tta:
            use_tta(cfg)  # every view has a say on every class
        elif 'mask_iou_head' not in model_cfg.roi_head:
            # Mask Scoring R-CNN changes the order of the scores after it has chosen the boxes.
            model_cfg.test_cfg.rcnn.max_per_img = 1
        init_default_scope(cfg.default_scope)
        dataset = tested_dataset(cfg)
        # Not loaded: no file of the data set is looked at.
        steps = array_pipeline(dataset.pipeline, str(config))
        with explained(cfg, 'model', 'test_dataloader'):
            built = DATASETS.build({**dataset, 'lazy_init': True})
            pipeline = Compose(steps)
            model = MODELS.build(model_cfg)
        self.classes: tuple[str, ...] = tuple(built.metainfo['classes'])
        self._pipeline = pipeline
        self._sizes = list(_sizes(dataset.pipeline))
        return_box_masks(model)
        load_strictly(
            partial(load_checkpoint, model, str(checkpoint), map_location='cpu'),
            str(checkpoint),
            str(config),
            self.classes,
        )
        prepare_for_prediction(model)
        self._divisor: int = model.data_preprocessor.pad_size_divisor
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

    def reduction(self, height: int, width: int) -> int:
        """Return how many pixels along each side may be read as one without loss for the model.

        Args:
            height: of an image in pixels, upright or on its side.
            width: likewise.

        Returns:
            At least 1.
        """
        if not self._sizes:
            return 1
        return reduction(min(_shrunk(size, height, width) for size in self._sizes))

    def prepare(self, image: NDArray[np.uint8], frame: Frame | None = None) -> Prepared:
        """Return one image as the model wants it; may be called from several threads.

        Args:
            image: (h, w, 3) uint8, RGB.
            frame: where its pixels lie in the image that the lesion is wanted of; None where
                it is that image.

        Raises:
            ValueError: the array is of another type or shape, or has a side so short that nothing
                is left of it at the size the model wants.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
            raise ValueError(
                f'expected an (H, W, 3) uint8 image, RGB, got {image.dtype} of {image.shape}'
            )
        height, width = image.shape[:2]
        try:
            inputs = self._pipeline(
                {
                    'img': cv2.cvtColor(image, cv2.COLOR_RGB2BGR),
                    'img_id': 0,
                    'scale_factor': (1.0, 1.0),  # what stays without a Resize
                }
            )
        except cv2.error as error:
            raise ValueError(
                f'{width} x {height} pixels cannot be brought to the size the model wants'
            ) from error
        views = _views(inputs)
        shape = tuple(padded_shape(view['inputs'].shape[-2:], self._divisor) for view in views)
        return Prepared(views, shape, frame or Frame((height, width)))

    def predict(self, prepared: Sequence[Prepared]) -> list[Segmentation]:
        """Return the lesions of images from `prepare`, in their order.

        Only images that are padded alike go through the model together, so that none depends on
        the others.
        """
        found: dict[int, Segmentation] = {}
        for batch in batches_of_one_shape(
            range(len(prepared)), lambda index: prepared[index].shape, None
        ):
            lesions = self._predict([prepared[index] for index in batch])
            found |= dict(zip(batch, lesions, strict=True))
        return [found[index] for index in range(len(prepared))]

    def _predict(self, prepared: Sequence[Prepared]) -> list[Segmentation]:
        """Return the lesions of images of one padded shape."""
        views = zip(*(image.views for image in prepared), strict=True)
        with torch.inference_mode():
            # View by view, so that those of an image never meet in a batch: there, equal ones
            # could round otherwise, and a symmetric image lose its symmetry.
            samples = [self._model.test_step(pseudo_collate(list(view))) for view in views]
            found = [[best_detection(sample) for sample in view] for view in samples]
        return [
            self._segmentation(of_image, image.frame)
            for of_image, image in zip(zip(*found, strict=True), prepared, strict=True)
        ]

    def _segmentation(self, found: Sequence[ViewPrediction | None], frame: Frame) -> Segmentation:
        predictions = [
            replace(each, view=BoxCells(each.view.cells, frame.to_full(each.view.box)))
            for each in found
            if each is not None
        ]
        merged = merge_views(predictions, len(found))
        if merged is None:
            score, label, box = 0.0, None, None
        else:
            score, label, box = merged.score, self.classes[merged.label], frame.inside(merged.box)
        views = tuple(prediction.view for prediction in predictions)
        return Segmentation(frame.shape, views, len(found), self._threshold, score, label, box)


def array_pipeline(pipeline: Sequence[ConfigDict], config: str) -> list[dict[str, Any]]:
    """Return a test pipeline that starts with an array instead of a file, and without a truth.

    Raises:
        InputError: it does not load an image file.
    """
    steps = [step for step in pipeline if step.type != 'LoadAnnotations']
    if 'LoadImageFromFile' not in [step.type for step in steps]:
        raise InputError(
            f'{config}: its test pipeline has no LoadImageFromFile, which is replaced to predict '
            'images that are in memory; let it begin with one'
        )
    return [
        {**step, 'type': 'LoadImageFromNDArray'} if step.type == 'LoadImageFromFile' else step
        for step in steps
    ]


def _views(inputs: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the views that `TestTimeAug` has made, or the only one there is."""
    if not isinstance(inputs['inputs'], list):
        return [inputs]
    return [dict(zip(inputs, view, strict=True)) for view in zip(*inputs.values(), strict=True)]


def _sizes(pipeline: Sequence[ConfigDict]) -> Iterator[ConfigDict]:
    """Yield every `Resize` with a scale in a pipeline, those of test-time augmentation too."""
    for step in pipeline:
        if step.type == 'Resize' and step.get('scale'):
            yield step
        for branch in step.get('transforms', ()):
            yield from _sizes(branch)


def _shrunk(size: ConfigDict, height: int, width: int) -> float:
    """Return how many pixels of an image, along its less reduced side, a `Resize` makes one of."""
    scale = size.scale if isinstance(size.scale, (tuple, list)) else (size.scale, size.scale)
    if size.get('keep_ratio'):
        return shrunk_into(height, width, scale)
    return min(height, width) / max(scale)


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
