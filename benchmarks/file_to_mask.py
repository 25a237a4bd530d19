"""One model in a process of its own, that makes mask files of image files.

    python -m benchmarks.file_to_mask MASK ours CONFIG CHECKPOINT [amp]
    python -m benchmarks.file_to_mask MASK mmdet SIZE
    python -m benchmarks.file_to_mask MASK torchvision SIZE

It loads the model and writes a line of JSON: `loaded_mb`, its resident memory then. From then on,
for every line of input, the path of an image, it writes the mask with the highest score to MASK,
and answers `seconds` and `peak_mb`, the highest resident memory in the meantime. (MB are 10^6
bytes.) Linux only, for how it learns the peak.
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil

from benchmarks.memory import peak_mb, reset_peak, resident_mb

# Share of the free memory that this process may take. A baseline that needs more must end with
# a message and must not stop the others.
_SHARE = 0.8

Way = Callable[[Path], None]


def _ours(mask: Path, config: str, checkpoint: str, amp: str = '') -> Way:
    from isic_mmdet.deploy.predict.folder import predict_groups
    from isic_mmdet.deploy.predict.outputs import FolderSettings
    from isic_mmdet.deploy.segmenter import LesionSegmenter
    from isic_mmdet.images.sources import SourceFile
    from isic_mmdet.isic.submission import mask_name

    segmenter = LesionSegmenter(config, checkpoint, 'cpu', amp=bool(amp))
    # What tools/predict.py does, with its defaults.
    settings = FolderSettings(mask.parent, overlay=False, batch_size=4, workers=4)

    def way(path: Path) -> None:
        file = SourceFile(path, None, path.stat().st_size, 0)
        # Any process but the first shows no progress bar.
        errors = predict_groups(segmenter, [[(mask.stem, file)]], [mask.stem], settings, 1)
        if errors:
            raise ValueError(f'{path} cannot be predicted: {errors}')
        (mask.parent / mask_name(mask.stem)).replace(mask)

    return way


def _mmdet(mask: Path, size: str) -> Way:
    from benchmarks.networks import stock_mmdet
    from mmcv.transforms import Compose  # isort: skip
    from mmdet.apis import inference_detector  # isort: skip

    model: Any = stock_mmdet().eval()
    scale = int(size), int(size)
    keys = ('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor')
    pipeline = Compose(
        [
            dict(type='LoadImageFromFile'),
            dict(type='mmdet.Resize', scale=scale, keep_ratio=True),
            dict(type='mmdet.PackDetInputs', meta_keys=keys),
        ]
    )
    # All that `inference_detector` asks of the config where it is given a pipeline.
    model.cfg = {}

    def way(path: Path) -> None:
        found = inference_detector(model, str(path), test_pipeline=pipeline).pred_instances
        best = found.masks[int(found.scores.argmax())].numpy()
        cv2.imwrite(str(mask), best.astype(np.uint8) * 255)

    return way


def _torchvision(mask: Path, size: str) -> Way:
    import torch

    from benchmarks.networks import torchvision_baseline

    model = torchvision_baseline(int(size)).eval()

    @torch.inference_mode()
    def way(path: Path) -> None:
        stored = cv2.imread(str(path))
        assert stored is not None  # written by the benchmark
        image = cv2.cvtColor(stored, cv2.COLOR_BGR2RGB)
        tensor = torch.from_numpy(image.transpose(2, 0, 1) / np.float32(255))
        (found,) = model([tensor])
        best = found['masks'][int(found['scores'].argmax()), 0] > 0.5
        cv2.imwrite(str(mask), best.numpy().astype(np.uint8) * 255)

    return way


WAYS: dict[str, Callable[..., Way]] = {
    'ours': _ours,
    'mmdet': _mmdet,
    'torchvision': _torchvision,
}


def main(mask: str, way: str, *arguments: str) -> None:
    """Do what the module says."""
    limit = int(_SHARE * psutil.virtual_memory().available)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    # Whatever else is printed is not for the one who asks.
    answers, sys.stdout = sys.stdout, sys.stderr
    write_mask = WAYS[way](Path(mask), *arguments)
    loaded = resident_mb()
    print(json.dumps({'loaded_mb': loaded}), file=answers, flush=True)
    for line in sys.stdin:
        reset_peak()
        start = time.perf_counter()
        write_mask(Path(line.strip()))
        answer = {
            'seconds': time.perf_counter() - start,
            'peak_mb': peak_mb(),
        }
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == '__main__':
    main(*sys.argv[1:])
