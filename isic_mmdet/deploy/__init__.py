"""From images to masks, with a checkpoint or an exported model.

`segmenter` runs a checkpoint with torch and mmdet. `onnx_segmenter` runs an exported file without
them, and `shipped_model` finds the one that comes with the project. `export` writes such files, and
`predict` applies either model to folders of images.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from isic_mmdet.deploy.onnx_segmenter import OnnxSegmenter
    from isic_mmdet.deploy.segmenter import LesionSegmenter

__all__ = ['LesionSegmenter', 'OnnxSegmenter']


def __getattr__(name: str) -> Any:
    # Imported on access, because one needs torch and the other ONNX Runtime.
    if name not in __all__:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    module = 'segmenter' if name == 'LesionSegmenter' else 'onnx_segmenter'
    return getattr(import_module(f'{__name__}.{module}'), name)
