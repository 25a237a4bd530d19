"""Makes the project known to MMDetection: `import isic_mmdet.register` is all a user needs.

The compatibility layer goes first, because mmdet's models import mmcv's operators when they
are imported. Every config of the project imports this module through `custom_imports`.
"""

from isic_mmdet import compat

compat.install()

from isic_mmdet.datasets import (  # noqa: E402, F401
    collate,
    lesion_dataset,
    photometric,
    samplers,
    seeded,
    some_of,
    transforms,
    workers,
    wrapped,
)
from isic_mmdet.hooks import (  # noqa: E402, F401
    draw_lesions_hook,
    iou_report_hook,
    rate_ramp_hook,
    repeatable_steps_hook,
    resumption_hooks,
    staged_training_hook,
    validation_loss_hook,
)
from isic_mmdet.metrics import lesion_metric, prediction_dump  # noqa: E402, F401
from isic_mmdet.models import (  # noqa: E402, F401
    batched_roi_head,
    batched_rpn_head,
    coarse_fpn,
    jaccard_loss,
    lesion_diagnosis,
    lesion_heads,
    lesion_mask_rcnn,
    lesion_tta,
    torchvision_anchors,
)
from isic_mmdet.training import backend, loop, optim  # noqa: E402, F401
