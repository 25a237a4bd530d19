# PointRend: a coarse mask is refined at the points where it is least certain.
_base_ = [
    '../_base_/models/point-rend_lite0.py',
    '../_base_/datasets/lesion_256px.py',
    '../_base_/schedules/adamw_cosine.py',
    '../_base_/default_runtime.py',
]
