"""Outlines of lesions as annotation tools export them, and the masks that they draw.

Coordinates are pixels from the top left corner of the image, where the center of the first pixel is
(0.5, 0.5). So read pycocotools and the canvases of the annotation tools.
"""

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from isic_mmdet.errors import InputError
from isic_mmdet.masks.run_lengths import run_lengths_problem
from isic_mmdet.utils.csv_file import decode_text
from isic_mmdet.utils.schema import Kind, number

#: Category of an outline to which the tool gave none.
NO_CATEGORY = 'lesion'
#: Pixels by which a point may lie outside the image: tools differ in how they round.
ROUNDING = 1.0

COORDINATE = number(-1e9, 1e9)  # without NaN
LABEL = Kind(
    'name',
    lambda value: isinstance(value, str) and value.strip().isprintable() and value.strip() != '',
)
_LEAST_POINTS = 3


class Polygon(NamedTuple):
    """A closed outline: x and y of its points in turn."""

    points: tuple[float, ...]


class Ellipse(NamedTuple):
    """Center, radii, and angle of the first radius in radians, clockwise as on a screen."""

    cx: float
    cy: float
    rx: float
    ry: float
    angle: float = 0.0


class RunLengths(NamedTuple):
    """COCO's run lengths of a mask: height and width, and compressed text or a list of numbers."""

    size: Any
    counts: Any


Part: TypeAlias = Polygon | Ellipse | RunLengths


@dataclass(frozen=True)
class Lesion:
    """One lesion: its category and the parts whose union it is."""

    category: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class AnnotatedImage:
    """The lesions of one image.

    Attributes:
        file_name: as the export has it, with folders.
        size: height and width that the export states; None if it states none.
        lesions: at least one.
    """

    file_name: str
    size: tuple[int, int] | None
    lesions: tuple[Lesion, ...]


class ExportError(NamedTuple):
    """What is wrong with the annotations of one image, which is skipped."""

    file_name: str
    kind: str  # short name under which errors are counted
    detail: str  # the problem and the fix


@dataclass
class Export:
    """The usable images of an export, and the errors of the others."""

    images: list[AnnotatedImage] = field(default_factory=list)
    errors: list[ExportError] = field(default_factory=list)

    def keep_sound(self) -> None:
        """Remove the images that have an error, and those that come twice."""
        names = [image.file_name for image in self.images]
        twice = (
            {name for name in names if names.count(name) > 1} if len({*names}) < len(names) else ()
        )
        self.errors += [
            ExportError(name, 'annotated twice', 'the export names it twice; keep one of them')
            for name in sorted(twice)
        ]
        wrong = {error.file_name for error in self.errors}
        self.images = [image for image in self.images if image.file_name not in wrong]


def read_export(path: Path, remedy: str) -> Any:
    """Return the content of a JSON file that an annotation tool wrote, also as UTF-16.

    Raises:
        InputError: the file is missing, not JSON, or nested too deeply; ends with `remedy`.
    """
    try:
        text = decode_text(str(path), path.read_bytes())
        text.encode()  # bytes that are not UTF-8 would become names of classes
        return json.loads(text)
    except OSError as error:
        raise InputError(f'{path}: cannot be read ({error.strerror}); {remedy}') from error
    except (ValueError, RecursionError) as error:
        raise InputError(f'{path}: not JSON ({error}); {remedy}') from error


def part_problem(part: Part, height: int, width: int) -> tuple[str, str] | None:
    """Return what is wrong with a part for an image of this size, as kind and detail, or None."""
    if isinstance(part, RunLengths):
        problem = run_lengths_problem(part._asdict(), height, width)
        return ('bad run lengths', f'{problem}; export it again') if problem else None
    if isinstance(part, Ellipse):
        if min(part.rx, part.ry) > 0:
            return None
        return 'bad outline', f'a circle or ellipse of radius {min(part.rx, part.ry):g}; redraw it'
    points = list(zip(part.points[::2], part.points[1::2], strict=True))
    if len(points) < _LEAST_POINTS:
        count = 'one point' if len(points) == 1 else f'{len(points)} points'
        return 'too few points', f'an outline of {count}, at least three are needed; redraw it'
    for x, y in points:
        if not (-ROUNDING <= x <= width + ROUNDING and -ROUNDING <= y <= height + ROUNDING):
            return 'outside the image', (
                f'a point at ({x:g}, {y:g}) lies outside the image of {width} x {height} pixels '
                '(width x height); is the export of another version of the image?'
            )
    return None


def draw(lesion: Lesion, height: int, width: int) -> NDArray[np.bool_]:
    """Return the mask of a lesion without a `part_problem`, (height, width) bool.

    A pixel of an ellipse is lesion if its center is inside. Polygons are drawn by pycocotools, as
    training with COCO files does.
    """
    from pycocotools import mask as coco_mask

    mask = np.zeros((height, width), np.bool_)
    for part in lesion.parts:
        if isinstance(part, Ellipse):
            mask |= _inside(part, height, width)
        elif isinstance(part, RunLengths):
            code: Any = {'size': [height, width], 'counts': part.counts}
            if isinstance(part.counts, list):
                code = coco_mask.frPyObjects(code, height, width)
            mask |= coco_mask.decode(code) > 0
        else:
            outline = np.array(part.points, np.float64)
            outline[::2] = outline[::2].clip(0, width)
            outline[1::2] = outline[1::2].clip(0, height)
            mask |= coco_mask.decode(coco_mask.frPyObjects([outline.tolist()], height, width))[
                ..., 0
            ].astype(np.bool_)
    return mask


def _inside(ellipse: Ellipse, height: int, width: int) -> NDArray[np.bool_]:
    y, x = np.ogrid[0.5:height, 0.5:width]
    x, y = x - ellipse.cx, y - ellipse.cy
    cosine, sine = math.cos(ellipse.angle), math.sin(ellipse.angle)
    along, across = x * cosine + y * sine, y * cosine - x * sine
    return np.asarray((along / ellipse.rx) ** 2 + (across / ellipse.ry) ** 2 <= 1)


def draw_lesions(
    image: AnnotatedImage, height: int, width: int
) -> list[NDArray[np.bool_]] | tuple[str, str]:
    """Return one mask for each lesion, or a problem as kind and detail.

    A lesion that was drawn twice counts once. The masks are (H, W) bool. H and W are those that the
    export states for the image, else the given ones. The export may state them interchanged, if the
    tool ignores how a photo is stored rotated.
    """
    given = height, width
    height, width = image.size or given
    if sorted((height, width)) != sorted(given):
        return 'wrong size', (
            f'it states {width} x {height} pixels, the image has {given[1]} x {given[0]} (width x '
            'height); export it for this image'
        )
    masks: list[NDArray[np.bool_]] = []
    for lesion in image.lesions:
        for part in lesion.parts:
            if problem := part_problem(part, height, width):
                return problem
        mask = draw(lesion, height, width)
        if not mask.any():
            return 'empty outline', 'an outline encloses the center of no pixel; redraw it'
        if not any(np.array_equal(mask, known) for known in masks):
            masks.append(mask)
    return masks
