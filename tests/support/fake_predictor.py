"""A server on a free port, whose predictor needs no model: dark pixels are the lesion."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import cv2
import numpy as np

from isic_mmdet.deploy.segmentation import Segmentation
from isic_mmdet.evaluation.expected_iou import ExpectedIoU
from isic_mmdet.images.frame import Frame
from isic_mmdet.masks.paste import BoxCells
from isic_mmdet.serve import LesionServer, Settings


class FakePredictor:
    """Returns dark pixels as the lesion; has the interface of `OnnxSegmenter`.

    Attributes:
        classes: those of a model of melanoma.
        calibration: of the expected IoU.
        gate: while it is cleared, every image waits.
        sizes: of the images that it saw, in order.
    """

    classes = ('benign', 'melanoma')
    # It expects the score as the IoU.
    calibration = ExpectedIoU('score', 0.0, 1.0, check_below=0.5, images=100)

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.sizes: list[tuple[int, int]] = []
        self.preparation = self

    def reduction(self, height: int, width: int) -> int:
        return 1

    def prepare(self, image: np.ndarray, frame: Frame) -> np.ndarray:
        if min(image.shape[:2]) < 4:
            raise ValueError('too narrow for the model')
        return image

    def predict(self, prepared: Sequence[np.ndarray]) -> list[Segmentation]:
        assert self.gate.wait(60)
        return [self._lesion(image) for image in prepared]

    def _lesion(self, image: np.ndarray) -> Segmentation:
        shape = height, width = image.shape[:2]
        self.sizes.append((width, height))
        dark = 255 - image.mean(2).astype(np.float32)
        dark = cv2.GaussianBlur(dark, (0, 0), max(shape) / 64)
        x, y, w, h = cv2.boundingRect((dark > 130).astype(np.uint8))
        if not w:
            return Segmentation(shape, (), 1, 0.5, 0.0, None, None, self.calibration)
        cells = cv2.resize(dark[y : y + h, x : x + w], (28, 28), interpolation=cv2.INTER_AREA)
        cells = np.clip((cells - 100) / 60, 0, 1)
        views = (BoxCells(cells, (float(x), float(y), float(x + w), float(y + h))),)
        score = 0.5 + float(cells.mean()) / 2  # differs between images
        box = x, y, w, h
        return Segmentation(shape, views, 1, 0.5, score, 'benign', box, self.calibration)


@contextmanager
def served(predictor: object, **settings: object) -> Iterator[LesionServer]:
    """Serve on a free port, in threads of this process."""
    server = LesionServer(predictor, Settings(**{'port': 0, **settings}))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server
    finally:
        server.should_exit = True
        thread.join()
