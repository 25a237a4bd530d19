"""How large the network sees the images of a data set."""

from typing import Any

import numpy as np
from mmcv.transforms import LoadImageFromFile

from isic_mmdet.datasets.same_size_batches import padded_shape
from isic_mmdet.errors import InputError


class PaddedShapes:
    """The size of every image of a data set after its test pipeline and the padding.

    No image is decoded: one black image of each size goes through the pipeline.

    Args:
        dataset: of mmdet, also inside mmengine's wrappers, or several of them concatenated. Its
            records have `height` and `width` in pixels, as the images decode.
        divisor: that the model pads the sides to multiples of.
    """

    def __init__(self, dataset: Any, divisor: int) -> None:
        self._dataset = dataset
        self._divisor = divisor
        self._of_index: dict[int, tuple[tuple[int, int], ...]] = {}
        self._of_size: dict[tuple[int, Any, Any], tuple[tuple[int, int], ...]] = {}

    def __call__(self, index: int) -> tuple[tuple[int, int], ...]:
        """Return height and width of the padded views of an image; without flips there is one.

        Raises:
            InputError: the data set does not tell sizes, or its pipeline packs no image.
        """
        if index not in self._of_index:
            dataset, own_index = _leaf(self._dataset, index)
            record = dataset.get_data_info(own_index)
            size = id(dataset), record.get('height'), record.get('width')
            if size not in self._of_size:
                views = packed_views(dataset, record)
                self._of_size[size] = tuple(
                    padded_shape(view.shape[-2:], self._divisor) for view in views
                )
            self._of_index[index] = self._of_size[size]
        return self._of_index[index]


def packed_views(dataset: Any, record: dict[str, Any]) -> list[Any]:
    """Return what a data set's pipeline packs of a black image, (3, H, W) tensors.

    Raises:
        InputError: see `PaddedShapes`.
    """
    packed = packed_blank(dataset, record)
    views = packed.get('inputs') if isinstance(packed, dict) else None
    if views is None:
        raise InputError(
            f'the pipeline of {type(dataset).__name__} packs no image; let it end with '
            'PackLesionInputs'
        )
    return views if isinstance(views, list) else [views]


def packed_blank(dataset: Any, record: dict[str, Any]) -> Any:
    """Return what a data set's pipeline makes of a record if its image is black.

    Raises:
        InputError: the record has no `height` and `width`.
    """
    height, width = record.get('height'), record.get('width')
    if not (isinstance(height, int) and isinstance(width, int)):
        raise InputError(
            f'{type(dataset).__name__} does not tell height and width of its images, by which '
            'batches of one shape are made; add them to its records, or set batch_size=1'
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
