"""One predictor in a process of its own: what `benchmarks.onnx` starts and asks.

    python -m benchmarks.first_mask IMAGE onnx MODEL.onnx
    python -m benchmarks.first_mask IMAGE pytorch CONFIG CHECKPOINT [--amp]
    python -m benchmarks.first_mask IMAGE mmdet CONFIG [CHECKPOINT]

It loads, finds the lesion of the image, and says so in a line of output. From then on, for every
line of input, it finds the lesion again and writes a line: seconds, and its peak memory in MB.
"""

import sys
import time
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from benchmarks.memory import peak_mb

Image = NDArray[np.uint8]


def _onnx(model: str) -> Callable[[Image], object]:
    from isic_mmdet.deploy.onnx_segmenter import OnnxSegmenter

    net = OnnxSegmenter(model)
    return lambda image: net(image).mask


def _pytorch(config: str, checkpoint: str, amp: str = '') -> Callable[[Image], object]:
    from isic_mmdet.deploy.segmenter import LesionSegmenter

    segmenter = LesionSegmenter(config, checkpoint, 'cpu', amp=bool(amp))
    return lambda image: segmenter(image).mask


def _mmdet(config: str, checkpoint: str | None = None) -> Callable[[Image], object]:
    # The inferencer of mmdet knows nothing of this project but what its operators lack.
    import isic_mmdet.register  # noqa: F401
    from mmdet.apis import DetInferencer  # isort: skip

    inferencer = DetInferencer(config, checkpoint, 'cpu', show_progress=False)

    def mask(image: Image) -> object:
        done = inferencer(image[..., ::-1], no_save_vis=True, return_datasamples=True)
        found = done['predictions'][0].pred_instances
        return found.masks[int(found.scores.argmax())].numpy()

    return mask


WAYS: dict[str, Callable[..., Callable[[Image], object]]] = {
    'onnx': _onnx,
    'pytorch': _pytorch,
    'mmdet': _mmdet,
}


def main(image_path: str, way: str, *arguments: str) -> None:
    """Do what the module says."""
    import cv2

    mask = WAYS[way](*arguments)
    stored = cv2.imread(image_path)
    assert stored is not None  # written by the benchmark
    image = np.ascontiguousarray(stored[..., ::-1], np.uint8)
    mask(image)
    tell = partial(print, flush=True, file=sys.__stdout__)
    tell('ready')
    for _ in sys.stdin:
        start = time.perf_counter()
        mask(image)
        tell(f'{time.perf_counter() - start:.6f} {peak_mb():.1f}')


if __name__ == '__main__':
    # What mmdet prints is not for the one who asks.
    sys.stdout = sys.stderr
    main(*sys.argv[1:])
