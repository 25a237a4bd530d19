"""Features of regions from the level of the pyramid that fits their size."""

from collections.abc import Sequence

import torch
from mmdet.models.roi_heads.roi_extractors import SingleRoIExtractor
from torch import Tensor

from isic_mmdet.compat.mmcv_ops import at_least_float32


def pool(extractor: SingleRoIExtractor, maps: Sequence[Tensor], regions: Tensor) -> Tensor:
    """Return (R, C, P, P) features, equal to those of the extractor.

    The extractor sorts the regions by level, and a GPU waits for their numbers. Here each level
    pools all of them, those of other levels as an empty box. With the default `sampling_ratio=0`
    an empty box has no samples and takes hardly any time.

    Args:
        extractor: its levels, size and number of samples are used.
        maps: (N, C, H, W), the levels of the pyramid.
        regions: (R, 5), index of the image and box in pixels.
    """
    layers = extractor.roi_layers
    regions = regions.type_as(maps[0])  # as the extractor does
    levels = extractor.map_roi_levels(regions, len(layers))[:, None]
    pooled = []
    # The last maps have no layer.
    for level, (layer, features) in enumerate(zip(layers, maps, strict=False)):
        other = levels != level
        of_level = roi_align(
            features,
            regions.masked_fill(other, 0),
            layer.output_size,
            layer.spatial_scale,
            layer.sampling_ratio,
            layer.aligned,
        )
        pooled.append(of_level.masked_fill(other[..., None, None], 0))
    return torch.stack(pooled).sum(0)


def roi_align(
    maps: Tensor,
    regions: Tensor,
    size: tuple[int, int],
    scale: float,
    sampling_ratio: int = 0,
    aligned: bool = True,
) -> Tensor:
    """Return `mmcv.ops.roi_align` of maps (N, C, H, W), by an operator that compiles."""
    kernel = torch.ops.torchvision.roi_align
    pooled = kernel(
        at_least_float32(maps),
        at_least_float32(regions),
        scale,
        *size,
        sampling_ratio,
        aligned,
    )
    return pooled.to(maps.dtype)
