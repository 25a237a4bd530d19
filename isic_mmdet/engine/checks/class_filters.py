"""Class layers that start from the filters of other classes.

When the classes of a checkpoint and of the model differ, the filters of a Mask R-CNN's box and mask
heads that still fit are kept. Every class of the model takes the filters of

1. the class of the same name in the checkpoint; else
2. the only class of the checkpoint; else
3. the mean of all classes, if the checkpoint was trained by this project, whose classes are all
   lesions.

If a class has none of these, as with the 80 classes of COCO, all class layers start from random
numbers: the mean of 80 kinds of things outlines none of them. If a single class becomes K, the
scores of the K are lowered by log K, so that background stays as likely as it was.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

# Rows of a class in the weight and bias of each layer, by its name in mmdet's Mask R-CNN.
_ROWS = {'bbox_head.fc_cls': 1, 'bbox_head.fc_reg': 4, 'mask_head.conv_logits': 1}


def adapt_classes(
    weights: Mapping[str, Any],
    model: nn.Module,
    known: Sequence[str] | None,
    wanted: Sequence[str],
    lesions: bool,
) -> dict[str, Tensor]:
    """Return class layers for a model that are made from those of a checkpoint.

    Args:
        weights: of the checkpoint, by the model's names.
        model: with `roi_head.bbox_head` and `roi_head.mask_head`; others get nothing.
        known: names of the checkpoint's classes, if it records them.
        wanted: names of the model's classes.
        lesions: whether all classes of the checkpoint are lesions.

    Returns:
        The tensors that replace those of the checkpoint, by name. Layers that fit as they are, and
        layers without a rule, are not among them.
    """
    own = model.state_dict()
    adapted = {}
    for layer, rows in _ROWS.items():
        for name in (f'roi_head.{layer}.weight', f'roi_head.{layer}.bias'):
            given, target = weights.get(name), own.get(name)
            if not isinstance(given, Tensor) or target is None:
                continue
            if given.shape[1:] != target.shape[1:]:
                continue
            background = layer.endswith('fc_cls') and not _sigmoid(model)
            old, new = ((len(each) - background) // rows for each in (given, target))
            sources = _sources(old, new, known, wanted, lesions)
            if sources and sources != [[index] for index in range(old)]:
                adapted[name] = _made(given, sources, rows, background)
    return adapted


def _sigmoid(model: nn.Module) -> bool:
    loss = getattr(model.get_submodule('roi_head.bbox_head'), 'loss_cls', None)
    return bool(getattr(loss, 'use_sigmoid', False))


def _made(given: Tensor, sources: list[list[int]], rows: int, background: bool) -> Tensor:
    # A class-agnostic layer has one set of filters for any number of classes.
    old = (len(given) - background) // rows
    classes = given[: old * rows].float().unflatten(0, (old, rows))
    parts = [classes[source].mean(0) for source in sources]
    if background:
        if given.ndim == 1 and old == 1:
            parts = [part - math.log(len(sources)) for part in parts]
        parts.append(given[old * rows :].float())
    return torch.cat(parts).to(given.dtype)


def _sources(
    old: int, new: int, known: Sequence[str] | None, wanted: Sequence[str], lesions: bool
) -> list[list[int]]:
    """Return the checkpoint's classes from which each class starts; empty without a rule."""
    old_names = list(known) if known is not None and len(known) == old else []
    new_names = list(wanted) if len(wanted) == new else []
    if old < 1 or (old == new and not (old_names and set(old_names) == set(new_names))):
        return []  # as many classes with other names are loaded as they are
    rest = list(range(old))  # for a class that the checkpoint does not have
    if old > 1 and not lesions and not (new_names and set(new_names) <= set(old_names)):
        return []
    names = new_names or [''] * new
    return [[old_names.index(name)] if name in old_names else rest for name in names]
