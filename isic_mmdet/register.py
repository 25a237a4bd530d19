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
    transforms,
    wrapped,
)
from isic_mmdet.engine.hooks import (  # noqa: E402, F401
    expected_iou_hook,
    frozen_statistics_hook,
    resumption_hooks,
    staged_training_hook,
    validation_loss_hook,
)
from isic_mmdet.engine.train import checkpoints, loop  # noqa: E402, F401
from isic_mmdet.evaluation import coco_result_dump, lesion_metric  # noqa: E402, F401
from isic_mmdet.models import (  # noqa: E402, F401
    bce_jaccard_loss,
    coco_weights,
    crop_diagnosis,
    float32_heads,
    lesion_diagnosis,
    lesion_mask_rcnn,
    p3_fpn,
    rtmdet_ins_head,
    timm_backbone,
    tta,
    weight_sources,
)
from isic_mmdet.models.batched import roi_head, rpn_head  # noqa: E402, F401
from isic_mmdet.models.torchvision import anchors  # noqa: E402, F401
from isic_mmdet.report import (  # noqa: E402, F401
    before_after_hook,
    draw_lesions_hook,
    evaluation_report_hook,
)
from isic_mmdet.utils import exit_with_parent  # noqa: E402, F401
from isic_mmdet.utils.renamed import register_old_names  # noqa: E402

register_old_names()
