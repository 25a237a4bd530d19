# Cascade Mask R-CNN: three box heads that refine each other's boxes, each with its own mask head.
_base_ = [
    '../_base_/models/cascade-mask-rcnn_lite0.py',
    '../_base_/datasets/lesion_256px.py',
    '../_base_/schedules/adamw_cosine.py',
    '../_base_/default_runtime.py',
]
