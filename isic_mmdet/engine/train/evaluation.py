"""Validation and test: batches of one image size, and pipelines with all that scores need."""

from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.config import Config
from mmengine.logging import print_log

from isic_mmdet.datasets.padded_shapes import packed_blank
from isic_mmdet.engine.checks.loaders import type_name
from isic_mmdet.errors import InputError

_SAMPLER = 'SameShapeBatchSampler'
# mmdet needs these to scale predictions to the image; LesionMetric needs the others.
_PACKED = ('ori_shape', 'scale_factor')
_PACKED_FOR_SCORES = ('isic_id', 'original_mask')


def use_same_shape_batches(cfg: Config) -> None:
    """Put only images of one padded size into a batch of a validation or a test.

    Raises:
        InputError: the config names another batch sampler.
    """
    model = cfg.model.get('module') or cfg.model  # inside test-time augmentation
    divisor = (model.get('data_preprocessor') or {}).get('pad_size_divisor', 1)
    for name in ('val_dataloader', 'test_dataloader'):
        loader: Any = cfg.get(name) or {}
        sampler = loader.get('batch_sampler')
        if type_name(sampler) == _SAMPLER:
            sampler.pad_divisor = divisor
        elif sampler is not None:
            raise InputError(
                f'{name}.batch_sampler={type_name(sampler)} may pad the images of a batch to the '
                'largest of them, which changes their scores; set '
                f"batch_sampler=dict(type='{_SAMPLER}')"
            )
        elif loader.get('batch_size', 1) != 1:
            loader.batch_sampler = dict(type=_SAMPLER, pad_divisor=divisor)
            print_log(
                f'{name}: only images of one padded size share a batch (batch_sampler={_SAMPLER}), '
                'so that no score depends on the batch size',
                'current',
            )


def packing_errors(cfg: Config, name: str, dataset: Any) -> Iterator[str]:
    """Yield what the pipeline of a loaded data set fails to pack; no image is decoded.

    Args:
        cfg: of the experiment.
        name: 'val_dataloader' or 'test_dataloader'.
        dataset: one of its data sets.
    """
    packed = packed_blank(dataset, dataset.get_data_info(0))
    sample = packed.get('data_samples') if isinstance(packed, Mapping) else None
    if isinstance(sample, list):
        if 'module' not in cfg.model:
            yield (
                f'{name}: its pipeline has a TestTimeAug; remove it, and run tools/test.py --tta '
                'to average over flips'
            )
        sample = sample[0]
    evaluators = cfg.get(name.replace('dataloader', 'evaluator')) or []
    evaluators = [evaluators] if isinstance(evaluators, Mapping) else evaluators
    is_scored = 'LesionMetric' in map(type_name, evaluators)
    needed = _PACKED + (_PACKED_FOR_SCORES if is_scored else ())
    known = () if sample is None else sample.metainfo
    missing = [key for key in needed if key not in known]
    if missing == ['scale_factor']:
        yield f'{name}: its pipeline has no Resize, which mmdet needs to scale predictions; add one'
    elif missing:
        yield (
            f'{name}: its pipeline does not pack {", ".join(missing)}; let it end with '
            "dict(type='PackLesionInputs')"
        )
