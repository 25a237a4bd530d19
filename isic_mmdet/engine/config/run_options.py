"""What --split, --show-dir, --out, --tta, --amp and a GPU change in a config."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config, ConfigDict

from isic_mmdet.engine.checks.detectors import check_precisions, mask_threshold
from isic_mmdet.engine.config.data_sets import distinct_datasets
from isic_mmdet.errors import InputError
from isic_mmdet.utils.system import check_bfloat16

# --tta averages the masks of these flips. On 487 validation images they improve the IoU of the CPU
# recipe from 0.8441 to 0.8475; a second size of 0.8 gives 0.8450 (docs/ablations.md).
_FLIPS = (None, 'horizontal', 'vertical', 'diagonal')


def select_split(cfg: Config, split: str) -> None:
    """Test on the images of a split, 'val' or 'test'.

    Raises:
        InputError: the config has no validation set.
    """
    if split == 'val':
        if not cfg.get('val_dataloader'):
            raise InputError(f'{cfg.filename} has no val_dataloader; test with --split test')
        cfg.test_dataloader.dataset = cfg.val_dataloader.dataset


def enable_drawing(cfg: Config, show_dir: str) -> None:
    """Draw every tested image into `show_dir`."""
    cfg.default_hooks.draw_lesions = dict(type='DrawLesionsHook', show_dir=show_dir)


def enable_result_dump(cfg: Config, out: str) -> None:
    """Write all detections of a test to `out`, a COCO result file.

    Raises:
        InputError: `out` is not a .json file.
    """
    if Path(out).suffix != '.json':
        raise InputError(f'--out {out}: write to a file that ends in .json')
    old = cfg.test_evaluator if isinstance(cfg.test_evaluator, list) else [cfg.test_evaluator]
    cfg.test_evaluator = [*old, dict(type='CocoResultDump', out_file=out)]


def use_tta(cfg: Config) -> None:
    """Test every image in all flips, and average the masks.

    Raises:
        InputError: the test pipeline has no `Resize` with a `scale`, or the detector does not
            predict its masks as Mask R-CNN does.
    """
    threshold = mask_threshold(cfg.model)
    for dataset in distinct_datasets(cfg, 'test_dataloader'):
        dataset.pipeline = _with_views(cfg, dataset.pipeline)
    cfg.model = dict(type='LesionTTAModel', mask_threshold=threshold, module=cfg.model)


def _with_views(cfg: Config, pipeline: Sequence[ConfigDict]) -> list[Mapping[str, Any]]:
    """Return a test pipeline that makes all flips of an image."""
    *steps, pack = pipeline
    place = next((i for i, step in enumerate(steps) if step.type == 'Resize'), None)
    if place is None or not steps[place].get('scale'):
        hint = '; remove its TestTimeAug' if pack.type == 'TestTimeAug' else ''
        raise InputError(
            f'{cfg.filename}: its test pipeline has no Resize with a scale, which --tta needs{hint}'
        )
    head, resize, tail = steps[:place], steps[place], steps[place + 1 :]
    moving = [step.type for step in head if step.type.endswith(('Pad', 'Crop', 'Flip'))]
    if moving:
        raise InputError(
            f'{cfg.filename}: --tta flips images at the Resize of the test pipeline, and cannot '
            f'undo {", ".join(moving)} before it; move that behind the Resize'
        )
    flips = [
        dict(type='RandomFlip', prob=0.0 if flip is None else 1.0, direction=flip or 'horizontal')
        for flip in _FLIPS
    ]
    if 'meta_keys' in pack:
        # Without these keys the masks of flipped views would not be flipped back.
        keys = [*pack.meta_keys, 'flip', 'flip_direction']
        pack = {**pack, 'meta_keys': tuple(dict.fromkeys(keys))}
    # Flips precede the padding: flipped padding would be on the other side and move the masks.
    branches = [[resize], flips, *([step] for step in tail), [pack]]
    return [*head, dict(type='TestTimeAug', transforms=branches)]


def use_amp(cfg: Config) -> None:
    """Compute in automatic mixed precision, with convolutions in bfloat16.

    Raises:
        InputError: the model supports no other precision, or the device does not support bfloat16.
    """
    check_precisions(cfg.model)
    check_bfloat16()
    cfg.model.precision = 'bfloat16'


def use_pinned_memory(cfg: Config) -> None:
    """Let batches be copied to a GPU while it computes; a config may switch either part off.

    A thread moves them to memory that the GPU reads by itself, and the copy is not waited for.
    Without a GPU, torch would warn of it.
    """
    cfg.train_dataloader.setdefault('pin_memory', True)
    preprocessor = cfg.model.get('data_preprocessor') or {}
    if preprocessor.get('type') == 'DetDataPreprocessor':
        preprocessor.setdefault('non_blocking', True)
