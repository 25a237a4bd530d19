"""From torchvision's `maskrcnn_resnet50_fpn` to the names of mmdet's Mask R-CNN.

`configs/_base_/models/mask-rcnn_r50_fpn_torchvision.py` is the model that the converted weights
fit, with K classes where torchvision counts K + 1: the background is its class 0.
"""

import hashlib
import io
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
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
    """Rename weights for mmdet and put the background where mmdet has it.

    - `fc_cls`, (K + 1, 1024): the background moves from the first row to the last.
    - `fc_reg`, (4 K, 1024): without the four rows of the background.
    - `conv_logits`, (K, 256, 1, 1): without its channel.

    Everything else keeps its values. `num_batches_tracked`, which a frozen batch norm lacks, is
    added as 0.

    Args:
        state_dict: of a `maskrcnn_resnet50_fpn`, by today's names or by the older ones of the
            published COCO file.

    Returns:
        A state dict that mmdet's model loads strictly.

    Raises:
        InputError: names are missing or unknown, or shapes differ; all are listed.
    """
    return {
        _rename(name): _without_background(_rename(name), tensor)
        for name, tensor in _by_todays_names(state_dict).items()
    }


def convert_file(source: str | Path, out: str | Path) -> int:
    """Convert a downloaded or saved state dict to a checkpoint that mmengine loads.

    Args:
        source: file of a state dict; see `convert_torchvision`.
        out: checkpoint to write, with `state_dict`, and with the source's name and SHA-256 in
            `meta`.

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


def _by_todays_names(state_dict: Any) -> dict[str, Tensor]:
    """Return the weights as torchvision's own model reads them, which knows its older names."""
    if not isinstance(state_dict, Mapping) or not all(isinstance(key, str) for key in state_dict):
        raise InputError(
            f'a {type(state_dict).__name__} is not a state dict; save one with '
            'torch.save(model.state_dict(), FILE)'
        )
    scores = state_dict.get(_CLASS_SCORES)
    classes = len(scores) if isinstance(scores, Tensor) and scores.ndim else 91
    with torch.device('meta'):  # the names and shapes alone: nothing is drawn or copied
        model = maskrcnn_resnet50_fpn(weights=None, weights_backbone=None, num_classes=classes)
    try:
        # A plain dict has no version, so that torchvision looks for names of every age.
        model.load_state_dict(dict(state_dict), assign=True)
    except RuntimeError as error:
        raise InputError(
            "these are not the weights of torchvision's maskrcnn_resnet50_fpn "
            f'(get them from {WEIGHTS_URL}):',
            # The few that are too many say more about the file than the many that lack.
            sorted(_faults(str(error)), key=lambda fault: fault.startswith('missing')),
        ) from error
    return model.state_dict()


def _faults(message: str) -> Iterator[str]:
    """Yield the faults in the message of `load_state_dict`, one name each."""
    for line in message.splitlines()[1:]:
        kind, _, names = line.strip().partition(' key(s) in state_dict: ')
        if names:
            yield from (f'{kind.lower()}: {name}' for name in re.findall('"(.+?)"', names))
        else:
            yield line.strip()


def _rename(name: str) -> str:
    for pattern, replacement in _RENAMES.items():
        name = re.sub(f'^{pattern}', replacement, name)
    return name


def _without_background(name: str, tensor: Tensor) -> Tensor:
    """Return a tensor, by mmdet's name, with torchvision's class 0 moved or left out."""
    if name.startswith(_FC_CLS):
        return torch.cat([tensor[1:], tensor[:1]])
    if name.startswith(_FC_REG):
        return tensor[4:].clone()  # a view would be saved with the rows that it leaves out
    if name.startswith(_CONV_LOGITS):
        return tensor[1:].clone()
    return tensor
