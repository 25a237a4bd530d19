"""Predicts folders of images, for `tools/predict.py`.

`run` is the entry. An image passes through `inputs` and `mask_names` (which files, which names),
`processes` (which process), `folder` (read, predict), `outputs` (write) and `table` (record).
"""
