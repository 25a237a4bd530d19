"""What is prepared, known before any image is opened."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from isic_mmdet.isic.labels import Label
from isic_mmdet.isic.layouts import PairError
from isic_mmdet.isic.splits import Twins
from isic_mmdet.prepare.convert import Sample
from isic_mmdet.prepare.record import Record


class Assignment(NamedTuple):
    """Which image is in which split.

    Attributes:
        split_of: id to `train`, `val` or `test`, without the images skipped.
        left_out: one entry for each image skipped, so that no lesion is in two splits.
        notes: what the user should know.
        fold_of: id of every training and validation image to the fold that validates on it, from 0;
            empty without folds.
    """

    split_of: dict[str, str]
    left_out: list[PairError]
    notes: list[str]
    fold_of: Mapping[str, int] = MappingProxyType({})


@dataclass
class Plan:
    """A data set to prepare.

    Attributes:
        dataset: its name, such as `ISIC 2018`, for messages.
        samples: images with their truth, by id, in id order.
        classes: names of the classes, in the order of their numbers.
        class_of: class of the lesions by image id, unless a lesion has its own.
        assign: splits the ids of the samples without an error, given their near-duplicates.
        settings: written into the annotations and the report.
        sources: for the report.
        labels: what is known of the patients, by image id.
        errors: of single images.
        notes: what the user should know and may be intended.
        official_counts: images by split, as published.
    """

    dataset: str
    samples: dict[str, Sample]
    classes: tuple[str, ...]
    class_of: dict[str, str]
    assign: Callable[[Sequence[str], Sequence[Twins]], Assignment]
    settings: dict[str, Any]
    sources: Sequence[str]
    labels: dict[str, Label] = field(default_factory=dict)
    errors: list[PairError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    official_counts: dict[str, int] = field(default_factory=dict)

    def lesion_classes(self, record: Record) -> list[str]:
        """Return the class of each lesion of a prepared pair."""
        return [lesion.category or self.class_of[record.official_id] for lesion in record.lesions]
