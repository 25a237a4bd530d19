"""From images to masks at their own size: in Python with `LesionSegmenter`, by files for the tool.

The rest of the package, in the order in which an image passes through it: `run` (the whole of it,
as `tools/predict.py` calls it), `inputs` (which files), `processes` (who does which), `ahead`
(threads that work in front of the model), `reading` and `orientation` (pixels as a viewer shows
them, masks as they are stored), `folder` and `overlay` (what is written), `table` (what is done).
"""

from typing import TYPE_CHECKING, Any

from isic_mmdet.inference.segmentation import Segmentation

if TYPE_CHECKING:
    from isic_mmdet.inference.segmenter import LesionSegmenter

__all__ = ['LesionSegmenter', 'Segmentation']


def __getattr__(name: str) -> Any:
    # Only this name needs torch and mmdet; `isic_mmdet.runtime` uses the others without them.
    if name == 'LesionSegmenter':
        from isic_mmdet.inference.segmenter import LesionSegmenter

        return LesionSegmenter
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
