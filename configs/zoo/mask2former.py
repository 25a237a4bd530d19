# Mask2Former: a transformer decoder turns a few queries into masks of the complete image.
_base_ = [
    '../_base_/models/mask2former_lite0.py',
    '../_base_/datasets/lesion_256px.py',
    '../_base_/schedules/adamw_cosine.py',
    '../_base_/default_runtime.py',
]
