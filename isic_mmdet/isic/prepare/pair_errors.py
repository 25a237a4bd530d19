"""Faults of single pairs: collected during the whole preparation, shown together at its end."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, order=True)
class Fault:
    """One thing that is wrong with one image, its mask or its label.

    Attributes:
        isic_id: id of the image, such as `ISIC_0000000`.
        kind: short name under which faults are counted, such as `missing mask`.
        detail: the file concerned and what is wrong with it.
        left_out: whether the pair was left out; a gray mask is thresholded and kept.
    """

    isic_id: str
    kind: str
    detail: str
    left_out: bool = True

    def __str__(self) -> str:
        return f'{self.isic_id}: {self.kind}: {self.detail}'

    def as_dict(self) -> dict[str, Any]:
        """Return the fault as a JSON object."""
        return asdict(self)
