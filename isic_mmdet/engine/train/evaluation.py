"""Validation and test: batches of one image size, and pipelines with all that scores need."""

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.config import Config
from mmengine.logging import print_log

from isic_mmdet.datasets.padded_shapes import packed_blank
from isic_mmdet.engine.checks.loaders import type_name
from isic_mmdet.errors import InputError

_LOADERS = ('val_dataloader', 'test_dataloader')
_SAMPLER = 'SameShapeBatchSampler'
# mmdet needs these to scale predictions to the image; LesionMetric needs the others.
_PACKED = ('ori_shape', 'scale_factor')
_PACKED_FOR_SCORES = ('isic_id', 'original_mask')


def use_same_shape_batches(cfg: Config) -> None:
    """Put only images of one padded size into a batch of a validation or a test.

    Args:
        cfg: of a training or a test; the batch samplers are set in place.

    Raises:
        InputError: the config names another batch sampler.
    """
    model = cfg.model.get('module') or cfg.model  # inside test-time augmentation
    divisor = (model.get('data_preprocessor') or {}).get('pad_size_divisor', 1)
    for name in _LOADERS:
        loader = cfg.get(name)
        if not loader:
            continue
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
                logging.INFO,
            )


def packing_errors(cfg: Config, name: str, dataset: Any) -> Iterator[str]:
    """Yield what a pipeline of a validation or a test fails to pack; no image is decoded.

    Args:
        cfg: of the experiment.
        name: 'val_dataloader' or 'test_dataloader'.
        dataset: one of its data sets, loaded; with a `pipeline`.
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
    if isinstance(evaluators, Mapping):
        evaluators = [evaluators]
    kinds = set(map(type_name, evaluators))
    needed = _PACKED + (_PACKED_FOR_SCORES if 'LesionMetric' in kinds else ())
    known = set() if sample is None else set(sample.metainfo)
    missing = [key for key in needed if key not in known]
    if missing == ['scale_factor']:
        yield f'{name}: its pipeline has no Resize, which mmdet needs to scale predictions; add one'
    elif missing:
        yield (
            f'{name}: its pipeline does not pack {", ".join(missing)}; let it end with '
            "dict(type='PackLesionInputs')"
        )
