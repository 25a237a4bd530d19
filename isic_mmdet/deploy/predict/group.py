"""The processes that share one set of images."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Group:
    """One process alone; `isic_mmdet.deploy.predict.processes` has that of several.

    Attributes:
        rank: number of this process.
        size: how many there are.
    """

    rank: int = 0
    size: int = 1

    def wait(self) -> None:
        """Return when all processes are here."""

    def gather(self, value: Any) -> list[Any]:
        """Return the values of all processes, in the order of their ranks."""
        return [value]
