"""Where the true lesions of an image come from: a mask file, or outlines of an annotation file.

Preparation knows only the protocol `Truth`. A new kind of annotation file needs a reader that
returns `Outlines`, and nothing else here.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from isic_mmdet.images.decoding import UnreadableError
from isic_mmdet.images.encoding import encode_mask
from isic_mmdet.images.sources import SourceFile
from isic_mmdet.masks.bit_mask import BitMask
from isic_mmdet.masks.lesion_rule import UnclearMaskError, find_lesion
from isic_mmdet.masks.mask_files import DecodedMask, decode_mask
from isic_mmdet.masks.resize import crop_mask_center


class TruthError(Exception):
    """A truth that cannot be used: the kind of `PairError`, and file, problem and fix."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(kind, detail)
        self.kind, self.detail = kind, detail


class TrueLesion(NamedTuple):
    """One lesion of an image.

    Attributes:
        mask: H x W pixels, as large as the truth.
        category: name of its class; '' if the label of the image decides it.
    """

    mask: BitMask
    category: str = ''


@dataclass(frozen=True)
class TrueLesions:
    """The lesions of one image.

    Attributes:
        lesions: at least one.
        mask: all lesions together, and the file to store.
        rule: what counted as lesion in the file, where it was detected.
        is_upright: whether they were drawn on the upright image, as annotation tools show it.
    """

    lesions: tuple[TrueLesion, ...]
    mask: DecodedMask
    rule: str = ''
    is_upright: bool = False

    def turned(self, orientation: int) -> 'TrueLesions':
        """Return the lesions rotated or mirrored as EXIF's number says."""
        turned = tuple(
            lesion._replace(mask=lesion.mask.turned(orientation)) for lesion in self.lesions
        )
        return replace(self, lesions=turned, mask=self.mask.turned(orientation))

    def cropped(self, side: int) -> 'TrueLesions':
        """Return the lesions in the central square, `side` x `side` pixels; some may be empty."""
        cropped = tuple(
            lesion._replace(mask=crop_mask_center(lesion.mask, side)) for lesion in self.lesions
        )
        mask = self.mask.with_lesion(crop_mask_center(self.mask.lesion, side))
        return replace(self, lesions=cropped, mask=mask)


class Truth(Protocol):
    """The true lesions of one image, not yet read.

    Truths are sent to the worker processes, so they hold only what can be pickled.
    """

    @property
    def identity(self) -> str:
        """Text that changes whenever `read` may return something else; found without reading."""

    def read(self, height: int, width: int) -> TrueLesions:
        """Return the lesions; height and width are those of the upright image, in pixels.

        Raises:
            TruthError: the truth cannot be read or holds no lesion.
        """

    def __str__(self) -> str:
        """Return the file, for messages."""


@dataclass(frozen=True)
class MaskFile:
    """A mask file, in which gray values of `foreground` (1 to 255) and more are lesion."""

    file: SourceFile
    foreground: int

    @property
    def identity(self) -> str:
        """File and threshold."""
        return f'{self.file.identity}:{self.foreground}'

    def read(self, height: int, width: int) -> TrueLesions:
        """Decode the file; see `Truth.read`."""
        try:
            mask = decode_mask(self.file, self.foreground)
        except UnreadableError as reason:
            raise TruthError('unreadable mask', f'{self.file}: {reason}; get it again') from None
        if not mask.lesion.area():
            remedy = _remedy_of_empty(mask.brightest)
            problem = f'{self.file}: no pixel of {self.foreground} or more, {remedy}'
            raise TruthError('empty mask', problem)
        return TrueLesions((TrueLesion(mask.lesion),), mask)

    def __str__(self) -> str:
        return str(self.file)


@dataclass(frozen=True)
class FoundMask:
    """A mask file of an own data set, in which the lesion has to be found.

    Attributes:
        file: the mask.
        threshold: lowest gray value of a lesion, 1 to 255; None detects it.
    """

    file: SourceFile
    threshold: int | None = None

    @property
    def identity(self) -> str:
        """File and threshold."""
        return f'{self.file.identity}:{self.threshold}'

    def read(self, height: int, width: int) -> TrueLesions:
        """Decode the file; see `Truth.read`."""
        try:
            found = find_lesion(self.file, self.threshold)
        except UnreadableError as reason:
            if isinstance(reason, UnclearMaskError):
                raise TruthError('unclear mask', f'{self.file}: {reason}') from None
            raise TruthError('unreadable mask', f'{self.file}: {reason}; get it again') from None
        if not found.mask.area():
            detail = f'{self.file}: no pixel is lesion ({found.rule}); outline it, or remove both'
            raise TruthError('empty mask', detail)
        lesion = found.mask if found.orientation == 1 else found.mask.turned(found.orientation)
        data = found.data or encode_mask(lesion.unpacked())
        mask = DecodedMask(lesion, data, grays=0, brightest=255, orientation=found.orientation)
        return TrueLesions((TrueLesion(lesion),), mask, found.rule)

    def __str__(self) -> str:
        return str(self.file)


def _remedy_of_empty(brightest: int) -> str:
    if brightest == 0:
        return 'all are 0; get it again'
    found = 'it holds only 0 and 1' if brightest == 1 else f'the brightest is {brightest}'
    return f'{found}; save it with 0 and 255, or use --foreground {brightest}'


#: Masks of the lesions of one image, (H, W) bool, each with its class name or ''.
DrawnLesions = Iterable[tuple[NDArray[np.bool_], str]]


@dataclass(frozen=True)
class Outlines:
    """Outlines or run lengths of one image in an annotation file.

    Attributes:
        source: the file, and the entry in it where that helps; for messages.
        identity: text that changes with the outlines, their classes and how they are drawn.
        draw: returns the masks for height and width of the upright image. If the annotation file
            states the size of the image, the masks have that size: a mask of another size is
            reported as one, and a tool that ignores how an image is stored rotated is recognized
            by the shape. A `TruthError` reports outlines that cannot be drawn. It has to be
            picklable, such as a `partial` of a function of a module.
    """

    source: str
    identity: str
    draw: Callable[[int, int], DrawnLesions]

    def read(self, height: int, width: int) -> TrueLesions:
        """Draw the outlines; see `Truth.read`."""
        lesions = [
            TrueLesion(BitMask.of(mask), category) for mask, category in self.draw(height, width)
        ]
        if not lesions:
            raise TruthError(
                'no lesion', f'{self.source}: no outline; draw one, or remove the image'
            )
        if not all(lesion.mask.area() for lesion in lesions):
            raise TruthError(
                'empty lesion', f'{self.source}: an outline without a pixel; draw it again'
            )
        is_upright = lesions[0].mask.shape == (height, width)
        return TrueLesions(tuple(lesions), _union(lesions), is_upright=is_upright)

    def __str__(self) -> str:
        return self.source


def _union(lesions: Sequence[TrueLesion]) -> DecodedMask:
    together = np.bitwise_or.reduce([lesion.mask.bits for lesion in lesions])
    mask = BitMask(together, lesions[0].mask.width)
    return DecodedMask(mask, encode_mask(mask.unpacked()), grays=0, brightest=255)
