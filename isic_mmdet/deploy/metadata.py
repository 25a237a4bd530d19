"""What an exported model says of itself, in the metadata of its file."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

#: Version of the metadata and of the graph's inputs and outputs; a reader knows one.
FORMAT = 1
_FORMAT_KEY = 'isic_mmdet_format'


class NoMetadataError(Exception):
    """The metadata are not those of a model that this version can read; the message says why."""


@dataclass(frozen=True)
class ModelMetadata:
    """Facts about an exported model; every field is an entry of the metadata, as JSON.

    Attributes:
        classes: names of the labels.
        scale: longer and shorter side in pixels that images are brought to as far as their shape
            allows.
        divisor: images are padded at the bottom and on the right to multiples of this.
        batch: images that go through the graph at once; None for any number.
        score_threshold: a detection with this score or less is none.
        mask_threshold: probability above which a pixel belongs to the lesion.
        mean: of the channels R, G, B of 0 to 255; the graph itself subtracts them.
        std: the graph itself divides by them.
        weights: 'float32', 'float16' or 'int8', how they are stored.
        config: name of the config that the model was built from.
        checkpoint: name of the file of its weights.
        checkpoint_sha256: in hexadecimal.
        version: of the project that exported it.
    """

    classes: tuple[str, ...]
    scale: tuple[int, int]
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

    def metadata(self) -> dict[str, str]:
        """Return the entries for the file."""
        entries = {name: json.dumps(value) for name, value in asdict(self).items()}
        return {_FORMAT_KEY: str(FORMAT), **entries}

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> 'ModelMetadata':
        """Return the card of a file with these entries.

        Raises:
            NoMetadataError: they are not from `metadata`, or from that of another version.
        """
        found = metadata.get(_FORMAT_KEY)
        if found is None:
            raise NoMetadataError('it was not written by tools/export_onnx.py')
        if found != str(FORMAT):
            raise NoMetadataError(f'its format is {found}, this version reads format {FORMAT}')
        try:
            values = {field.name: _value(metadata[field.name]) for field in fields(cls)}
        except (KeyError, ValueError) as error:
            raise NoMetadataError(f'its metadata are damaged: {error}') from error
        return cls(**values)


def _value(text: str) -> Any:
    value = json.loads(text)
    return tuple(value) if isinstance(value, list) else value
