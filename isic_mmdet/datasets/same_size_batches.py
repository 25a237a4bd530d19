"""Batches of images with equal padding.

Padding to the largest image of a batch changes what the network finds in the others: a prediction
would depend on the other images of its batch.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import TypeVar

Item = TypeVar('Item')


def batches_of_one_shape(
    items: Iterable[Item], shape_of: Callable[[Item], Hashable], size: int | None
) -> Iterator[list[Item]]:
    """Yield items in batches of one shape, each batch as soon as it is full.

    The batches that are not full come last, in the order of their first items.

    Args:
        items: in any order; the order is kept within a shape.
        shape_of: returns the shape of an item.
        size: items in a full batch; None for any number.
    """
    waiting: dict[Hashable, list[Item]] = {}
    for item in items:
        shape = shape_of(item)
        batch = waiting.setdefault(shape, [])
        batch.append(item)
        if len(batch) == size:
            yield waiting.pop(shape)
    yield from waiting.values()


def padded_shape(sides: Sequence[int], divisor: int) -> tuple[int, int]:
    """Return height and width of an image after padding to multiples of `divisor`, in pixels."""
    height, width = sides
    return -(-height // divisor) * divisor, -(-width // divisor) * divisor
