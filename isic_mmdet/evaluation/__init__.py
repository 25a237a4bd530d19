"""The ISIC challenge's scores, their files and tables.

`lesion_metric` and `coco_result_dump` are evaluators for MMDetection; the other modules need
neither torch nor mmdet.
"""
