"""Models behind one call: an image file or an image goes in, a mask comes out.

Torch is imported only by those that need it, because most of them run in a `Worker` of their own.
"""

import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
from numpy.typing import NDArray

Image = NDArray[np.uint8]
FilePredictor = Callable[[Path], None]

# A baseline that needs more of the free memory than this share must fail alone.
_SHARE_OF_MEMORY = 0.8


def segmenter_files(segmenter: Any, mask: Path) -> FilePredictor:
    """Return what `tools/predict.py` does with a loaded model; it writes `mask`."""
    from isic_mmdet.deploy.predict.folder import predict_groups
    from isic_mmdet.deploy.predict.settings import FolderSettings
    from isic_mmdet.images.sources import SourceFile
    from isic_mmdet.isic.submission import mask_name

    settings = FolderSettings(mask.parent, overlay=False, batch_size=4, workers=4)

    def predict(path: Path) -> None:
        file = SourceFile(path, None, path.stat().st_size, 0)
        # Only the process of rank 0 shows a progress bar.
        errors = predict_groups(segmenter, [[(mask.stem, file)]], [mask.stem], settings, rank=1)
        if errors:
            raise ValueError(f'{path} cannot be predicted: {errors}')
        (mask.parent / mask_name(mask.stem)).replace(mask)

    return predict


def mmdet_files(model: Any, size: int, mask: Path) -> FilePredictor:
    """Return a predictor that writes the mask with the highest score of a detector of mmdet."""
    # networks installs what mmcv lacks.
    import benchmarks.networks  # noqa: F401
    from mmcv.transforms import Compose  # isort: skip
    from mmdet.apis import inference_detector  # isort: skip

    keys = ('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor')
    pipeline = Compose(
        [
            dict(type='LoadImageFromFile'),
            dict(type='mmdet.Resize', scale=(size, size), keep_ratio=True),
            dict(type='mmdet.PackDetInputs', meta_keys=keys),
        ]
    )
    model.eval()
    model.cfg = {}  # `inference_detector` reads nothing of it if it is given a pipeline

    def predict(path: Path) -> None:
        found = inference_detector(model, str(path), test_pipeline=pipeline).pred_instances
        best = found.masks[int(found.scores.argmax())].cpu().numpy()
        cv2.imwrite(str(mask), best.astype(np.uint8) * 255)

    return predict


def torchvision_files(model: Any, mask: Path) -> FilePredictor:
    """Return a predictor that writes the mask with the highest score of torchvision's model."""
    import torch

    model.eval()
    device = next(model.parameters()).device

    @torch.inference_mode()
    def predict(path: Path) -> None:
        image = cv2.cvtColor(_read(path), cv2.COLOR_BGR2RGB)
        tensor = torch.from_numpy(image.transpose(2, 0, 1) / np.float32(255)).to(device)
        (found,) = model([tensor])
        best = found['masks'][int(found['scores'].argmax()), 0] > 0.5
        cv2.imwrite(str(mask), best.cpu().numpy().astype(np.uint8) * 255)

    return predict


def file_worker(name: str, mask: Path, *arguments: Any) -> Callable[[Path], float]:
    """Return, for a `Worker`, a function that returns the seconds of one image file.

    Args:
        name: `onnx`, `ours`, `stock mmdet` or `torchvision`.
        mask: file to write.
        arguments: an exported file, and a folder with ONNX Runtime if it is not the installed one;
            or config, checkpoint and whether to use bfloat16; or the image size of a baseline.
    """
    if name == 'onnx':
        exported, *runtime = arguments
        sys.path[:0] = map(str, runtime)
        from isic_mmdet.deploy.onnx_segmenter import OnnxSegmenter

        predict = segmenter_files(OnnxSegmenter(exported), mask)
        return lambda path: _seconds(predict, path)
    from benchmarks import networks

    limit = int(_SHARE_OF_MEMORY * psutil.virtual_memory().available)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    if name == 'ours':
        from isic_mmdet.deploy.segmenter import LesionSegmenter

        config, checkpoint, amp = arguments
        predict = segmenter_files(LesionSegmenter(config, checkpoint, 'cpu', amp=amp), mask)
    elif name == 'stock mmdet':
        (size,) = arguments
        predict = mmdet_files(networks.stock_mmdet(), size, mask)
    else:
        predict = torchvision_files(networks.torchvision_baseline(*arguments), mask)
    return lambda path: _seconds(predict, path)


def image_worker(image_path: Path, kind: str, *arguments: Any) -> Callable[[], float]:
    """Return, for a `Worker`, a function that returns the seconds of one image in memory.

    The lesion is found once before it returns.

    Args:
        image_path: file of the image.
        kind: `onnx`, `pytorch` or `mmdet`.
        arguments: an exported file; or config, checkpoint and whether to use bfloat16; or config
            and checkpoint of mmdet's inferencer.
    """
    predict: Callable[[Image], object]
    if kind == 'onnx':
        from isic_mmdet.deploy.onnx_segmenter import OnnxSegmenter

        onnx_segmenter = OnnxSegmenter(*arguments)
        predict = lambda image: onnx_segmenter(image).mask  # noqa: E731
    elif kind == 'pytorch':
        from isic_mmdet.deploy.segmenter import LesionSegmenter

        config, checkpoint, amp = arguments
        segmenter = LesionSegmenter(config, checkpoint, 'cpu', amp=amp)
        predict = lambda image: segmenter(image).mask  # noqa: E731
    else:
        predict = _mmdet_inferencer(*arguments)
    image = np.ascontiguousarray(_read(image_path)[..., ::-1], np.uint8)
    predict(image)
    return lambda: _seconds(predict, image)


def _mmdet_inferencer(config: Path, checkpoint: Path | None) -> Callable[[Image], object]:
    # mmdet's inferencer needs only the operators that mmcv-lite lacks.
    import isic_mmdet.register  # noqa: F401
    from mmdet.apis import DetInferencer  # isort: skip

    weights = None if checkpoint is None else str(checkpoint)
    inferencer = DetInferencer(str(config), weights, 'cpu', show_progress=False)

    def predict(image: Image) -> object:
        done = inferencer(image[..., ::-1], no_save_vis=True, return_datasamples=True)
        found = done['predictions'][0].pred_instances
        return found.masks[int(found.scores.argmax())].numpy()

    return predict


def _seconds(predict: Callable[[Any], object], image: Any) -> float:
    start = time.perf_counter()
    predict(image)
    return time.perf_counter() - start


def _read(path: Path) -> NDArray[Any]:
    stored = cv2.imread(str(path))
    assert stored is not None  # the benchmark wrote it
    return stored
