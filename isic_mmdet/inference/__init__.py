"""From images to masks at their own size: in Python with `LesionSegmenter`, by files for the tool.

The rest of the package, in the order in which an image passes through it: `run` (the whole of it,
as `tools/predict.py` calls it), `inputs` (which files), `processes` (who does which), `ahead`
(threads that work in front of the model), `reading` and `orientation` (pixels as a viewer shows
them, masks as they are stored), `folder` and `overlay` (what is written), `table` (what is done).
"""

from isic_mmdet.inference.segmentation import Segmentation
from isic_mmdet.inference.segmenter import LesionSegmenter

__all__ = ['LesionSegmenter', 'Segmentation']
