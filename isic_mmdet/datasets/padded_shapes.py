"""How large the network sees the images of a data set."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from mmcv.transforms import LoadImageFromFile

from isic_mmdet.datasets.same_size_batches import padded_shape
from isic_mmdet.errors import InputError

Shapes = tuple[tuple[int, int], ...]


def padded_shapes(dataset: Any, divisor: int) -> Callable[[int], Shapes]:
    """Return a function from an index to height and width of the padded views of an image.

    A test pipeline without test-time augmentation has one view. No image is decoded: one black
    image of each size goes through the pipeline.

    Args:
        dataset: of mmdet, also inside mmengine's wrappers, or several of them concatenated. Its
            records have `height` and `width` in pixels, as the images decode.
        divisor: the model pads the sides to multiples of it.

    Raises:
        InputError: (the returned function) the records have no sizes, or the pipeline packs no
            image.
    """
    known: dict[tuple[int, Any, Any], Shapes] = {}

    @cache
    def shapes(index: int) -> Shapes:
        leaf, own_index = _leaf(dataset, index)
        record = leaf.get_data_info(own_index)
        size = id(leaf), record.get('height'), record.get('width')
        if size not in known:
            packed = packed_blank(leaf, record)
            if not isinstance(packed, dict) or 'inputs' not in packed:
                raise InputError(
                    f'the pipeline of {type(leaf).__name__} packs no image; let it end with '
                    'PackLesionInputs'
                )
            views = packed['inputs'] if isinstance(packed['inputs'], list) else [packed['inputs']]
            known[size] = tuple(padded_shape(view.shape[-2:], divisor) for view in views)
        return known[size]

    return shapes


def packed_blank(dataset: Any, record: dict[str, Any]) -> Any:
    """Return the output of a data set's pipeline for a record if its image is black.

    Raises:
        InputError: the record has no `height` and `width`.
    """
    height, width = record.get('height'), record.get('width')
    if not (isinstance(height, int) and isinstance(width, int)):
        raise InputError(
            f'the records of {type(dataset).__name__} have no height and width, which batches of '
            'one shape need; add them, or set batch_size=1'
        )
    results: Any = record
    for step in dataset.pipeline.transforms:
        if isinstance(step, LoadImageFromFile):
            results = {
                **results,
                'img': np.zeros((height, width, 3), np.float32 if step.to_float32 else np.uint8),
                'img_shape': (height, width),
                'ori_shape': (height, width),
            }
        else:
            results = step(results)
    return results


def _leaf(dataset: Any, index: int) -> tuple[Any, int]:
    """Return the data set inside of wrappers that holds a sample, and the index there."""
    while not hasattr(dataset, 'pipeline'):
        if not hasattr(dataset, '_get_ori_dataset_idx'):
            raise InputError(
                f'batches of one shape cannot be made of a {type(dataset).__name__}, which has no '
                'pipeline; set batch_size=1'
            )
        place = dataset._get_ori_dataset_idx(index)
        if isinstance(place, tuple):
            number, index = place
            dataset = dataset.datasets[number]
        else:
            dataset, index = dataset.dataset, place
    return dataset, index
