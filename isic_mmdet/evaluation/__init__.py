"""The ISIC challenge's scores.

`core` and `classification` (NumPy), `mask_io` (OpenCV) and `result_files` need neither torch nor
mmdet. `lesion_metric` is the evaluator for MMDetection; import it by its own name.
"""
