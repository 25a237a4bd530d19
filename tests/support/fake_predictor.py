"""A server on a free port, with a predictor that needs no model: dark is lesion."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import cv2
import numpy as np

from isic_mmdet.deploy.segmentation import Segmentation
from isic_mmdet.images.frame import Frame
from isic_mmdet.masks.paste import BoxCells
from isic_mmdet.serve import LesionServer, Settings


class FakePredictor:
    """Takes what is dark for the lesion; has the interface of `OnnxSegmenter`.

    Attributes:
        classes: as of a model of melanoma.
        seconds: how long it takes for an image.
        gate: closed, it keeps every image waiting.
        sizes: of the images that it saw, in their order.
    """

    classes = ('benign', 'melanoma')

    def __init__(self) -> None:
        self.seconds = 0.0
        self.gate = threading.Event()
        self.gate.set()
        self.sizes: list[tuple[int, int]] = []

    def reduction(self, height: int, width: int) -> int:
        return 1

    def prepare(self, image: np.ndarray, frame: Frame) -> np.ndarray:
        if min(image.shape[:2]) < 4:
            raise ValueError('too narrow for the model')
        return image

    def predict(self, prepared: Sequence[np.ndarray]) -> list[Segmentation]:
        assert self.gate.wait(60)
        time.sleep(self.seconds)
        return [self._lesion(image) for image in prepared]

    def _lesion(self, image: np.ndarray) -> Segmentation:
        shape = height, width = image.shape[:2]
        self.sizes.append((width, height))
        dark = 255 - image.mean(2).astype(np.float32)
        dark = cv2.GaussianBlur(dark, (0, 0), max(shape) / 64)
        x, y, w, h = cv2.boundingRect((dark > 130).astype(np.uint8))
        if not w:
            return Segmentation(shape, (), 1, 0.5, 0.0, None, None)
        cells = cv2.resize(dark[y : y + h, x : x + w], (28, 28), interpolation=cv2.INTER_AREA)
        cells = np.clip((cells - 100) / 60, 0, 1)
        views = (BoxCells(cells, (float(x), float(y), float(x + w), float(y + h))),)
        score = 0.5 + float(cells.mean()) / 2  # tells one image from another
        return Segmentation(shape, views, 1, 0.5, score, 'benign', (x, y, w, h))


@contextmanager
def served(net: object, **settings: object) -> Iterator[LesionServer]:
    """Serve on a free port, in threads of this process."""
    with LesionServer(net, Settings(**{'port': 0, **settings})) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
