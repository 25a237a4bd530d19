"""Photometric transforms of the recipes that mmdet lacks. They change `img` alone."""

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness
from mmdet.registry import TRANSFORMS


@TRANSFORMS.register_module()
class GaussianBlur(BaseTransform):
    """Blurs the image, as an unsharp picture is.

    Args:
        sigma: standard deviation of the Gaussian in pixels, drawn uniformly from this interval.
    """

    def __init__(self, sigma: tuple[float, float] = (0.0, 2.0)) -> None:
        self.sigma = sigma

    def transform(self, results: dict) -> dict:
        """Blur `img`, (H, W, 3) uint8; a standard deviation of 0 leaves it as it is."""
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
    """Makes each colour channel brighter or darker by a factor of its own.

    Args:
        factor: drawn uniformly from this interval for every channel; values beyond 255 are cut.
    """

    def __init__(self, factor: tuple[float, float] = (0.7, 1.3)) -> None:
        self.factor = factor

    def transform(self, results: dict) -> dict:
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
