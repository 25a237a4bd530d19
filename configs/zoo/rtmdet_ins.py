# RTMDet-Ins: no proposals; every position predicts a box and the weights of a small mask network.
_base_ = [
    '../_base_/models/rtmdet-ins_lite0.py',
    '../_base_/datasets/lesion_256px.py',
    '../_base_/schedules/adamw_cosine.py',
    '../_base_/default_runtime.py',
]
