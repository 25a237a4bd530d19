"""The metadata in the file of an exported model."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from isic_mmdet.errors import InputError
from isic_mmdet.evaluation.expected_iou import ExpectedIoU

# Version of the metadata and of the graph's inputs and outputs.
_FORMAT = '2'
_FORMAT_KEY = 'isic_mmdet_format'


@dataclass(frozen=True)
class ModelMetadata:
    """Facts about an exported model; every field is an entry of the metadata, as JSON.

    Attributes:
        classes: names of the labels.
        scale: longer and shorter side of resized images, in pixels.
        keep_ratio: whether they keep the ratio of their sides, or are stretched to a square.
        divisor: images are padded at the bottom and on the right to multiples of this.
        batch: number of images that the graph takes at once; None for any number.
        score_threshold: detections with this score or less are dropped.
        mask_threshold: a pixel belongs to the lesion if its probability is above this.
        mean: of the channels R, G, B in 0 to 255; the graph subtracts it.
        std: of the channels; the graph divides by it.
        weights: how they are stored: 'float32', 'float16' or 'int8'.
        config: file name of the config.
        checkpoint: file name of the weights.
        checkpoint_sha256: in hexadecimal.
        version: of the project that exported it.
        expected_iou: calibration of the expected IoU; None if the checkpoint has none.
    """

    classes: tuple[str, ...]
    scale: tuple[int, int]
    keep_ratio: bool
    divisor: int
    batch: int | None
    score_threshold: float
    mask_threshold: float
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    weights: str
    config: str
    checkpoint: str
    checkpoint_sha256: str
    version: str
    expected_iou: ExpectedIoU | None = None

    def entries(self) -> dict[str, str]:
        """Return the entries for the file."""
        entries = {name: json.dumps(value) for name, value in asdict(self).items()}
        return {_FORMAT_KEY: _FORMAT, **entries}

    @classmethod
    def from_entries(cls, entries: Mapping[str, str], path: object) -> 'ModelMetadata':
        """Return the metadata from the entries of the file `path`.

        Raises:
            InputError: entries are missing, damaged or of another version.
        """
        found = entries.get(_FORMAT_KEY)
        values: dict[str, Any] = {}
        try:
            if found != _FORMAT:
                raise ValueError(f'its format is {found}, not {_FORMAT}')
            for field in fields(cls):
                if field.name == 'expected_iou':  # files of older versions have none
                    calibration = json.loads(entries.get(field.name, 'null'))
                    values[field.name] = ExpectedIoU.from_json(calibration, path)
                    continue
                value = json.loads(entries[field.name])
                values[field.name] = tuple(value) if isinstance(value, list) else value
        except (KeyError, ValueError) as error:
            raise InputError(
                f'{path} was not written by tools/export_onnx.py of this version, or is damaged '
                f'({error}); export it again'
            ) from error
        return cls(**values)
