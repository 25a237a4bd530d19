"""Draws what lies between skin and file: hairs, bubbles, a ruler, the lens and the sensor."""

import cv2
import numpy as np
from numpy.typing import NDArray

from isic_mmdet.synthetic.noise import Field, fractal, smoothstep

# Thin lines are drawn this many times larger and shrunk, so that widths below a pixel exist.
OVERSAMPLING = 3


def add_hairs(rng: np.random.Generator, color: Field, skin_type: int) -> None:
    """Draw thin, curved, tapering hairs on `color` (H, W, 3), in place."""
    height, width = color.shape[:2]
    kind = rng.random()
    count = 0 if kind < 0.4 else int(rng.integers(1, 7) if kind < 0.8 else rng.integers(8, 22))
    if not count:
        return
    unit = min(height, width) / 256
    canvas = np.zeros((height * OVERSAMPLING, width * OVERSAMPLING), np.uint8)
    drift = rng.uniform(0, 2 * np.pi)
    thickness = rng.uniform(0.6, 1.5)
    for _ in range(count):
        _draw_hair(rng, canvas, drift + rng.normal(0, 0.5), thickness * unit)
    cover = _shrink(canvas, (height, width))
    light = rng.random() < (0.25 if skin_type < 5 else 0.1)
    tint = np.array([0.80, 0.72, 0.58] if light else [0.16, 0.11, 0.09], np.float32)
    tint *= np.float32(rng.uniform(0.8, 1.2))
    opacity = np.float32(rng.uniform(0.45, 0.75) if light else rng.uniform(0.7, 0.95))
    # Hairs cast a soft shadow to one side.
    shift = np.array([[1, 0, 1.5 * unit], [0, 1, 1.5 * unit]], np.float32)
    shadow = cv2.warpAffine(cv2.GaussianBlur(cover, (0, 0), 1.5 * unit), shift, (width, height))
    color *= 1 - 0.22 * shadow[..., None]
    color += (cover * opacity)[..., None] * (tint - color)


def _draw_hair(
    rng: np.random.Generator, canvas: NDArray[np.uint8], angle: float, thickness: float
) -> None:
    """Draw one hair as a curve that gets thinner toward its tip."""
    height, width = canvas.shape
    length = rng.uniform(0.3, 1.1) * min(height, width)
    way = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-way[1], way[0]])
    root = rng.uniform(-0.1, 1.1, 2) * (width, height) - way * length * 0.5
    bend = rng.normal(0, 0.22, 2) * length
    t = np.linspace(0, 1, 25)[:, None]
    points = root + way * length * t
    points += across * (bend[0] * 4 * t * (1 - t) + bend[1] * t**3)
    fixed = np.rint(points * 16).astype(np.int32)
    for part in range(4):
        width_here = max(1, round(thickness * OVERSAMPLING * (1 - 0.2 * part)))
        piece = fixed[part * 6 : part * 6 + 7]
        cv2.polylines(canvas, [piece], False, 255, width_here, cv2.LINE_AA, 4)


def add_ruler(rng: np.random.Generator, color: Field) -> None:
    """Draw a millimeter scale near one side of `color` (H, W, 3), in place."""
    height, width = color.shape[:2]
    unit = min(height, width) / 256 * OVERSAMPLING
    canvas = np.zeros((height * OVERSAMPLING, width * OVERSAMPLING), np.uint8)
    step = rng.uniform(7, 12) * unit
    ticks = int(rng.integers(10, 17))
    upright = rng.random() < 0.3
    line = np.ascontiguousarray(canvas.T) if upright else canvas
    y = line.shape[0] - rng.uniform(14, 26) * unit
    x = (line.shape[1] - ticks * step) * rng.uniform(0.1, 0.9)
    slope = rng.normal(0, 0.03)
    for tick in range(ticks + 1):
        long = 9 if tick % 5 == 0 else 5
        foot = (x + tick * step, y + tick * step * slope)
        ends = [foot, (foot[0] + slope * long * unit, foot[1] - long * unit)]
        _line(line, ends, unit)
    _line(line, [(x, y), (x + ticks * step, y + ticks * step * slope)], unit)
    ink = _shrink(np.ascontiguousarray(line.T) if upright else line, (height, width))
    color += (ink * np.float32(rng.uniform(0.6, 0.9)))[..., None] * (np.float32(0.1) - color)


def _line(canvas: NDArray[np.uint8], ends: list[tuple[float, float]], unit: float) -> None:
    fixed = np.rint(np.array(ends) * 16).astype(np.int32)
    cv2.polylines(canvas, [fixed], False, 255, max(1, round(0.8 * unit)), cv2.LINE_AA, 4)


def add_bubbles(rng: np.random.Generator, color: Field) -> None:
    """Draw air bubbles in the contact gel: rings, bright on the side of the light, in place."""
    height, width = color.shape[:2]
    unit = min(height, width) / 256
    light = rng.uniform(0, 2 * np.pi)
    for _ in range(rng.integers(1, 9)):
        radius = float(np.clip(rng.lognormal(1.4, 0.55), 2, 14)) * unit
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        reach = int(radius * 1.4) + 2
        top, left = max(int(y) - reach, 0), max(int(x) - reach, 0)
        patch = color[top : int(y) + reach, left : int(x) + reach]
        rows, columns = np.mgrid[: patch.shape[0], : patch.shape[1]].astype(np.float32)
        dx, dy = columns + np.float32(left - x), rows + np.float32(top - y)
        distance = np.hypot(dx, dy) / np.float32(radius)
        ring = np.exp(-(((distance - 0.9) / 0.13) ** 2))
        side = np.cos(np.arctan2(dy, dx) - np.float32(light))
        glint_x, glint_y = radius * 0.45 * np.cos(light), radius * 0.45 * np.sin(light)
        glint = np.exp(-((dx - glint_x) ** 2 + (dy - glint_y) ** 2) / (0.2 * radius) ** 2)
        patch += (ring * (0.05 + 0.2 * side) + 0.4 * glint)[..., None].astype(np.float32)


def through_lens(rng: np.random.Generator, color: Field, dark_corners: bool) -> Field:
    """Return the image that the camera takes of `color`, (H, W, 3) float32 in [0, 1].

    Uneven light, a fall-off toward the corners (black outside the lens tube with
    `dark_corners`), exposure and white balance, a slight blur and the noise of the sensor.
    """
    shape = (color.shape[0], color.shape[1])
    height, width = shape
    unit = min(shape) / 256
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    tilt = rng.uniform(0, 0.2) * (np.cos(angle) * x + np.sin(angle) * y)
    shift = rng.normal(0, 0.12, 2)
    squared = (x - np.float32(shift[0])) ** 2 + (y - np.float32(shift[1])) ** 2
    light = (1 + tilt - rng.uniform(0.03, 0.26) * squared).astype(np.float32)
    light += 0.035 * fractal(rng, shape, 110 * unit, octaves=2)
    if dark_corners:
        pixels = np.hypot(x * width, y * height) / np.float32(np.hypot(width, height))
        rim = rng.uniform(0.8, 0.97)
        light *= 1 - 0.97 * smoothstep(rim - rng.uniform(0.015, 0.1), rim, pixels)
    # The camera brightens dark scenes, but not all the way.
    exposure = rng.uniform(0.85, 1.12) * (0.62 / float(color.mean())) ** 0.3
    balance = (exposure * rng.normal(1, 0.035, 3)).astype(np.float32)
    photo = color * light[..., None] * balance
    photo = cv2.GaussianBlur(photo, (0, 0), rng.uniform(0.35, 0.9) * unit)
    noise = rng.standard_normal((height, width, 3), dtype=np.float32)
    photo += noise * np.float32(rng.uniform(0.004, 0.016))
    in_range: Field = np.clip(photo, 0, 1).astype(np.float32, copy=False)
    return in_range


def _shrink(canvas: NDArray[np.uint8], shape: tuple[int, int]) -> Field:
    """Return an oversampled drawing as coverage in [0, 1], (H, W) float32."""
    small = cv2.resize(canvas, (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
    return small.astype(np.float32) / np.float32(255)
