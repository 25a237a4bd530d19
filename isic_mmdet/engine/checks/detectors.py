"""Which detectors can do what, judged by their configs before anything is built."""

from collections.abc import Iterator, Mapping, Sequence
from inspect import signature
from typing import Any

from mmdet.models.roi_heads.mask_heads import FCNMaskHead
from mmdet.registry import MODELS
from mmengine.config import Config

from isic_mmdet.engine.checks.loaders import type_name
from isic_mmdet.errors import InputError

# What needs the cells of the masks instead of masks of the whole image.
_CELLS_FOR = 'tools/predict.py, tools/serve.py, --tta and tools/export_onnx.py'


def mask_threshold(model: Mapping[str, Any]) -> float:
    """Return the probability above which a pixel belongs to the mask of a two-stage detector.

    Args:
        model: config of a detector whose masks can be taken as cells of their boxes, see
            `isic_mmdet.models.box_masks`.

    Raises:
        InputError: it is another kind of detector.
    """
    name = type_name(model)
    if not predicts_masks(model):
        raise InputError(f'{name} finds boxes and no masks; choose a config with a mask head')
    heads = [MODELS.get(type_name(head)) for head in _mask_heads(model)]
    settings = (model.get('test_cfg') or {}).get('rcnn') or {}
    fits = all(head is not None and issubclass(head, FCNMaskHead) for head in heads)
    if not (heads and fits and 'mask_thr_binary' in settings):
        raise InputError(
            f'{name} does not predict its masks as Mask R-CNN does (a roi_head whose mask_head is '
            f'an FCNMaskHead, and test_cfg.rcnn.mask_thr_binary), which {_CELLS_FOR} need; score '
            'it with tools/test.py without --tta, or choose such a config'
        )
    return float(settings['mask_thr_binary'])


def predicts_masks(model: Mapping[str, Any]) -> bool:
    """Return False for detectors that are certain to predict boxes alone."""
    if model.get('roi_head'):
        return bool(_mask_heads(model))
    parts = {key: value for key, value in model.items() if key not in _NO_PARTS}
    return any('mask' in word.lower() or 'panoptic' in word.lower() for word in _words(parts))


_NO_PARTS = {'data_preprocessor', 'train_cfg', 'test_cfg', 'init_cfg'}


def detector_errors(cfg: Config, loaders: Sequence[str]) -> list[str]:
    """Return why a detector cannot be trained or tested with a config, one line each.

    Args:
        cfg: a whole experiment.
        loaders: which of `train_dataloader`, `val_dataloader`, `test_dataloader` will be used.
    """
    model = cfg.model.get('module') or cfg.model
    name = type_name(model)
    errors = []
    if not predicts_masks(model):
        errors.append(
            f'{name} finds boxes and no masks, which are what is scored; choose a model with a '
            'mask head'
        )
    if 'train_dataloader' in loaders and 'semantic_head' in _words(model):
        errors.append(
            f'{name} has a semantic_head, which learns from segmentation maps that data sets of '
            'lesions do not have; remove it, or choose a config without one'
        )
    if 'train_dataloader' in loaders and name == 'YOLACT':
        errors.append(
            'YOLACT computes no losses of validation images, and stacks the anchors of images of '
            'different shapes; train another detector'
        )
    made, kept = _predictions_made(model), _predictions_kept(model)
    if made is not None and kept > made:
        errors.append(
            f'{name} makes {made} predictions for an image (queries times classes), but its '
            f'test_cfg keeps {kept}; keep at most {made}'
        )
    return errors + _padding_errors(cfg, loaders)


def _predictions_made(model: Mapping[str, Any]) -> int | None:
    """Return how many predictions a detector with queries makes; None for other detectors."""
    head, proposals = model.get('panoptic_head') or {}, model.get('rpn_head') or {}
    if 'num_queries' in head and 'num_things_classes' in head:
        return int(head['num_queries'] * head['num_things_classes'])
    box_heads = (model.get('roi_head') or {}).get('bbox_head')
    if 'num_proposals' in proposals and isinstance(box_heads, list):
        return int(proposals['num_proposals'] * box_heads[-1].get('num_classes', 80))
    return None


def _predictions_kept(model: Mapping[str, Any]) -> int:
    settings = model.get('test_cfg') or {}
    return (settings.get('rcnn') or settings).get('max_per_img') or settings.get('max_per_image', 0)


def _padding_errors(cfg: Config, loaders: Sequence[str]) -> list[str]:
    """Return what lets detectors that use whole images instead of RoIs fail in some batches."""
    model = cfg.model.get('module') or cfg.model
    if model.get('roi_head') or not predicts_masks(model):
        return []
    name, pixels = type_name(model), model.get('data_preprocessor') or {}
    unpadded = [
        loader
        for loader in loaders
        if not any('Pad' in word for word in _words([cfg.get(loader), pixels]))
    ]
    errors = []
    if 'train_dataloader' in unpadded and not pixels.get('pad_mask'):
        errors.append(
            f'{name} compares whole masks, which must be padded as their images are; set '
            'model.data_preprocessor.pad_mask=True'
        )
    divisor = pixels.get('pad_size_divisor', 1)
    # Its levels are enlarged twofold before they are joined.
    if unpadded and type_name(model.get('neck') or {}) == 'CSPNeXtPAFPN' and divisor % 32:
        errors.append(
            f'{name} takes images whose sides are multiples of 32; set '
            'model.data_preprocessor.pad_size_divisor=32'
        )
    return errors


def check_precisions(model: Mapping[str, Any]) -> None:
    """Return if a detector can compute in bfloat16.

    Raises:
        InputError: its class has no `precision`.
    """
    kind = MODELS.get(type_name(model))
    bases = () if kind is None else kind.__mro__
    if bases and not any('precision' in signature(base).parameters for base in bases[:-1]):
        raise InputError(
            f'--amp: {type_name(model)} has no precision to choose, as LesionMaskRCNN does; '
            'leave --amp out, or take the model of a config in configs/'
        )


def _mask_heads(model: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    heads = (model.get('roi_head') or {}).get('mask_head') or []
    return [heads] if isinstance(heads, Mapping) else heads


def _words(config: Any) -> Iterator[str]:
    """Yield all keys and class names of a config."""
    if isinstance(config, Mapping):
        for key, value in config.items():
            yield str(key)
            if key == 'type':
                yield type_name(config)
            yield from _words(value)
    elif isinstance(config, (list, tuple)):
        for value in config:
            yield from _words(value)
