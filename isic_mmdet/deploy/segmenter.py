"""Runs a checkpoint with torch and mmdet."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from mmdet.registry import DATASETS, MODELS
from mmdet.structures import DetDataSample
from mmengine.config import ConfigDict
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmengine.runner import load_checkpoint

from isic_mmdet.deploy.preparation import PipelinePreparation, Prepared
from isic_mmdet.deploy.segmentation import Segmentation, Segmenter
from isic_mmdet.engine.checks.detectors import (
    can_keep_one,
    mask_threshold,
    predicts_box_masks,
)
from isic_mmdet.engine.checks.preflight import load_strictly
from isic_mmdet.engine.config.data_sets import tested_dataset
from isic_mmdet.engine.config.load import load_config
from isic_mmdet.engine.config.parts import explained
from isic_mmdet.engine.config.run_options import use_amp, use_tta
from isic_mmdet.engine.config.run_state import follow_checkpoint, set_checkpoint
from isic_mmdet.engine.train.checkpoints import expected_iou_in, open_checkpoint
from isic_mmdet.errors import InputError
from isic_mmdet.images.frame import Frame
from isic_mmdet.masks.paste import BoxCells
from isic_mmdet.masks.views import ViewPrediction
from isic_mmdet.models.box_masks import return_box_masks
from isic_mmdet.models.lesion_mask_rcnn import prepare_for_prediction
from isic_mmdet.models.tta import best_detection, further_detections

# Detections that may belong to one lesion.
_DETECTIONS_OF_LESION = 5


class LesionSegmenter(Segmenter):
    """Finds the lesion in images of any size; see `OnnxSegmenter` for an example.

    The detection with the highest score is the lesion. Its mask is that of `tools/test.py`, except
    for pixels whose probability equals the threshold to six digits.

    Args:
        config: path of the config that the model was trained with; the classes are those of the
            checkpoint.
        checkpoint: path of its weights; all of them must exist and fit.
        device: such as 'cuda:1' or 'cpu'; None for a GPU if there is one.
        tta: average over flips of the image, see `isic_mmdet.engine.config.run_options.use_tta`.
        amp: compute in bfloat16, see `isic_mmdet.engine.config.run_options.use_amp`.
        max_lesions: largest number of lesions in an image, see
            `isic_mmdet.models.tta.further_detections`; above 1 not with `tta`.

    Attributes:
        device: of the model.

    Raises:
        InputError: config, checkpoint or device does not exist, or they do not fit together.
    """

    def __init__(
        self,
        config: str | Path,
        checkpoint: str | Path,
        device: str | torch.device | None = None,
        tta: bool = False,
        amp: bool = False,
        max_lesions: int = 1,
    ) -> None:
        self.device = _device(device)
        self.on_gpu = self.device.type != 'cpu'
        cfg = load_config(config)
        set_checkpoint(cfg, str(checkpoint))
        follow_checkpoint(cfg, str(checkpoint))
        model_cfg = cfg.model
        self.threshold = mask_threshold(model_cfg)
        self._max_lesions = max_lesions
        if amp:
            use_amp(cfg)
        if tta:
            use_tta(cfg)  # it needs the scores of all classes
        elif max_lesions > 1:
            _keep(model_cfg, max_lesions, config)
        elif can_keep_one(model_cfg):
            model_cfg.test_cfg.rcnn.max_per_img = 1
        init_default_scope(cfg.default_scope)
        dataset = tested_dataset(cfg)
        with explained(cfg, 'model', 'test_dataloader'):
            built = DATASETS.build({**dataset, 'lazy_init': True})  # reads no file
            model = MODELS.build(model_cfg)
            self.preparation = PipelinePreparation(
                dataset.pipeline,
                str(config),
                model.data_preprocessor.pad_size_divisor,
                predicts_box_masks(model_cfg),
            )
        self.classes = tuple(built.metainfo['classes'])
        return_box_masks(model)
        load = partial(load_checkpoint, model, str(checkpoint), map_location='cpu')
        load_strictly(load, str(checkpoint), str(config), self.classes)
        prepare_for_prediction(model.eval())
        self.calibration = expected_iou_in(open_checkpoint(Path(checkpoint)), checkpoint)
        self._model = model.to(self.device)

    def predict_batch(self, prepared: Sequence[Prepared]) -> list[Segmentation]:
        """See `Segmenter.predict_batch`."""
        views = zip(*(image.views for image in prepared), strict=True)
        with torch.inference_mode():
            # One batch per view: equal views in one batch may be rounded differently, and a
            # symmetric image would get a mask that is not symmetric.
            samples = [self._model.test_step(pseudo_collate(list(view))) for view in views]
            found = [[best_detection(sample) for sample in view] for view in samples]
        return [
            replace(
                self.merged([_in_full(each, image.frame) for each in of_image], image.frame),
                others=tuple(self._further(sample, image.frame)),
            )
            for of_image, sample, image in zip(
                zip(*found, strict=True), samples[0], prepared, strict=True
            )
        ]

    def _further(self, sample: DetDataSample, frame: Frame) -> Iterator[Segmentation]:
        for found in further_detections(sample, self._max_lesions - 1):
            yield self.merged([_in_full(found, frame)], frame)


def _in_full(found: ViewPrediction | None, frame: Frame) -> ViewPrediction | None:
    """Return a detection in pixels of the full image."""
    if found is None:
        return None
    return replace(found, view=BoxCells(found.view.cells, frame.to_full(found.view.box)))


def _keep(model: ConfigDict, number: int, config: str | Path) -> None:
    """Let a detector return enough detections for this number of lesions in an image.

    Detections of the same lesion share the number, so it is not the exact one.
    """
    test = model.get('test_cfg') or {}
    settings = test.get('rcnn', test)
    if 'max_per_img' not in settings:
        raise InputError(
            f'{config}: its model has no test_cfg with max_per_img, which --max-lesions needs; '
            'omit --max-lesions'
        )
    settings.max_per_img = max(settings.max_per_img, _DETECTIONS_OF_LESION * number)


def _device(name: str | torch.device | None) -> torch.device:
    if name is None:
        return torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0].partition('. ')[0]
        raise InputError(f'device {name} cannot be used ({reason}); try cpu') from error
    return device
