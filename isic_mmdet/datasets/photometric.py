"""Photometric transforms of the recipes. They change only `img`."""

from typing import Any

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness
from mmdet.datasets.transforms import PhotoMetricDistortion
from mmdet.registry import TRANSFORMS

from isic_mmdet.errors import InputError
from isic_mmdet.images.planar import to_planar


@TRANSFORMS.register_module()
class GaussianBlur(BaseTransform):
    """Blurs the image.

    Args:
        sigma: standard deviation of the Gaussian in pixels, drawn uniformly from this interval.
    """

    def __init__(self, sigma: tuple[float, float] = (0.0, 2.0)) -> None:
        self.sigma = sigma

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Blur `img`, (H, W, 3) uint8."""
        sigma = self._draw()
        if sigma > 0:
            results['img'] = cv2.GaussianBlur(results['img'], (0, 0), sigma)
        return results

    @cache_randomness
    def _draw(self) -> float:
        return float(np.random.uniform(*self.sigma))

    def __repr__(self) -> str:
        return f'{type(self).__name__}(sigma={self.sigma})'


@TRANSFORMS.register_module()
class ChannelBrightness(BaseTransform):
    """Scales each color channel by its own factor.

    Args:
        factor: drawn uniformly from this interval for every channel; results are clipped at 255.
    """

    def __init__(self, factor: tuple[float, float] = (0.7, 1.3)) -> None:
        self.factor = factor

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Scale the channels of `img`, (H, W, 3) uint8."""
        scaled = np.rint(results['img'] * self._draw())
        results['img'] = np.clip(scaled, 0, 255).astype(np.uint8)
        return results

    @cache_randomness
    def _draw(self) -> np.ndarray:
        """Return three factors, (3,) float32."""
        return np.random.uniform(*self.factor, 3).astype(np.float32)

    def __repr__(self) -> str:
        return f'{type(self).__name__}(factor={self.factor})'


@TRANSFORMS.register_module()
class BytePhotoMetricDistortion(PhotoMetricDistortion):
    """mmdet's `PhotoMetricDistortion`, computed in bytes instead of floating-point numbers.

    It draws the same random numbers and applies them in the same order: brightness, contrast,
    saturation, hue, contrast, order of the channels. Every step rounds and clips, while mmdet
    keeps values below 0 and above 255. Apart from these, the result is within a few gray levels
    of mmdet's, on average within half a level. Later steps have a quarter of the bytes to process.

    Args:
        swap_channels: shuffle the color channels of half of the images, as mmdet does. Set False
            to train a diagnosis: blue and red are signs of melanoma.
        **kwargs: of `mmdet.datasets.transforms.PhotoMetricDistortion`.
    """

    def __init__(self, swap_channels: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.swap_channels = swap_channels

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Distort `img`, (H, W, 3) uint8, BGR.

        Raises:
            InputError: `img` is not of 8 bits.
        """
        image = results['img']
        if image.dtype != np.uint8:
            raise InputError(
                f'{type(self).__name__} got an image of type {image.dtype}; '
                'load it without to_float32=True'
            )
        (
            contrast_is_early,
            has_brightness,
            has_contrast,
            has_saturation,
            has_hue,
            has_order,
            brightness,
            contrast,
            saturation,
            hue,
            order,
        ) = self._random_flags()
        early = contrast if has_contrast and contrast_is_early else 1.0
        late = contrast if has_contrast and not contrast_is_early else 1.0
        image = _scaled(image, early, early * brightness if has_brightness else 0.0)
        if has_saturation or has_hue:
            # Hue has the range 0 to 255 here, so the overflow of bytes closes the circle.
            hues, saturations, values = cv2.split(cv2.cvtColor(image, cv2.COLOR_BGR2HSV_FULL))
            if has_hue:
                hues = hues + np.uint8(round(hue * 256 / 360) % 256)
            if has_saturation:
                saturations = _scaled(saturations, saturation)
            distorted = cv2.merge([hues, saturations, values])
            image = cv2.cvtColor(distorted, cv2.COLOR_HSV2BGR_FULL)
        image = _scaled(image, late)
        swapped = has_order and self.swap_channels
        results['img'] = to_planar(image, order) if swapped else image
        return results


def _scaled(image: np.ndarray, factor: float, offset: float = 0.0) -> np.ndarray:
    """Return a uint8 image times a factor plus an offset, rounded and clipped to 0 and 255."""
    if factor == 1 and offset == 0:
        return image
    return cv2.addWeighted(image, factor, image, 0, offset)
