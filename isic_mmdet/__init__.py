"""Mask R-CNN on dermoscopic skin lesions of the ISIC challenges, with MMDetection.

Importing this package costs nothing and pulls in neither torch nor mmdet, so that the parts
that need neither (`challenge`, `metrics.core`, `synthetic`) start fast and run anywhere.
`import isic_mmdet.register` makes the data sets, metrics, hooks and models known to
MMDetection's registries; the project's configs do that themselves through `custom_imports`.
"""

__version__ = '0.1.0'
