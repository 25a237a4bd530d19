# Mask Scoring R-CNN: a further head predicts the IoU of each mask, which multiplies its score.
_base_ = [
    '../_base_/models/mask-scoring-rcnn_lite0.py',
    '../_base_/datasets/lesion_256px.py',
    '../_base_/schedules/adamw_cosine.py',
    '../_base_/default_runtime.py',
]
