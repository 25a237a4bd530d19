"""Healthy skin, and how pigment and blood become color."""

from dataclasses import dataclass

import cv2
import numpy as np

from isic_mmdet.synthetic.noise import Field, fractal, honeycomb, smoothstep, soften

# Melanin of the Fitzpatrick types I to VI, in the unit in which a mid-brown naevus adds 0.6.
TONES = (0.03, 0.09, 0.19, 0.38, 0.68, 1.05)
# How common each type is: a model has to see each of them often enough.
TONE_WEIGHTS = (0.18, 0.24, 0.22, 0.14, 0.12, 0.10)

# Relative absorption in red, green and blue. Melanin absorbs the shorter wavelengths more, so
# that little of it looks tan, more brown and much black; blood leaves only the red.
MELANIN_RGB = np.array([0.92, 1.36, 1.95], np.float32)
BLOOD_RGB = np.array([0.06, 0.85, 0.66], np.float32)
BARE_RGB = np.array([0.96, 0.93, 0.91], np.float32)
# Melanin that lies deep looks blue-gray because the tissue above scatters blue light back.
VEIL_RGB = np.array([0.42, 0.46, 0.55], np.float32)
SCAR_RGB = np.array([0.90, 0.82, 0.79], np.float32)
SURFACE = 0.05  # light that the surface reflects before it meets any pigment


@dataclass
class Tissue:
    """What the light meets, each (H, W) float32 and not negative."""

    melanin: Field  # pigment near the surface
    blood: Field
    veil: Field  # share of the color that a blue-white veil covers, in [0, 1]
    scar: Field  # share of the color that white, scar-like tissue covers, in [0, 1]

    def render(self) -> Field:
        """Return the reflected color, (H, W, 3) float32 RGB in [0, 1].

        Pigments absorb by the Beer-Lambert law: color falls exponentially with concentration.
        """
        absorbed = self.melanin[..., None] * MELANIN_RGB + self.blood[..., None] * BLOOD_RGB
        color = SURFACE + (1 - SURFACE) * BARE_RGB * np.exp(-absorbed)
        color += self.scar[..., None] * (SCAR_RGB - color)
        color += self.veil[..., None] * (VEIL_RGB - color)
        return color


def make_skin(rng: np.random.Generator, shape: tuple[int, int], skin_type: int) -> Tissue:
    """Return skin of Fitzpatrick type `skin_type` (1 to 6) without any lesion."""
    unit = min(shape) / 256
    tone = TONES[skin_type - 1] * rng.uniform(0.85, 1.15)
    flush = rng.uniform(0.08, 0.42)

    mottle = fractal(rng, shape, 60 * unit)
    grain = fractal(rng, shape, 5 * unit, octaves=2)
    furrows = smoothstep(0.55, 1.2, honeycomb(rng, shape, rng.uniform(7, 13) * unit))
    melanin = tone * (1 + 0.08 * mottle + 0.04 * grain) - rng.uniform(0, 0.06) * furrows
    melanin += 0.012 * grain + _freckles(rng, shape, unit) * rng.uniform(0.06, 0.2)
    blood = flush * (1 + 0.13 * fractal(rng, shape, 45 * unit) + 0.05 * grain)
    if rng.random() < 0.3:
        blood += _vessels(rng, shape, unit) * rng.uniform(0.1, 0.35)
    zero = np.zeros(shape, np.float32)
    return Tissue(
        melanin=np.maximum(melanin, 0).astype(np.float32),
        blood=np.maximum(blood, 0).astype(np.float32),
        veil=zero,
        scar=zero.copy(),
    )


def _freckles(rng: np.random.Generator, shape: tuple[int, int], unit: float) -> Field:
    """Return a few soft, small, pale spots, strength in [0, 1]."""
    spots = np.zeros(shape, np.uint8)
    count = int(rng.integers(5, 25)) if rng.random() < 0.3 else 0
    for _ in range(count):
        center = (int(rng.integers(shape[1])), int(rng.integers(shape[0])))
        axes = tuple(int(a) for a in np.rint(rng.uniform(0.8, 3.0, 2) * unit))
        cv2.ellipse(spots, center, axes, float(rng.uniform(0, 180)), 0, 360, 255, -1, cv2.LINE_AA)
    return soften(spots, 1.2 * unit)


def _vessels(rng: np.random.Generator, shape: tuple[int, int], unit: float) -> Field:
    """Return fine winding vessels, strength in [0, 1]: the zero lines of a cloud."""
    cloud = np.abs(fractal(rng, shape, 40 * unit, octaves=4))
    patch = smoothstep(0.2, 1.2, fractal(rng, shape, 80 * unit))
    return (1 - smoothstep(0.0, 0.12, cloud)) * patch
