"""From images to masks: with PyTorch, or with an exported model and neither torch nor mmdet.

`segmenter` runs a checkpoint, `onnx_segmenter` an exported file. `export` writes such files, and
`predict` applies either of them to folders of images.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from isic_mmdet.deploy.onnx_segmenter import OnnxSegmenter
    from isic_mmdet.deploy.segmenter import LesionSegmenter

__all__ = ['LesionSegmenter', 'OnnxSegmenter']


def __getattr__(name: str) -> Any:
    # Each is imported when it is used: one needs torch, the other ONNX Runtime.
    if name == 'LesionSegmenter':
        from isic_mmdet.deploy.segmenter import LesionSegmenter

        return LesionSegmenter
    if name == 'OnnxSegmenter':
        from isic_mmdet.deploy.onnx_segmenter import OnnxSegmenter

        return OnnxSegmenter
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
