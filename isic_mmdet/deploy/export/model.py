"""Builds and loads the model of a config for export."""

from collections.abc import Iterator
from functools import partial

from mmdet.models.dense_heads import RPNHead
from mmdet.models.detectors import MaskRCNN
from mmdet.models.necks import FPN
from mmdet.models.roi_heads import StandardRoIHead
from mmdet.models.roi_heads.roi_extractors import SingleRoIExtractor
from mmdet.models.task_modules.coders import DeltaXYWHBBoxCoder
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import load_checkpoint
from torch import nn

from isic_mmdet.engine.checks.preflight import load_strictly
from isic_mmdet.engine.config.parts import explained
from isic_mmdet.engine.config.run_state import set_checkpoint
from isic_mmdet.errors import InputError
from isic_mmdet.models.batch_norm_fusion import fuse_batch_norms, fused

#: Stride of the coarsest level that the top-down path of the FPN starts from.
DIVISOR = 32
_PARTS: dict[str, type[nn.Module]] = {
    'neck': FPN,
    'rpn_head': RPNHead,
    'roi_head': StandardRoIHead,
    'roi_head.bbox_roi_extractor': SingleRoIExtractor,
    'roi_head.mask_roi_extractor': SingleRoIExtractor,
}


def load_model(cfg: Config, checkpoint: str, config: str, classes: tuple[str, ...]) -> MaskRCNN:
    """Return a model in evaluation mode, with batch norm folded into the convolutions.

    `cfg`, which was loaded from `config`, is changed.

    Raises:
        InputError: config and checkpoint do not fit together, or `LesionGraph` does not support
            the model.
    """
    set_checkpoint(cfg, checkpoint)
    init_default_scope(cfg.default_scope)
    with explained(cfg, 'model'):
        model = MODELS.build(cfg.model)
    errors = list(_unsupported(model))
    if errors:
        raise InputError(f'{config}: its model cannot be exported:', errors)
    load = partial(load_checkpoint, model, checkpoint, map_location='cpu')
    load_strictly(load, checkpoint, config, classes)
    model.eval()
    model.backbone = fused(model.backbone)
    for part in (model.neck, model.rpn_head, model.roi_head):
        fuse_batch_norms(part)
    # Sides are multiples of 32, so each level is exactly twice as large as the next. ONNX Runtime
    # is faster with a constant factor than with computed sizes.
    model.neck.upsample_cfg = dict(scale_factor=2, mode='nearest')
    return model


def _unsupported(model: MaskRCNN) -> Iterator[str]:
    """Yield the parts of a model that `LesionGraph` does not support."""
    parts = dict(model.named_modules())
    for name, kind in _PARTS.items():
        if not isinstance(part := parts.get(name), kind):
            yield f'{name}: {type(part).__name__} is not a {kind.__name__}'
            return
    for name, head in (('rpn_head', model.rpn_head), ('bbox_head', model.roi_head.bbox_head)):
        if type(head.bbox_coder) is not DeltaXYWHBBoxCoder or head.bbox_coder.add_ctr_clamp:
            yield f'{name}: its bbox_coder is not a plain DeltaXYWHBBoxCoder'
    proposals = model.rpn_head.test_cfg
    if set(proposals.nms) - {'type', 'iou_threshold'} or proposals.nms.get('type') != 'nms':
        yield f'test_cfg.rpn.nms: {dict(proposals.nms)}, but only type=nms is supported'
    if not model.rpn_head.use_sigmoid_cls or model.roi_head.bbox_head.custom_activation:
        yield 'scores must come from a sigmoid in rpn_head and a softmax in bbox_head'
    if model.roi_head.with_shared_head:
        yield 'roi_head: shared heads are not supported'
    pixels = model.data_preprocessor
    if pixels.pad_size_divisor % DIVISOR or pixels.pad_value or not pixels._enable_normalize:
        yield f'data_preprocessor: not normalized, or not padded with 0 to multiples of {DIVISOR}'
