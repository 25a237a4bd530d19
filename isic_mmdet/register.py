"""Makes the project known to MMDetection: `import isic_mmdet.register` is all a user needs.

The compatibility layer goes first, because mmdet's models import mmcv's operators when they
are imported. Every config of the project imports this module through `custom_imports`.
"""

from isic_mmdet import compat

compat.install()

from isic_mmdet.datasets import lesion_dataset, transforms  # noqa: E402, F401
from isic_mmdet.hooks import draw_lesions_hook, iou_report_hook  # noqa: E402, F401
from isic_mmdet.metrics import lesion_metric, prediction_dump  # noqa: E402, F401
from isic_mmdet.models import lesion_tta  # noqa: E402, F401
