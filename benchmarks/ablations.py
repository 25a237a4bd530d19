"""What the ablations asked, which run answers it, and what follows."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from isic_mmdet.report.markdown import markdown_table


class Ablation(NamedTuple):
    """A question, and two files of `benchmarks/results/ablations/` that differ in one choice."""

    question: str
    result: str
    baseline: str
    conclusion: str
    options: str = ''  # on the command line, in addition to the template of the page


_LR = 'optim_wrapper.optimizer.lr=4e-4'
_BOX_P3 = 'model.roi_head.bbox_roi_extractor.finest_scale=256'
_HALF = 'train_cfg.max_epochs=16 train_dataloader.dataset.ann_file=annotations/train_half.json'

ABLATIONS = (
    Ablation(
        'AdamW (2e-4, weight decay 0.05) instead of SGD (0.01)?',
        'adamw',
        'sgd',
        '**Yes.** Only stem and three stages have pretrained weights; AdamW adapts the step size '
        'to the random layers.',
    ),
    Ablation('Batch norm in pyramid and mask head, with SGD?', 'sgd_bn', 'sgd', 'No gain.'),
    Ablation(
        'The same with AdamW?',
        'adamw_bn',
        'adamw',
        '**Yes**: it costs nothing, because prediction folds it into the convolutions.',
    ),
    Ablation(
        'A rate of 4e-4?',
        'adamw_bn_lr4',
        'adamw_bn',
        'As good. Two processes of 4 images use it: the rate follows the batch size.',
        _LR,
    ),
    Ablation(
        'Masks from P3?',
        'mask_p3',
        'adamw_bn',
        '**Yes**, at no cost. mmdet assigns a lesion of 130 px to P4, with 8 cells of 16 px for '
        'the 28 cells of its mask; P3 has 16.',
    ),
    Ablation('Boxes from P3, too?', 'mask_and_box_p3', 'mask_p3', 'No gain.', _BOX_P3),
    Ablation(
        'Masks of 56 x 56 cells instead of 28 x 28?',
        'mask_p3_56',
        'mask_p3',
        'No: 1.6 times the time. A true mask reduced to 28 x 28 cells and enlarged again has an '
        'IoU of 0.984, so the grid is not the limit.',
    ),
    Ablation(
        'Crops of 70 to 100 % of each side, and all eight orientations?',
        'crops',
        'mask_p3',
        '**Yes**, for long trainings: without them 16 epochs reach 0.882 on training images and '
        '0.838 on validation images. In two epochs they cost a little.',
    ),
    Ablation(
        'The Jaccard index in the mask loss (`BCEJaccardLoss`)?',
        'jaccard',
        'crops',
        '**Yes**: 0.002 to 0.005 in three comparisons, at no cost. This is the recipe; another run '
        'with other rounding has 0.826.',
    ),
    Ablation(
        'Group norm instead of batch norm?', 'gn', 'jaccard', 'No: prediction cannot fold it away.'
    ),
    Ablation(
        'Multiply the score by a predicted IoU (Mask Scoring R-CNN)?',
        'mask_iou',
        'jaccard',
        'No: a fifth slower.',
    ),
    Ablation(
        'A moving average of the weights, over about 200 steps?',
        'ema',
        'jaccard',
        'No. The rate ends at zero, so there is little noise to average.',
    ),
    Ablation(
        'No fourth stage, the one without pretrained weights?',
        'no_layer4',
        'jaccard',
        'No, though it takes three quarters of the time.',
    ),
    Ablation('Train stem and first stage as well?', 'unfrozen', 'jaccard', 'No: a sixth slower.'),
    Ablation('64 sampled RoIs per image instead of 32?', 'rois', 'jaccard', 'No gain.'),
    Ablation('Box losses of double weight?', 'box_weight', 'jaccard', 'No gain.'),
    Ablation(
        "mmdet's copy-paste, in half of the images?",
        'copy_paste',
        'jaccard',
        'No. (The time is that of a run next to another training.)',
    ),
    Ablation(
        'A random size of 192 to 320 px for each image?',
        'multi_scale',
        'jaccard',
        'No: a fifth slower.',
    ),
    Ablation(
        'A warm-up of 400 steps instead of 200?',
        'warmup',
        'jaccard',
        'No.',
        'param_scheduler.0.end=400',
    ),
    Ablation(
        'Half of the training images, with as many steps (8 and 16 epochs)?',
        'curve_train_half',
        'curve_train',
        'The same score: the 324 images that are missing here would add little.',
        _HALF,
    ),
)


def ablation_table(ablations: Sequence[Ablation], reports: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a Markdown table of questions, differences and conclusions.

    Args:
        ablations: the rows.
        reports: contents of `metrics.json` by the name of the file.
    """
    columns = ('run', 'question', 'config and options', '`iou`', 'difference', 'minutes')
    rows = []
    for each in ablations:
        report = reports[each.result]
        iou, baseline = (
            reports[name]['metrics']['lesion/iou'] for name in (each.result, each.baseline)
        )
        rows.append(
            [
                each.result,
                each.question,
                ' '.join(f'`{name}`' for name in (report['config'], *each.options.split())),
                f'{iou:.3f}',
                f'{_signed(iou - baseline)} to {each.baseline}',
                f'{report["training"]["seconds"] / 60:.0f}',
                each.conclusion,
            ]
        )
    return markdown_table([*columns, 'conclusion'], rows)


def _signed(difference: float) -> str:
    text = f'{difference:+.3f}'
    return '0.000' if float(text) == 0 else text
