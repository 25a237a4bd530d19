"""Conversion of the weights of torchvision's `maskrcnn_resnet50_fpn` to mmdet's Mask R-CNN.

The converted weights fit `configs/_base_/models/mask-rcnn_r50_fpn_torchvision.py`. For K classes
torchvision counts K + 1: its class 0 is the background.
"""

import hashlib
import io
import re
from collections.abc import Mapping
from pathlib import Path
from textwrap import shorten
from typing import Any

import torch
from torch import Tensor
from torchvision.models.detection import maskrcnn_resnet50_fpn

from isic_mmdet.compat.checkpoint import load_from_local
from isic_mmdet.errors import InputError
from isic_mmdet.utils.files import write_atomically

WEIGHTS_URL = 'https://download.pytorch.org/models/maskrcnn_resnet50_fpn_coco-bf2d0c1e.pth'

_CLASS_SCORES = 'roi_heads.box_predictor.cls_score.weight'
_FC_CLS = 'roi_head.bbox_head.fc_cls.'
_FC_REG = 'roi_head.bbox_head.fc_reg.'
_CONV_LOGITS = 'roi_head.mask_head.conv_logits.'
# The COCO weights were trained without the epsilon of batch norm; mmdet adds this one.
_NORM_EPS = 1e-5
_RENAMES = {
    r'backbone\.body\.': 'backbone.',
    r'backbone\.fpn\.inner_blocks\.(\d)\.0\.': r'neck.lateral_convs.\1.conv.',
    r'backbone\.fpn\.layer_blocks\.(\d)\.0\.': r'neck.fpn_convs.\1.conv.',
    r'rpn\.head\.conv\.0\.0\.': 'rpn_head.rpn_conv.',
    r'rpn\.head\.cls_logits\.': 'rpn_head.rpn_cls.',
    r'rpn\.head\.bbox_pred\.': 'rpn_head.rpn_reg.',
    r'roi_heads\.box_head\.fc6\.': 'roi_head.bbox_head.shared_fcs.0.',
    r'roi_heads\.box_head\.fc7\.': 'roi_head.bbox_head.shared_fcs.1.',
    r'roi_heads\.box_predictor\.cls_score\.': _FC_CLS,
    r'roi_heads\.box_predictor\.bbox_pred\.': _FC_REG,
    r'roi_heads\.mask_head\.(\d)\.0\.': r'roi_head.mask_head.convs.\1.conv.',
    r'roi_heads\.mask_predictor\.conv5_mask\.': 'roi_head.mask_head.upsample.',
    r'roi_heads\.mask_predictor\.mask_fcn_logits\.': _CONV_LOGITS,
}


def convert_torchvision(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a state dict that mmdet's model loads strictly.

    - `fc_cls`, (K + 1, 1024): the background moves from the first row to the last.
    - `fc_reg`, (4 K, 1024): the four rows of the background are removed.
    - `conv_logits`, (K, 256, 1, 1): the channel of the background is removed.
    - Weights of batch norms grow by sqrt((variance + 1e-5) / variance): mmdet's norms add 1e-5 to
      the variance, torchvision's nothing, and some variances of the COCO file are near 1e-16.
    - `num_batches_tracked`, which a frozen batch norm lacks, is added as 0.

    Args:
        state_dict: of a `maskrcnn_resnet50_fpn`, with current names or the older ones of the
            published COCO file.

    Raises:
        InputError: names are missing or unknown, or shapes differ.
    """
    converted = {}
    for name, tensor in _with_current_names(state_dict).items():
        for pattern, replacement in _RENAMES.items():
            name = re.sub(f'^{pattern}', replacement, name)
        if name.startswith(_FC_CLS):
            tensor = torch.cat([tensor[1:], tensor[:1]])
        elif name.startswith(_FC_REG):
            tensor = tensor[4:].clone()  # a view would be saved with all rows
        elif name.startswith(_CONV_LOGITS):
            tensor = tensor[1:].clone()
        converted[name] = tensor
    for name, variance in converted.items():
        if name.endswith('.running_var'):
            weight = name.replace('running_var', 'weight')
            converted[weight] = converted[weight] * ((variance + _NORM_EPS) / variance).sqrt()
    return converted


def convert_file(source: str | Path, out: str | Path) -> int:
    """Convert the file of a state dict to a checkpoint that mmengine loads.

    Args:
        source: see `convert_torchvision`.
        out: checkpoint to write; its `meta` has the name and the SHA-256 of the source.

    Returns:
        K, the number of classes without the background.

    Raises:
        InputError: `source` is missing, damaged or something else, or `out` cannot be written.
    """
    source, out = Path(source), Path(out)
    if not source.is_file():
        raise InputError(f'{source}: no such file; get it from {WEIGHTS_URL}')
    if source.resolve() == out.resolve():
        raise InputError(f'{out} is the file to convert; give the result another name')
    loaded = load_from_local(str(source), map_location='cpu')
    try:
        converted = convert_torchvision(loaded)
    except InputError as error:
        raise InputError(f'{source}: {error}') from error
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    meta = {'source': source.name, 'source_sha256': digest}
    buffer = io.BytesIO()
    torch.save({'meta': meta, 'state_dict': converted}, buffer)
    try:
        write_atomically(out, buffer.getvalue())
    except OSError as error:
        raise InputError(f'{out} cannot be written: {error}') from error
    return len(converted[f'{_CONV_LOGITS}bias'])


def _with_current_names(state_dict: Any) -> dict[str, Tensor]:
    """Return the weights as torchvision's model loads them; it translates its older names."""
    if not isinstance(state_dict, Mapping) or not all(isinstance(key, str) for key in state_dict):
        raise InputError(
            f'a {type(state_dict).__name__} is not a state dict; save one with '
            'torch.save(model.state_dict(), FILE)'
        )
    scores = state_dict.get(_CLASS_SCORES)
    classes = len(scores) if isinstance(scores, Tensor) and scores.ndim else 91
    with torch.device('meta'):  # names and shapes only: nothing is initialized or copied
        model = maskrcnn_resnet50_fpn(weights=None, weights_backbone=None, num_classes=classes)
    try:
        # A plain dict has no version, so torchvision looks for names of all its releases.
        model.load_state_dict(dict(state_dict), assign=True)
    except RuntimeError as error:
        raise InputError(
            "these are not the weights of torchvision's maskrcnn_resnet50_fpn "
            f'(get them from {WEIGHTS_URL}):',
            # One line each for missing names, unknown names, and every wrong shape.
            [shorten(line, 500, placeholder=' ...') for line in str(error).splitlines()[1:]],
        ) from error
    return model.state_dict()
