"""Workers that read images before the model takes them, and write what it finds.

They are threads if the model is on the CPU, where it takes most of the time, and processes if it is
on a GPU, which is faster than the Python of one process.

An image stays with the worker that has read it. Only its pixels at the size of the network go to
the model, and only the lesion comes back, so that overlays and crops need no copy of an image.

Processes send pixels in files, which are soon removed. A message with pixels would take longer, and
a process that is killed while it sends one would leave the other side waiting forever.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from itertools import count, cycle, groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from isic_mmdet.deploy.predict.outputs import (
    HEIGHT,
    LoadedImage,
    Written,
    shown_image,
    write_outputs,
)
from isic_mmdet.deploy.predict.settings import FolderSettings
from isic_mmdet.deploy.segmentation import Preparation, Segmentation, Segmenter
from isic_mmdet.errors import InputError
from isic_mmdet.images.decoding import UnreadableError
from isic_mmdet.images.reading import read_image
from isic_mmdet.images.sources import SourceFile
from isic_mmdet.prepare.pool import start_server, start_worker
from isic_mmdet.utils.prefetch import batches, in_order
from isic_mmdet.utils.system import available_cores, keep_freed_memory

# A model on the CPU needs the cores itself.
_THREADS = 4

# A message and its answer take 0.1 ms or more, so a process gets several images at once.
_IMAGES_OF_MESSAGE = 16
# Of images that keep their pixels for crops.
_WHOLE_IMAGES_OF_MESSAGE = 4
# In the messages of all processes, so that neither memory nor temporary files grow with the cores.
_IMAGES_IN_WORK = 256
# So that all processes get some images of a small folder.
_MESSAGES_OF_PROCESS = 4


class ToRead(NamedTuple):
    """An image of a group, see `folder.in_groups`; an image that is not `wanted` is not written."""

    group: int
    name: str
    file: SourceFile
    wanted: bool


class Ready(NamedTuple):
    """An image of `Preparation.prepare`, and the number of the worker that has read it."""

    image: ToRead
    prepared: Any
    worker: int


class Unreadable(NamedTuple):
    """An image that could not be read."""

    image: ToRead
    reason: str


class Found(NamedTuple):
    """The lesion of an image, and the seconds of the image in the model."""

    ready: Ready
    lesion: Segmentation
    seconds: float


#: Images that a worker has read, and the file of their pixels; None if they have them themselves.
Sent: TypeAlias = tuple[list[Ready | Unreadable], Path | None]


class ImageWork:
    """What a worker does.

    Args:
        preparation: of the model.
        settings: of the folder.
    """

    def __init__(self, preparation: Preparation, settings: FolderSettings) -> None:
        self._preparation, self._settings = preparation, settings
        self._loaded: dict[str, LoadedImage] = {}

    def read(self, images: Sequence[ToRead], worker: int) -> Sent:
        """Return images for the model, and keep what their results need."""
        return [self._read(image, worker) for image in images], None

    def write(self, found: Sequence[tuple[str, Segmentation, float]]) -> list[Written]:
        """Write the files of images that this worker has read: name, lesion and seconds."""
        return [
            write_outputs(self._settings, self._loaded.pop(name), lesion, seconds)
            for name, lesion, seconds in found
        ]

    def _read(self, image: ToRead, worker: int) -> Ready | Unreadable:
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

    def _reduction(self, height: int, width: int) -> int:
        if self._settings.crops is not None:
            return 1
        most = self._preparation.reduction(height, width)
        return min(most, min(height, width) // HEIGHT) if self._settings.overlay else most


class Workers:
    """Distributes images over executors.

    Args:
        executors: each keeps the images that it reads.
        number: of threads or processes in all of them.
        images_of_message: largest number of images that an executor gets at once.
        read: `ImageWork.read` in an executor, and a file of pixels or None.
        write: `ImageWork.write` in an executor.
    """

    def __init__(
        self,
        executors: Sequence[Executor],
        number: int,
        images_of_message: int,
        read: Callable[[Sequence[ToRead], int], Sent],
        write: Callable[[Sequence[tuple[str, Segmentation, float]]], list[Written]],
    ) -> None:
        self._executors, self._read, self._write = executors, read, write
        self._number, self._images_of_message = number, images_of_message
        self._next = cycle(range(len(executors)))

    def read(self, images: Iterable[ToRead], ahead: int) -> Iterator[Ready | Unreadable]:
        """Yield images in their order, while the workers read at least `ahead` further ones."""
        parts = batches(images, self._images_of_message)
        for sent in in_order(self._submit_read, parts, self._parts(ahead)):
            yield from _received(sent)

    def write(self, found: Iterable[Found], ahead: int) -> Iterator[Written]:
        """Let the worker of each image write its lesion, and yield what was written, in order."""
        parts = (
            part
            for _, of_worker in groupby(found, lambda each: each.ready.worker)
            for part in batches(of_worker, self._images_of_message)
        )
        for written in in_order(self._submit_write, parts, self._parts(ahead)):
            yield from written

    def _parts(self, ahead: int) -> int:
        return -(-ahead // self._images_of_message) + self._number

    def _submit_read(self, images: Sequence[ToRead]) -> Future[Sent]:
        worker = next(self._next)
        return self._executors[worker].submit(self._read, images, worker)

    def _submit_write(self, found: Sequence[Found]) -> Future[list[Written]]:
        results = [(each.ready.image.name, each.lesion, each.seconds) for each in found]
        return self._executors[found[0].ready.worker].submit(self._write, results)


@contextmanager
def image_workers(segmenter: Segmenter, settings: FolderSettings, images: int) -> Iterator[Workers]:
    """Run a block with workers, and end them.

    Args:
        segmenter: the model.
        settings: of the folder.
        images: about how many there are.

    Raises:
        InputError: a process was killed.
    """
    number = settings.workers or _usual_number(segmenter)
    try:
        with ExitStack() as stack:
            executors: list[Executor]
            if segmenter.on_gpu:
                keep_freed_memory()  # for the images that arrive
                context = start_server(type(segmenter.preparation).__module__)
                folder = stack.enter_context(TemporaryDirectory(prefix='isic_mmdet-'))
                start = (segmenter.preparation, settings, Path(folder))
                executors = [ProcessPoolExecutor(1, context, _start, start) for _ in range(number)]
                at_once = _images_of_message(number, images, settings.crops is not None)
                workers = Workers(executors, number, at_once, _read, _write)
            else:
                work = ImageWork(segmenter.preparation, settings)
                executors = [ThreadPoolExecutor(number)]
                workers = Workers(executors, number, 1, work.read, work.write)
            for executor in executors:
                stack.callback(executor.shutdown, cancel_futures=True)
            yield workers
    except BrokenProcessPool as error:
        raise InputError(
            'a process that reads images was killed, most likely for lack of memory; run the same '
            'command with --resume and fewer --workers'
        ) from error


def _images_of_message(processes: int, images: int, whole: bool) -> int:
    """Return how many images a process gets at once; `whole` ones keep their pixels."""
    most = _WHOLE_IMAGES_OF_MESSAGE if whole else _IMAGES_OF_MESSAGE
    of_all = min(_IMAGES_IN_WORK, images // _MESSAGES_OF_PROCESS)
    return max(1, min(most, of_all // processes))


def _usual_number(segmenter: Segmenter) -> int:
    if not segmenter.on_gpu:
        return _THREADS
    # The processes of torchrun on this machine share its cores.
    return max(1, available_cores() // int(os.environ.get('LOCAL_WORLD_SIZE', 1)))


def _received(sent: Sent) -> Iterator[Ready | Unreadable]:
    """Yield images with their pixels, and remove the file."""
    images, path = sent
    if path is None:
        yield from images
        return
    data = np.fromfile(path, np.uint8)
    path.unlink()
    for image in images:
        if isinstance(image, Ready):
            prepared, data = image.prepared.with_pixels(data)
            yield image._replace(prepared=prepared)
        else:
            yield image


# Of a process.
_work: ImageWork
_files: Iterator[Path]


def _start(preparation: Preparation, settings: FolderSettings, folder: Path) -> None:
    global _work, _files
    start_worker()
    _work = ImageWork(preparation, settings)
    _files = (folder / f'{os.getpid()}_{number}' for number in count())


def _read(images: Sequence[ToRead], worker: int) -> Sent:
    path, sent = next(_files), []
    with path.open('wb') as file:
        for image in _work.read(images, worker)[0]:
            if isinstance(image, Ready):
                prepared, pixels = image.prepared.without_pixels()
                for array in pixels:
                    file.write(array.data)
                image = image._replace(prepared=prepared)
            sent.append(image)
    return sent, path


def _write(found: Sequence[tuple[str, Segmentation, float]]) -> list[Written]:
    return _work.write(found)
