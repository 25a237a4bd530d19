"""Workers that read images before the model takes them, and write what it finds.

Two of them are in this file: threads for a model on the CPU, which takes most of the time, and
processes for a model on a GPU, which is faster than the Python of one process.

An image stays with the worker that has read it. Only its pixels at the size of the network go to
the model, and only the lesion comes back, so that overlays and crops need no copy of an image.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import cycle
from typing import NamedTuple

from isic_mmdet.deploy.predict.outputs import (
    HEIGHT,
    LoadedImage,
    Written,
    shown_image,
    write_outputs,
)
from isic_mmdet.deploy.predict.settings import FolderSettings
from isic_mmdet.deploy.segmentation import Preparation, PreparedImage, Segmentation, Segmenter
from isic_mmdet.errors import InputError
from isic_mmdet.images.decoding import UnreadableError
from isic_mmdet.images.reading import read_image
from isic_mmdet.images.sources import SourceFile
from isic_mmdet.prepare.pool import start_server, start_worker
from isic_mmdet.utils.system import available_cores

# A model on the CPU needs the cores itself.
_THREADS = 4


class ToRead(NamedTuple):
    """An image of a group, see `folder.in_groups`; an image that is not `wanted` is not written."""

    group: int
    name: str
    file: SourceFile
    wanted: bool


class Ready(NamedTuple):
    """An image at the size of the network, and the number of the worker that has read it."""

    image: ToRead
    prepared: PreparedImage
    worker: int


class Unreadable(NamedTuple):
    """An image that could not be read."""

    image: ToRead
    reason: str


class ImageWork:
    """What a worker does.

    Args:
        preparation: of the model.
        settings: of the folder.
    """

    def __init__(self, preparation: Preparation, settings: FolderSettings) -> None:
        self._preparation, self._settings = preparation, settings
        self._loaded: dict[str, LoadedImage] = {}

    def read(self, image: ToRead, worker: int) -> Ready | Unreadable:
        """Return an image for the model, and keep what its results need."""
        try:
            read = read_image(image.file, self._reduction)
            prepared = self._preparation.prepare(read.pixels, read.frame)
        except (UnreadableError, ValueError) as error:
            return Unreadable(image, f'{image.file}: {error}')
        if image.wanted:
            self._loaded[image.name] = LoadedImage(
                image.name,
                image.file,
                read.orientation,
                shown_image(read.pixels) if self._settings.overlay else None,
                read.pixels if self._settings.crops is not None else None,
            )
        return Ready(image, prepared, worker)

    def write(self, name: str, lesion: Segmentation, seconds: float) -> Written:
        """Write the files of an image that this worker has read."""
        return write_outputs(self._settings, self._loaded.pop(name), lesion, seconds)

    def _reduction(self, height: int, width: int) -> int:
        if self._settings.crops is not None:
            return 1
        most = self._preparation.reduction(height, width)
        return min(most, min(height, width) // HEIGHT) if self._settings.overlay else most


class Workers:
    """Distributes images over executors.

    Args:
        number: of threads or processes.
        executors: each holds a part of the images.
        read: `ImageWork.read` in an executor.
        write: `ImageWork.write` in an executor.
    """

    def __init__(
        self,
        number: int,
        executors: Sequence[Executor],
        read: Callable[[ToRead, int], Ready | Unreadable],
        write: Callable[[str, Segmentation, float], Written],
    ) -> None:
        self.number = number
        self._executors, self._read, self._write = executors, read, write
        self._next = cycle(range(len(executors)))

    def read(self, image: ToRead) -> Future[Ready | Unreadable]:
        """Let the next worker read an image."""
        worker = next(self._next)
        return self._executors[worker].submit(self._read, image, worker)

    def write(self, found: tuple[Ready, Segmentation, float]) -> Future[Written]:
        """Let the worker of an image write its lesion, and the seconds in the model."""
        ready, lesion, seconds = found
        return self._executors[ready.worker].submit(self._write, ready.image.name, lesion, seconds)


@contextmanager
def image_workers(segmenter: Segmenter, settings: FolderSettings) -> Iterator[Workers]:
    """Run a block with workers, and end them.

    Args:
        segmenter: the model.
        settings: of the folder.

    Raises:
        InputError: a process was killed.
    """
    number = settings.workers or _usual_number(segmenter)
    executors: list[Executor]
    if segmenter.on_gpu:
        context = start_server(type(segmenter.preparation).__module__)
        start = (segmenter.preparation, settings)
        executors = [ProcessPoolExecutor(1, context, _start, start) for _ in range(number)]
        workers = Workers(number, executors, _read, _write)
    else:
        work = ImageWork(segmenter.preparation, settings)
        executors = [ThreadPoolExecutor(number)]
        workers = Workers(number, executors, work.read, work.write)
    try:
        yield workers
    except BrokenProcessPool as error:
        raise InputError(
            'a process that reads images was killed, most likely for lack of memory; run the same '
            'command with --resume and fewer --workers'
        ) from error
    finally:
        for executor in executors:
            executor.shutdown(cancel_futures=True)


def _usual_number(segmenter: Segmenter) -> int:
    if not segmenter.on_gpu:
        return _THREADS
    # The processes of torchrun on this machine share its cores.
    return max(1, available_cores() // int(os.environ.get('LOCAL_WORLD_SIZE', 1)))


_work: ImageWork


def _start(preparation: Preparation, settings: FolderSettings) -> None:
    global _work
    start_worker()
    _work = ImageWork(preparation, settings)


def _read(image: ToRead, worker: int) -> Ready | Unreadable:
    return _work.read(image, worker)


def _write(name: str, lesion: Segmentation, seconds: float) -> Written:
    return _work.write(name, lesion, seconds)
