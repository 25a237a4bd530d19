"""What a prediction costs besides its model, compared with decoding and encoding alone.

The model of `ours` finds the same lesion at once, as if a GPU took no time. Everything else is what
`tools/predict.py` does for a model on a GPU: processes read images, resize them for the network,
and write masks and rows of the table. The lower bound decodes the same images, at the same scale,
and encodes and writes the same masks, in as many processes as there are cores.
"""

import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmengine.registry import init_default_scope
from tqdm import tqdm

from benchmarks import networks
from benchmarks.harness import Worker, medians, row
from benchmarks.images import full_size_pairs, write_pictures
from isic_mmdet.deploy.predict.folder import in_groups, predict_groups
from isic_mmdet.deploy.predict.settings import FolderSettings
from isic_mmdet.deploy.preparation import PipelinePreparation, Prepared
from isic_mmdet.deploy.segmentation import Segmentation, Segmenter
from isic_mmdet.engine.config.data_sets import tested_dataset
from isic_mmdet.engine.config.load import load_config
from isic_mmdet.images.encoding import encode_mask
from isic_mmdet.images.frame import Frame
from isic_mmdet.images.reading import read_image
from isic_mmdet.images.sources import SourceFile
from isic_mmdet.masks.paste import BoxCells
from isic_mmdet.masks.views import ViewPrediction
from isic_mmdet.utils.files import write_atomically
from isic_mmdet.utils.prefetch import batches
from isic_mmdet.utils.system import available_cores, keep_freed_memory

_SIZE = 512
_BATCH = 16
#: Images of a round: prepared for training, and as a camera writes them.
_SMALL, _LARGE = 2048, 160
_OURS, _BOUND = 'ours', 'lower bound: decoding and encoding'


class InstantModel(Segmenter):
    """Finds a round lesion in the middle of each image, at once."""

    classes = ('lesion',)
    threshold = 0.5
    on_gpu = True

    def __init__(self) -> None:
        cfg = load_config(networks.OURS)
        init_default_scope(cfg.default_scope)
        pipeline = tested_dataset(cfg).pipeline
        self.preparation = PipelinePreparation(pipeline, str(networks.OURS), 32, in_boxes=True)
        rows, columns = np.mgrid[-1:1:28j, -1:1:28j]
        self._cells = (rows**2 + columns**2 < 1).astype(np.float32)

    def predict_batch(self, prepared: Sequence[Prepared]) -> list[Segmentation]:
        """See `Segmenter.predict_batch`."""
        return [self.in_the_middle(image.frame.shape) for image in prepared]

    def in_the_middle(self, shape: tuple[int, int]) -> Segmentation:
        """Return the lesion of an image of this height and width."""
        height, width = shape
        view = BoxCells(self._cells, (width / 4, height / 4, 3 * width / 4, 3 * height / 4))
        return self.merged([ViewPrediction(view, {0: 0.9})], Frame(shape))


def run(quick: bool) -> dict[str, Any]:
    """Return rows and details; a quick run takes few small images and one round on one core."""
    repeats, warm_ups = (1, 0) if quick else (4, 1)
    counts = [1] if quick else sorted({1, available_cores()})
    seconds: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        small = write_pictures(2 if quick else 32, _SIZE, work / 'small')
        sets = {f'{_SIZE} px': (small, len(small) if quick else _SMALL)}
        if not quick:
            pairs, of = full_size_pairs(work / 'drawn')
            sets[of] = ([image for image, _ in pairs], _LARGE)
        for title, (paths, number) in sets.items():
            for cores in counts:
                what = f'{title}, {cores} {"core" if cores == 1 else "cores"}'
                ways = {
                    name: Worker(way, cores, paths, number, work / f'{name}-{what}')
                    for name, way in ((_OURS, _ours), (_BOUND, _alone))
                }
                taken: dict[str, list[float]] = {name: [] for name in ways}
                for _ in tqdm(range(warm_ups + repeats), what, unit='round'):
                    for name, worker in ways.items():
                        taken[name].append(worker.ask() / number)
                for worker in ways.values():
                    worker.close()
                seconds[what] = {name: values[warm_ups:] for name, values in taken.items()}
    rows = []
    for what, taken in seconds.items():
        middle = medians(taken)
        rows.append(
            row(
                f'an image without its model, {what}',
                middle[_OURS],
                _BOUND,
                middle[_BOUND],
                at_most=1.2,
            )
        )
    return {'rows': rows, 'details': {'batch': _BATCH, 'seconds_per_image': seconds}}


def _ours(cores: int, paths: Sequence[Path], number: int, out: Path) -> Callable[[], float]:
    _use(cores)
    files = {str(n): _source(paths[n % len(paths)]) for n in range(number)}
    groups = in_groups(files, _BATCH)
    settings = FolderSettings(out, overlay=False, batch_size=_BATCH, workers=None)
    model = InstantModel()

    def predict() -> float:
        start = time.perf_counter()
        errors = predict_groups(model, groups, files, settings, rank=1)
        assert not errors
        return time.perf_counter() - start

    return predict


def _alone(cores: int, paths: Sequence[Path], number: int, out: Path) -> Callable[[], float]:
    _use(cores)
    out.mkdir()
    shares = list(batches(range(number), -(-number // cores)))
    model = InstantModel()
    work = [partial(_decode_and_encode, model, paths, out, share) for share in shares]

    def both() -> float:
        start = time.perf_counter()
        context = multiprocessing.get_context('fork')
        processes = [context.Process(target=each) for each in work]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
            assert process.exitcode == 0
        return time.perf_counter() - start

    return both


def _decode_and_encode(
    model: InstantModel, paths: Sequence[Path], out: Path, numbers: Sequence[int]
) -> None:
    cv2.setNumThreads(1)
    keep_freed_memory()
    masks: dict[tuple[int, int], np.ndarray] = {}
    for n in numbers:
        read = read_image(_source(paths[n % len(paths)]), model.preparation.reduction)
        shape = read.frame.shape
        if shape not in masks:
            masks[shape] = model.in_the_middle(shape).mask
        write_atomically(out / f'{n}.png', encode_mask(masks[shape]))


def _source(path: Path) -> SourceFile:
    return SourceFile(path, None, path.stat().st_size, 0)


def _use(cores: int) -> None:
    """Let this process and its children use so many cores."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
