"""What counts as lesion in a mask file that anyone made.

Masks are stored as 0 and 255, as 0 and 1, in two colors of a palette, or as JPEG, which blurs the
two grays into two groups. The rule is detected for each file. A file that fits none of them is
refused, because a guess would train on a wrong lesion.

The masks of the challenges need no detection, see `mask_files`.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from isic_mmdet.images.decoding import UnreadableError, decode_whole, orientation_of, read_bytes
from isic_mmdet.images.sources import SourceFile
from isic_mmdet.masks.binary_png import decode_binary_png
from isic_mmdet.masks.bit_mask import BitMask
from isic_mmdet.masks.mask_files import FOREGROUND

#: The rule of the masks of the challenges.
ZERO_AND_255 = '255 of 0 and 255'
#: Gray values of two groups have to be so far apart: a photo of a lesion has no such gap.
LEAST_GAP = 64
_LEAST_GAP_OF_GROUPS = 128
# Sides of the smallest square of grays between the two groups that is no blurred border.
_SQUARE = 7
# Share of such grays among the pixels of the smaller group.
_MOST_BETWEEN = 0.5
# Channels of a gray image that was stored as a color JPEG or WebP differ by no more.
_CHANNEL_NOISE = 16

_LOSSY = {'JPEG', 'MPO', 'WEBP'}
_DEEP = {'I;16', 'I;16L', 'I;16B', 'I;16N', 'I'}
_MODES = {'1', 'L', 'P', 'LA', 'RGB', 'RGBA', *_DEEP}
_REMEDY = 'save it with 0 and 255, or name the lowest gray of a lesion with --mask-threshold'

_Grays = NDArray[np.uint8]


class UnclearMaskError(UnreadableError):
    """A mask that can be decoded, but that does not show what is lesion."""


class FoundLesion(NamedTuple):
    """What is lesion in a mask file.

    Attributes:
        mask: H x W pixels, as they are stored.
        rule: what counts as lesion, in words.
        orientation: EXIF's number in the file, 1 without one.
        data: the file, if it is a plain PNG of 0 and 255; None for any other.
    """

    mask: BitMask
    rule: str
    orientation: int = 1
    data: bytes | None = None


def find_lesion(file: SourceFile, threshold: int | None = None) -> FoundLesion:
    """Decode a mask and find what is lesion in it.

    Args:
        file: the mask.
        threshold: lowest gray value of a lesion, 1 to 255; None detects it.

    Raises:
        UnclearMaskError: it is unclear what is lesion.
        UnreadableError: missing, damaged, or no image.
    """
    data = read_bytes(file)
    if (binary := decode_binary_png(data)) is not None:
        return FoundLesion(binary, ZERO_AND_255, data=data)
    image = decode_whole(data, _MODES)
    orientation = orientation_of(image)
    if threshold is not None:
        if image.mode in _DEEP:
            raise UnclearMaskError('16 bits a pixel; save it with 8 bits')
        lesion, rule = np.asarray(image.convert('L')) >= threshold, f'gray {threshold} and more'
    else:
        lesion, rule = _detect(image)
    return FoundLesion(BitMask.of(np.ascontiguousarray(lesion)), rule, orientation)


def _detect(image: Image.Image) -> tuple[NDArray[np.bool_], str]:
    if image.mode in _DEEP:
        return _of_deep(np.asarray(image))
    if image.mode in {'1', 'L'}:
        return _of_grays(np.asarray(image.convert('L')), image.format in _LOSSY)
    return _of_colors(_opaque(image), image.format in _LOSSY)


def _of_deep(values: NDArray[np.integer]) -> tuple[NDArray[np.bool_], str]:
    lowest, highest = int(values.min()), int(values.max())
    if lowest != 0 or highest not in {0, 1, 255, 65535} or not np.isin(values, (0, highest)).all():
        raise UnclearMaskError(
            f'16 bits a pixel, with values from {lowest} to {highest}; save it with 0 and 255'
        )
    return values > 0, f'{highest} of 0 and {highest}, 16 bits'


def _opaque(image: Image.Image) -> NDArray[np.uint8]:
    """Return the (H, W, 3) colors of an image without transparency."""
    if image.mode in {'LA', 'RGBA'} or 'transparency' in image.info:
        pixels = np.asarray(image.convert('RGBA'))
        if (pixels[..., 3] != 255).any():
            raise UnclearMaskError(f'some of its pixels are transparent; {_REMEDY}')
        return pixels[..., :3]
    return np.asarray(image.convert('RGB'))


def _of_colors(pixels: NDArray[np.uint8], is_lossy: bool) -> tuple[NDArray[np.bool_], str]:
    noise = int(np.ptp(pixels, axis=2).max())
    if noise <= (_CHANNEL_NOISE if is_lossy else 0):
        return _of_grays(np.ascontiguousarray(pixels[..., 1]), is_lossy)
    codes = pixels[..., 0].astype(np.uint32) << 16 | pixels[..., 1].astype(np.uint32) << 8
    codes |= pixels[..., 2]
    first = codes[0, 0]
    differs = codes != first
    if not differs.any():
        raise UnclearMaskError(f'all of it is the color {tuple(pixels[0, 0].tolist())}; {_REMEDY}')
    second = codes[differs][0]
    if not (codes[differs] == second).all():
        raise UnclearMaskError(f'a color image of more than two colors; {_REMEDY}')
    colors = [
        ((code >> 16) & 255, (code >> 8) & 255, code & 255) for code in map(int, (first, second))
    ]
    brightness = [_brightness(color) for color in colors]
    if abs(brightness[0] - brightness[1]) < 1:
        raise UnclearMaskError(f'two colors of the same brightness, {colors}; {_REMEDY}')
    is_second = brightness[1] > brightness[0]
    lesion = differs if is_second else ~differs
    darker, brighter = sorted(colors, key=_brightness)
    return lesion, f'the brighter of two colors, {brighter} of {darker} (red, green, blue)'


def _brightness(color: tuple[int, int, int]) -> float:
    red, green, blue = color
    return 0.299 * red + 0.587 * green + 0.114 * blue


def _of_grays(grays: _Grays, is_lossy: bool) -> tuple[NDArray[np.bool_], str]:
    counts = np.bincount(grays.ravel(), minlength=256)
    present = np.flatnonzero(counts).tolist()
    lowest, highest = present[0], present[-1]
    if {*present} <= {0, 255}:
        return grays == 255, ZERO_AND_255
    if {*present} <= {0, 1}:
        return grays == 1, '1 of 0 and 1'
    if len(present) == 1:
        raise UnclearMaskError(f'all of it is gray {lowest}; {_REMEDY}')
    if len(present) == 2:
        if highest - lowest < LEAST_GAP:
            raise UnclearMaskError(f'holds only the grays {lowest} and {highest}; {_REMEDY}')
        return grays == highest, f'{highest} of {lowest} and {highest}'
    return _of_groups(grays, counts, is_lossy)


def _of_groups(
    grays: _Grays, counts: NDArray[np.intp], is_lossy: bool
) -> tuple[NDArray[np.bool_], str]:
    """Separate two groups of grays; everything between them has to be a blurred border.

    A third gray that fills an area is a label of its own, also where it is close to one of the two.
    Lossy formats change grays in blocks, so there it proves nothing.
    """
    middle = _best_cut(counts)
    low, high = int(counts[:middle].argmax()), middle + int(counts[middle:].argmax())
    quarter = (high - low) // 4
    between = (grays > low + quarter) & (grays < high - quarter)
    smaller = min(int(counts[:middle].sum()), int(counts[middle:].sum()))
    is_clear = (
        high - low >= _LEAST_GAP_OF_GROUPS
        and np.count_nonzero(between) <= _MOST_BETWEEN * smaller
        and not _holds_square(between)
        and (is_lossy or not _has_third_label(grays, counts, (low, high)))
    )
    if not is_clear:
        number = np.count_nonzero(counts)
        raise UnclearMaskError(
            f'holds {number} grays that do not form two groups (frequent ones: {low} and {high}); '
            f'{_REMEDY}'
        )
    # Where the challenge's threshold lies well between the groups, it is used.
    is_usual = low + quarter < FOREGROUND <= high - quarter
    threshold = FOREGROUND if is_usual else (low + high + 1) // 2
    return grays >= threshold, f'gray {threshold} and more, of two groups of grays'


def _has_third_label(grays: _Grays, counts: NDArray[np.intp], known: tuple[int, int]) -> bool:
    others = [gray for gray in np.flatnonzero(counts >= _SQUARE**2).tolist() if gray not in known]
    return any(_holds_square(grays == gray) for gray in others)


def _best_cut(counts: NDArray[np.intp]) -> int:
    """Return the gray from which the upper of two groups starts (Otsu, 1979)."""
    weights = counts.astype(np.float64)
    below, sums = np.cumsum(weights)[:-1], np.cumsum(weights * np.arange(256))[:-1]
    above, total = weights.sum() - below, (weights * np.arange(256)).sum()
    is_cut = (below > 0) & (above > 0)
    spread = np.zeros(255)
    distance = sums[is_cut] / below[is_cut] - (total - sums[is_cut]) / above[is_cut]
    spread[is_cut] = below[is_cut] * above[is_cut] * distance**2
    return int(spread.argmax()) + 1


def _holds_square(mask: NDArray[np.bool_]) -> bool:
    """Return whether a square of `_SQUARE` pixels fits into a mask."""
    for _ in range(2):
        if mask.shape[0] < _SQUARE:
            return False
        rows = len(mask) - _SQUARE + 1
        mask = np.logical_and.reduce([mask[start : start + rows] for start in range(_SQUARE)]).T
    return bool(mask.any())
