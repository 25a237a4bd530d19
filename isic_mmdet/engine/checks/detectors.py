"""Which detectors support which commands, decided by their configs before anything is built."""

from collections.abc import Iterator, Mapping, Sequence
from inspect import signature
from typing import Any

from mmdet.models.detectors import MaskRCNN
from mmdet.models.roi_heads.mask_heads import FCNMaskHead
from mmdet.registry import MODELS
from mmengine.config import Config

from isic_mmdet.engine.checks.loaders import type_name
from isic_mmdet.errors import InputError


def mask_threshold(model: Mapping[str, Any]) -> float:
    """Return the probability above which a pixel belongs to the lesion.

    Detectors that predict masks of the complete image apply their own threshold. The mean of such
    masks over views is the share of views with the pixel, and more than half of them decide.

    Args:
        model: config of a detector.

    Raises:
        InputError: it predicts no masks.
    """
    if not predicts_masks(model):
        raise InputError(
            f'{type_name(model)} predicts boxes and no masks; choose a config with a mask head'
        )
    settings = (model.get('test_cfg') or {}).get('rcnn') or {}
    return float(settings['mask_thr_binary']) if predicts_box_masks(model) else 0.5


def predicts_box_masks(model: Mapping[str, Any]) -> bool:
    """Return whether a detector predicts its masks in boxes, see `isic_mmdet.models.box_masks`."""
    heads = [MODELS.get(type_name(head)) for head in _mask_heads(model)]
    settings = (model.get('test_cfg') or {}).get('rcnn') or {}
    fits = all(head is not None and issubclass(head, FCNMaskHead) for head in heads)
    return bool(heads) and fits and 'mask_thr_binary' in settings


def can_keep_one(model: Mapping[str, Any]) -> bool:
    """Return whether a detector predicts the same best lesion if it keeps only that one.

    Mask Scoring R-CNN changes the scores after it has chosen the boxes, and QueryInst keeps as many
    as it has proposals.
    """
    is_fixed = 'mask_iou_head' in (model.get('roi_head') or {}) or _proposal_queries(model)
    return predicts_box_masks(model) and not is_fixed


def predicts_masks(model: Mapping[str, Any]) -> bool:
    """Return False for detectors that are certain to predict boxes alone."""
    if model.get('roi_head'):
        return bool(_mask_heads(model))
    settings = {'data_preprocessor', 'train_cfg', 'test_cfg', 'init_cfg'}
    parts = {key: value for key, value in model.items() if key not in settings}
    return any('mask' in word.lower() or 'panoptic' in word.lower() for word in _words(parts))


def detector_errors(cfg: Config, loaders: Sequence[str]) -> list[str]:
    """Return why a detector cannot be trained or tested with a config, one line each.

    Args:
        cfg: a complete config.
        loaders: which of `train_dataloader`, `val_dataloader`, `test_dataloader` will be used.
    """
    model = cfg.model.get('module') or cfg.model
    name, is_trained = type_name(model), 'train_dataloader' in loaders
    errors = []
    if not predicts_masks(model):
        errors.append(
            f'{name} predicts boxes and no masks, but masks are scored; choose a model with a mask '
            'head'
        )
    elif not model.get('roi_head'):
        errors += _padding_errors(cfg, model, loaders)
    if is_trained and 'semantic_head' in _words(model):
        errors.append(
            f'{name} has a semantic_head, which learns from segmentation maps that data sets of '
            'lesions do not have; remove it, or choose a config without one'
        )
    if is_trained and name == 'YOLACT':
        errors.append(
            'YOLACT computes no losses of validation images, and stacks the anchors of images of '
            'different shapes; train another detector'
        )
    made = _predictions_made(model)
    settings = model.get('test_cfg') or {}
    settings = settings.get('rcnn') or settings
    kept = settings.get('max_per_img') or settings.get('max_per_image', 0)
    queries = _proposal_queries(model)
    if queries and kept != queries:
        errors.append(
            f'{name} has {queries} proposals, and its masks can be predicted only if all of them '
            f'are kept; set model.test_cfg.rcnn.max_per_img={queries}'
        )
    elif made is not None and kept > made:
        errors.append(
            f'{name} makes {made} predictions for an image (queries times classes), but its '
            f'test_cfg keeps {kept}; keep at most {made}'
        )
    return errors


def _predictions_made(model: Mapping[str, Any]) -> int | None:
    """Return how many predictions a detector with queries makes; None for other detectors."""
    head = model.get('panoptic_head') or {}
    if 'num_queries' in head and 'num_things_classes' in head:
        return int(head['num_queries'] * head['num_things_classes'])
    return None


def _proposal_queries(model: Mapping[str, Any]) -> int:
    """Return the number of learned proposals of QueryInst and its like, 0 for other detectors."""
    return int((model.get('rpn_head') or {}).get('num_proposals', 0))


def _padding_errors(cfg: Config, model: Mapping[str, Any], loaders: Sequence[str]) -> Iterator[str]:
    """Yield why a detector with masks of complete images would fail in some batches."""
    name, pixels = type_name(model), model.get('data_preprocessor') or {}
    unpadded = [
        loader
        for loader in loaders
        if not any('Pad' in word for word in _words([cfg.get(loader), pixels]))
    ]
    if 'train_dataloader' in unpadded and not pixels.get('pad_mask'):
        yield (
            f'{name} compares masks of complete images, which need the padding of their images; '
            'set model.data_preprocessor.pad_mask=True'
        )
    # This neck enlarges its levels twofold before it joins them.
    is_doubling = type_name(model.get('neck')) == 'CSPNeXtPAFPN'
    if unpadded and is_doubling and pixels.get('pad_size_divisor', 1) % 32:
        yield (
            f'{name} takes images whose sides are multiples of 32; set '
            'model.data_preprocessor.pad_size_divisor=32'
        )


def check_precisions(model: Mapping[str, Any]) -> None:
    """Check that a detector can compute in bfloat16.

    Raises:
        InputError: its class has no `precision`.
    """
    kind = MODELS.get(type_name(model))
    bases = () if kind is None else kind.__mro__
    if bases and not any('precision' in signature(base).parameters for base in bases[:-1]):
        raise InputError(
            f'--amp: {type_name(model)} has no setting precision, as LesionMaskRCNN has; remove '
            '--amp. On a GPU, train in mixed precision with optim_wrapper.type=AmpOptimWrapper'
        )


def check_exportable(model: Mapping[str, Any]) -> None:
    """Check that a detector is of the one class that can be exported.

    Raises:
        InputError: it is not a Mask R-CNN.
    """
    kind = MODELS.get(type_name(model))
    if kind is not None and not issubclass(kind, MaskRCNN):
        raise InputError(
            f'{type_name(model)} is not a MaskRCNN, and only that is exported; run '
            'tools/predict.py or tools/serve.py with --config and --checkpoint'
        )


def _mask_heads(model: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    heads = (model.get('roi_head') or {}).get('mask_head') or []
    return [heads] if isinstance(heads, Mapping) else heads


def _words(config: Any) -> Iterator[str]:
    """Yield all keys and class names of a config."""
    if isinstance(config, Mapping):
        yield from (*map(str, config), type_name(config))
        config = list(config.values())
    if isinstance(config, (list, tuple)):
        for value in config:
            yield from _words(value)
