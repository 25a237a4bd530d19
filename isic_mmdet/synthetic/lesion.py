"""The lesion: its outline, and the pigment patterns of benign lesions and of melanomas."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from isic_mmdet.synthetic.noise import Field, fractal, honeycomb, smoothstep, soften
from isic_mmdet.synthetic.skin import Tissue


@dataclass
class Outline:
    """Where the lesion lies: one region without holes."""

    mask: NDArray[np.uint8]  # (H, W), 255 inside and 0 outside
    depth: Field  # (H, W), distance to the rim in pixels, negative outside
    radius: float  # of a disc of the same area, in pixels


def make_outline(
    rng: np.random.Generator, shape: tuple[int, int], share: float, melanoma: bool, at_rim: bool
) -> Outline:
    """Draw an outline that covers about `share` of the image.

    Benign outlines are smooth and nearly round. Those of melanomas have lobes, notches and no
    symmetry axis.
    The border of the image cuts the lesion if `at_rim`.
    """
    height, width = shape
    radius = float(np.sqrt(share * height * width / np.pi))
    middle = np.array([width, height]) / 2
    if at_rim:
        angle = rng.uniform(0, 2 * np.pi)
        way = np.array([np.cos(angle), np.sin(angle)])
        to_border = float((middle / np.maximum(np.abs(way), 1e-9)).min())
        center = middle + way * max(to_border - radius * rng.uniform(0.1, 0.7), 0)
    else:
        # The lesion is moved only as far as it stays complete, if it fits at all.
        room = np.maximum(middle - 1.25 * radius, 0)
        center = middle + rng.uniform(-0.7, 0.7, 2) * room

    y, x = np.mgrid[:height, :width].astype(np.float32)
    stretch = rng.uniform(0.58, 0.9) if melanoma else rng.uniform(0.76, 1.0)
    rotation = rng.uniform(0, np.pi)
    field = _ellipse(x, y, center, radius, stretch, rotation)
    if melanoma:
        for _ in range(rng.integers(1, 4)):
            angle = rng.uniform(0, 2 * np.pi)
            way = np.array([np.cos(angle), np.sin(angle)])
            lobe = center + radius * rng.uniform(0.5, 0.9) * way
            size = radius * rng.uniform(0.35, 0.65)
            part = _ellipse(x, y, lobe, size, rng.uniform(0.6, 1), rng.uniform(0, np.pi))
            field = np.minimum(field, 1 + (part - 1) * np.float32(size / radius))
    wobble, notches = (0.15, 0.05) if melanoma else (0.055, 0.02)
    field += wobble * fractal(rng, shape, 0.9 * radius, octaves=2)
    field += notches * fractal(rng, shape, 0.25 * radius, octaves=3)

    mask = _largest_region(field < np.quantile(field, share), round(0.12 * radius))
    inside = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
    outside = cv2.distanceTransform(255 - mask, cv2.DIST_L2, 5)
    # Centers of the pixels on both sides of the rim lie half a pixel from it.
    depth = np.where(mask > 0, inside - 0.5, 0.5 - outside).astype(np.float32)
    return Outline(mask, depth, float(np.sqrt((mask > 0).sum() / np.pi)))


def add_lesion(
    rng: np.random.Generator, tissue: Tissue, outline: Outline, melanoma: bool
) -> Tissue:
    """Return the tissue with the lesion in it."""
    pattern = _melanoma if melanoma else _benign
    lesion = pattern(rng, outline)
    unit = min(outline.mask.shape) / 256
    # The rim fades over a few pixels, half of it on either side of the mask's edge.
    fade = rng.uniform(1.5, 3.0 if melanoma else 4.5) * unit
    frayed = outline.depth + 0.7 * unit * fractal(rng, outline.mask.shape, 5 * unit, octaves=2)
    alpha = smoothstep(-fade, fade, frayed)
    # Dark skin hides pigment: a lesion that is seen there holds more of it.
    strength = 1 + 0.6 * float(tissue.melanin.mean())
    return Tissue(
        melanin=tissue.melanin + alpha * np.maximum(lesion.melanin, 0) * strength,
        blood=np.maximum(tissue.blood + alpha * lesion.blood, 0),
        veil=alpha * np.clip(lesion.veil, 0, 1),
        scar=alpha * np.clip(lesion.scar, 0, 1),
    )


def _benign(rng: np.random.Generator, outline: Outline) -> Tissue:
    """One or two browns, the same pattern all over, often darker toward the middle."""
    shape, radius = outline.mask.shape, outline.radius
    unit = min(shape) / 256
    amount = float(np.clip(rng.lognormal(-0.55, 0.48), 0.28, 1.5))
    middle = smoothstep(-0.05, rng.uniform(0.3, 0.8), outline.depth / radius)
    clouds = fractal(rng, shape, 0.5 * radius, octaves=4)
    melanin = amount * (0.7 + rng.uniform(0.0, 0.7) * middle + 0.12 * clouds)
    kind = rng.choice(['network', 'globules', 'plain'], p=[0.45, 0.25, 0.3])
    if kind == 'network':
        melanin *= 1 + rng.uniform(0.35, 0.75) * _network(rng, outline, (4.5, 7.5))
    elif kind == 'globules':
        melanin += amount * rng.uniform(0.3, 0.7) * _globules(rng, outline, 0.018, (1.2, 3.0))
    melanin *= 1 + 0.1 * fractal(rng, shape, 4 * unit, octaves=2)
    blood = rng.uniform(-0.08, 0.35) * (1 + 0.2 * clouds) * middle
    zero = np.zeros(shape, np.float32)
    return _single_precision(melanin, blood, zero, zero)


def _melanoma(rng: np.random.Generator, outline: Outline) -> Tissue:
    """Several colors in patches: tan, brown, black blotches, red, blue-white veil and scars."""
    shape, radius = outline.mask.shape, outline.radius
    unit = min(shape) / 256
    depth = outline.depth / radius
    amount = float(np.clip(rng.lognormal(-0.5, 0.35), 0.35, 1.1))

    def patch(low: float, cell: float = 0.7) -> Field:
        return smoothstep(low, low + 1.3, fractal(rng, shape, cell * radius, octaves=5))

    melanin = amount * (0.75 + 0.9 * patch(-0.5) + 0.16 * fractal(rng, shape, 0.25 * radius))
    melanin *= 1 + rng.uniform(0.4, 0.9) * _network(rng, outline, (6, 10)) * patch(-0.8)
    melanin += rng.uniform(0.6, 1.5) * patch(0.3, 0.6)
    melanin += rng.uniform(0.3, 0.8) * _globules(rng, outline, 0.01, (0.8, 3.5)) * patch(-0.6)
    melanin *= 1 + 0.12 * fractal(rng, shape, 4 * unit, octaves=2)
    blood = rng.uniform(0.0, 0.5) * patch(-0.2) - rng.uniform(0, 0.08)
    # Veil and scar stay off the rim, where they would blur what the mask calls lesion.
    core = smoothstep(0.04, 0.35, depth)
    veil = core * patch(-0.2, 0.8) * rng.uniform(0.4, 0.75) * (rng.random() < 0.65)
    scar = core * patch(0.0, 0.6) * rng.uniform(0.25, 0.5) * (rng.random() < 0.5)
    return _single_precision(np.maximum(melanin, 0.45 * amount), blood, veil, scar)


def _single_precision(*parts: NDArray[np.floating]) -> Tissue:
    return Tissue(*(part.astype(np.float32, copy=False) for part in parts))


def _network(rng: np.random.Generator, outline: Outline, spacings: tuple[float, float]) -> Field:
    """Return a pigment network, about -0.4 in its holes and 0.6 on its lines.

    As real ones do, it appears in patches and fades toward the middle. `spacings` are the smallest
    and largest distance of neighboring holes, in units.
    """
    shape = outline.mask.shape
    unit = min(shape) / 256
    lines = smoothstep(0.3, 1.05, honeycomb(rng, shape, rng.uniform(*spacings) * unit)) - 0.4
    presence = smoothstep(-1.5, 0.8, fractal(rng, shape, 0.6 * outline.radius))
    return lines * presence * (1 - 0.6 * smoothstep(0.3, 0.9, outline.depth / outline.radius))


def _globules(
    rng: np.random.Generator, outline: Outline, density: float, radii: tuple[float, float]
) -> Field:
    """Return round clods, strength in [0, 1].

    `density` is their number per square unit of the lesion, `radii` are the smallest and largest
    radius, in units.
    """
    shape = outline.mask.shape
    unit = min(shape) / 256
    rows, columns = np.nonzero(outline.depth > 1.5 * unit)
    canvas = np.zeros(shape, np.uint8)
    count = int(len(rows) / unit**2 * density)
    for pick in rng.integers(0, max(len(rows), 1), count):
        center = (int(columns[pick]) * 16, int(rows[pick]) * 16)
        size = int(rng.uniform(*radii) * unit * 16)
        cv2.circle(canvas, center, size, int(rng.integers(110, 256)), -1, cv2.LINE_AA, 4)
    return soften(canvas, 0.7 * unit)


def _ellipse(
    x: Field, y: Field, center: NDArray[np.float64], radius: float, stretch: float, rotation: float
) -> Field:
    """Return the distance from `center` in units of an ellipse of the area of a disc."""
    dx, dy = x - np.float32(center[0]), y - np.float32(center[1])
    cosine, sine = np.float32(np.cos(rotation)), np.float32(np.sin(rotation))
    along = (cosine * dx + sine * dy) * np.float32(np.sqrt(stretch) / radius)
    across = (cosine * dy - sine * dx) * np.float32(1 / np.sqrt(stretch) / radius)
    return np.sqrt(along * along + across * across)


def _largest_region(support: NDArray[np.bool_], bridge: int) -> NDArray[np.uint8]:
    """Return the largest region without holes, and without parts thinner than `bridge` pixels."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (max(bridge, 3),) * 2)
    mask = cv2.morphologyEx(support.astype(np.uint8), cv2.MORPH_OPEN, kernel)
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    largest = max(outlines, key=cv2.contourArea)
    region = np.zeros(support.shape, np.uint8)
    cv2.drawContours(region, [largest], -1, 255, cv2.FILLED)
    return region
