"""Class layers that start from the filters of other classes.

When the classes of a checkpoint and of the model differ, the filters of a Mask R-CNN's box and mask
heads that still fit are kept. Every class of the model takes the filters of

1. the class of the same name in the checkpoint; else
2. the only class of the checkpoint; else
3. the mean of all classes, if the checkpoint was trained by this project, whose classes are all
   lesions.

If a class has none of these, as with the 80 classes of COCO, all class layers start from random
numbers: the mean of 80 kinds of things outlines none of them. Where a single class becomes K, the
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
    """Return class layers for a model made from those of a checkpoint.

    Args:
        weights: of the checkpoint, by the model's names.
        model: with `roi_head.bbox_head` and `roi_head.mask_head`; others get nothing.
        known: names of the checkpoint's classes, if it says so.
        wanted: names of the model's classes.
        lesions: whether all classes of the checkpoint are lesions.

    Returns:
        The tensors to load instead of the checkpoint's, by name; those that fit as they are, or
        for which there is no rule, are not among them.
    """
    own = model.state_dict()
    adapted = {}
    for layer, rows in _ROWS.items():
        for name in (f'roi_head.{layer}.weight', f'roi_head.{layer}.bias'):
            given, target = weights.get(name), own.get(name)
            if not isinstance(given, Tensor) or target is None:
                continue
            background = layer.endswith('fc_cls') and not _sigmoid(model)
            made = _made(given, target, rows, background, known, wanted, lesions)
            if made is not None:
                adapted[name] = made
    return adapted


def _sigmoid(model: nn.Module) -> bool:
    loss = getattr(model.get_submodule('roi_head.bbox_head'), 'loss_cls', None)
    return bool(getattr(loss, 'use_sigmoid', False))


def _made(
    given: Tensor,
    target: Tensor,
    rows: int,
    background: bool,
    known: Sequence[str] | None,
    wanted: Sequence[str],
    lesions: bool,
) -> Tensor | None:
    old, new = ((len(t) - background) // rows for t in (given, target))
    if given.shape[1:] != target.shape[1:] or old < 1:
        return None
    sources = _sources(old, new, known, wanted, lesions)
    if sources is None or sources == [[index] for index in range(old)]:
        return None
    # A class-agnostic layer has one set of filters, whatever the number of classes.
    classes = given[: old * rows].float().unflatten(0, (old, rows))
    parts = [classes[source].mean(0) for source in sources]
    if background:
        if given.ndim == 1 and old == 1:
            parts = [part - math.log(new) for part in parts]
        parts.append(given[old * rows :].float())
    return torch.cat(parts).to(given.dtype)


def _sources(
    old: int, new: int, known: Sequence[str] | None, wanted: Sequence[str], lesions: bool
) -> list[list[int]] | None:
    """Return which classes of a checkpoint each class starts from; None where there is no rule."""
    unnamed: list[str | None] = [None]
    old_names = list(known) if known is not None and len(known) == old else unnamed * old
    new_names = list(wanted) if len(wanted) == new else unnamed * new
    if old == new and set(old_names) != set(new_names):
        return None  # other names for as many classes: loaded as they are
    sources = []
    for name in new_names:
        if name is not None and name in old_names:
            sources.append([old_names.index(name)])
        elif old == new:
            return None
        elif old == 1:
            sources.append([0])
        elif lesions:
            sources.append(list(range(old)))
        else:
            return None
    return sources
