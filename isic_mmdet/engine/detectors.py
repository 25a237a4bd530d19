"""Which detectors can do what, judged by their configs before anything is built."""

from collections.abc import Iterator, Mapping, Sequence
from inspect import signature
from typing import Any

from mmdet.registry import MODELS

from isic_mmdet.engine.loaders import type_name
from isic_mmdet.errors import InputError

# What needs the cells of the masks instead of masks of the whole image.
_CELLS_FOR = 'tools/predict.py, tools/serve.py, --tta and tools/export_onnx.py'


def mask_threshold(model: Mapping[str, Any]) -> float:
    """Return the probability above which a pixel belongs to the mask of a two-stage detector.

    Args:
        model: config of a detector whose masks can be taken as cells of their boxes, see
            `isic_mmdet.compat.unpasted`.

    Raises:
        InputError: it is another kind of detector.
    """
    name = type_name(model)
    if not predicts_masks(model):
        raise InputError(f'{name} finds boxes and no masks; choose a config with a mask head')
    # Imported here: the light imports of a prediction have begun by then.
    from mmdet.models.roi_heads.mask_heads import FCNMaskHead

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
