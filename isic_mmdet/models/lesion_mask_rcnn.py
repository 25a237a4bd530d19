"""Mask R-CNN with a choice of precision, and its preparation for prediction."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
from mmdet.models.detectors import MaskRCNN
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData
from torch import Tensor, nn

from isic_mmdet.models.batch_norm_fusion import fused
from isic_mmdet.models.batched.roi_head import BatchedRoIHead, BestRegions
from isic_mmdet.models.batched.rpn_head import BatchedRPNHead
from isic_mmdet.models.batched.truth import Truth, collect, sides

PRECISIONS = ('float32', 'bfloat16')
# A minute to compile for each, and memory of its own.
_MOST_COMPILED = 4


@MODELS.register_module()
class LesionMaskRCNN(MaskRCNN):
    """mmdet's Mask R-CNN with a choice of precision.

    In bfloat16 the convolutions run under `torch.autocast`; weights, losses, boxes and scores stay
    in float32. bfloat16 has the exponent of float32, so losses need no scaling. Images have their
    channels last in memory, which is faster for the convolutions of CPUs and tensor cores, and
    every feature map keeps that order.

    The heads have to be (subclasses of) `Float32RPNHead`, `Float32BBoxHead` and
    `StripPasteMaskHead`.

    Args:
        precision: one of `PRECISIONS`.
        compiled: compile the training step of batched heads for the first four sizes of batches;
            others are trained uncompiled. On a GPU each is one CUDA graph.
        **kwargs: of `mmdet.models.detectors.MaskRCNN`.

    Raises:
        ValueError: `precision` is unknown, or the heads cannot be compiled.
    """

    def __init__(self, precision: str = 'float32', compiled: bool = False, **kwargs: Any) -> None:
        if precision not in PRECISIONS:
            raise ValueError(f'precision {precision!r}: choose from {", ".join(PRECISIONS)}')
        super().__init__(**kwargs)
        self.precision = precision
        if compiled and not (self._has_batched_heads and self.roi_head.mask_regions_are_fixed):
            raise ValueError(
                'compiled=True needs BatchedRPNHead and BatchedRoIHead, BCEJaccardLoss, and no '
                'batch norm in the mask head: remove compiled, or use the model of '
                'configs/isic2018_maskrcnn.py'
            )
        self.compiled = compiled
        self._compiled_sizes: set[tuple[int, ...]] = set()

    def forward(self, inputs: Tensor, *args: Any, **kwargs: Any) -> Any:
        """Return losses, predictions or feature maps, as `mmdet.models.BaseDetector.forward`.

        Args:
            inputs: (N, 3, H, W) float32, normalized and padded to a common size.
            *args: data samples and mode.
            **kwargs: the same by name.
        """
        in_bfloat16 = self.precision == 'bfloat16'
        with torch.autocast(inputs.device.type, torch.bfloat16, enabled=in_bfloat16):
            inputs = inputs.contiguous(memory_format=torch.channels_last)
            return super().forward(inputs, *args, **kwargs)

    def loss(
        self, batch_inputs: Tensor, batch_data_samples: Sequence[DetDataSample]
    ) -> dict[str, Tensor]:
        """Return the losses; batched heads compute them for all images at once."""
        if not self._has_batched_heads:
            return super().loss(batch_inputs, batch_data_samples)
        truth = collect(batch_data_samples, batch_inputs.device)
        if self._is_compiled_for(batch_inputs, truth):
            torch.compiler.cudagraph_mark_step_begin()
            return compiled_batch_loss()(self, batch_inputs, truth)
        return self.batch_loss(batch_inputs, truth)

    def _is_compiled_for(self, inputs: Tensor, truth: Truth) -> bool:
        if not (self.compiled and self.training and torch.is_grad_enabled()):
            return False
        size = (*inputs.shape, *truth.boxes.shape)
        if len(self._compiled_sizes) < _MOST_COMPILED:
            self._compiled_sizes.add(size)
        return size in self._compiled_sizes

    def batch_loss(self, inputs: Tensor, truth: Truth) -> dict[str, Tensor]:
        """Return the losses of batched heads.

        Shapes depend on the size of the images and on the padded number of lesions only, and no
        operation waits for the device, so that `torch.compile` and a CUDA graph cover all of it;
        `BatchedRoIHead` names the exceptions.

        Args:
            inputs: (N, 3, H, W) float32, normalized and padded to a common size.
            truth: of the N images.
        """
        maps = self.extract_feat(inputs)
        rules = self.train_cfg.get('rpn_proposal', self.test_cfg.rpn)
        losses, proposals, real = self.rpn_head.batch_loss(maps, truth, rules)
        return losses | self.roi_head.batch_loss(maps, proposals, real, truth)

    def predict(
        self, batch_inputs: Tensor, batch_data_samples: list[DetDataSample], rescale: bool = True
    ) -> list[DetDataSample]:
        """Return the samples with predictions, as mmdet's method does.

        Batched heads that keep one detection of an image find it in fixed shapes, and one copy
        takes those of a batch to the CPU, where the predictions stay. Image by image, mmdet waits
        for the device several times.
        """
        rules = self.test_cfg.rcnn
        if not self._has_batched_heads or rules.get('max_per_img') != 1:
            return super().predict(batch_inputs, batch_data_samples, rescale)
        sizes = sides([sample.img_shape for sample in batch_data_samples], batch_inputs.device)
        boxes, scores, labels, masks = _on_cpu(self.batch_predict(batch_inputs, sizes))
        found = [
            InstanceData(
                bboxes=boxes[image : image + kept],
                scores=scores[image : image + kept],
                labels=labels[image : image + kept],
            )
            for image, kept in enumerate((scores > rules.score_thr).tolist())
        ]
        results = self.roi_head.mask_head.predict_by_feat(
            [masks[image : image + len(instances)] for image, instances in enumerate(found)],
            found,
            [sample.metainfo for sample in batch_data_samples],
            rules,
            rescale=rescale,
        )
        samples: list[DetDataSample] = self.add_pred_to_datasample(batch_data_samples, results)
        return samples

    def batch_predict(self, inputs: Tensor, sizes: Tensor) -> BestRegions:
        """Return the best detection of each image; only for batched heads.

        As in `batch_loss`, shapes are fixed and no operation waits for the device.

        Args:
            inputs: (N, 3, H, W) float32, normalized and padded to a common size.
            sizes: (N, 2) float32, width and height of the images before the padding.
        """
        maps = self.extract_feat(inputs)
        proposals, real = self.rpn_head.batch_predict(maps, sizes)
        return self.roi_head.best_regions(maps, proposals, real, sizes)

    @property
    def _has_batched_heads(self) -> bool:
        return isinstance(self.rpn_head, BatchedRPNHead) and isinstance(
            self.roi_head, BatchedRoIHead
        )


@cache
def compiled_batch_loss() -> Callable[..., dict[str, Tensor]]:
    """Return a compiled `LesionMaskRCNN.batch_loss`, which draws the same random numbers."""
    options: dict[str, Any] = {'triton.cudagraphs': True, 'fallback_random': True}
    return torch.compile(LesionMaskRCNN.batch_loss, fullgraph=True, dynamic=False, options=options)


def _on_cpu(found: BestRegions) -> BestRegions:
    """Copy detections to the CPU at once; each of several copies would wait for the device."""
    boxes, scores, labels, masks = found
    # float32 holds every label exactly.
    columns = [boxes, scores[:, None], labels[:, None].float(), masks.flatten(1)]
    boxes, scores, labels, cells = torch.cat(columns, 1).cpu().split([4, 1, 1, masks[0].numel()], 1)
    return BestRegions(
        boxes, scores[:, 0], labels[:, 0].long(), cells.unflatten(1, masks.shape[1:])
    )


def prepare_for_prediction(model: nn.Module) -> None:
    """Switch to evaluation, fold batch norms into convolutions, and cast their weights once.

    In bfloat16 `torch.autocast` would cast them in every call. The predictions are the same up to
    rounding. The model cannot be trained afterwards.

    Args:
        model: a detector of mmdet in evaluation mode with its final weights; changed in place.
    """
    model.eval()
    for module in list(model.modules()):
        if isinstance(backbone := getattr(module, 'backbone', None), nn.Module):
            module.backbone = fused(backbone)
    if isinstance(model, LesionMaskRCNN) and model.precision == 'bfloat16':
        for module in model.modules():
            if isinstance(module, nn.Conv2d):
                module.to(torch.bfloat16)
