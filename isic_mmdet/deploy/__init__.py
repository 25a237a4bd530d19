"""From images to masks, with a checkpoint or an exported model.

`segmenter` runs a checkpoint with torch and mmdet. `onnx_segmenter` runs an exported file without
them. `export` writes such files, and `predict` applies either model to folders of images.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from isic_mmdet.deploy.onnx_segmenter import OnnxSegmenter
    from isic_mmdet.deploy.segmenter import LesionSegmenter

__all__ = ['LesionSegmenter', 'OnnxSegmenter']


def __getattr__(name: str) -> Any:
    # Imported on access, because one needs torch and the other ONNX Runtime.
    if name == 'LesionSegmenter':
        from isic_mmdet.deploy.segmenter import LesionSegmenter

        return LesionSegmenter
    if name == 'OnnxSegmenter':
        from isic_mmdet.deploy.onnx_segmenter import OnnxSegmenter

        return OnnxSegmenter
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
