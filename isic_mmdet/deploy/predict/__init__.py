"""Predicts folders of images: what `tools/predict.py` does.

In the order in which an image passes through it: `run` (the whole of it), `inputs` (which files),
`processes` (who does which), `folder` and `overlay` (what is written), `table` (what is done).
"""
