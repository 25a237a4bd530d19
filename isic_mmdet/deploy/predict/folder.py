"""Predicts many images into a folder, as masks, overlays and a table.

The rounding of a prediction depends on the images in its batch. The batches depend only on the list
of all images, so the number of processes and a kill do not change the result: the list is cut into
groups of `FolderSettings.batch_size` images (several times as many in a large set), and a batch
takes images of one padded shape from one group.
"""

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from isic_mmdet.datasets.same_size_batches import batches_of_one_shape
from isic_mmdet.deploy.predict.outputs import (
    HEIGHT,
    FolderSettings,
    PredictedImage,
    shown_image,
    write_outputs,
)
from isic_mmdet.deploy.predict.table import Part, read_rows
from isic_mmdet.deploy.segmentation import PreparedImage, Segmenter
from isic_mmdet.images.decoding import UnreadableError
from isic_mmdet.images.reading import read_image
from isic_mmdet.images.sources import SourceFile
from isic_mmdet.utils.prefetch import batches, prefetch

# Batches per group: images of a rare shape seldom get a batch of their own, and the decoded images
# of a group fit into memory.
_BATCHES_OF_GROUP = 4
# A small set has smaller groups, so that this many processes get some.
_PROCESSES = 8


def still_to_do(files: Mapping[str, SourceFile], settings: FolderSettings) -> dict[str, SourceFile]:
    """Return the images without all their files or without a row in the table."""
    rows = read_rows(settings.out)
    return {
        name: file
        for name, file in files.items()
        if name not in rows or not all(path.is_file() for path in settings.files_of(name))
    }


def in_groups(files: Mapping[str, SourceFile], batch_size: int) -> list[dict[str, SourceFile]]:
    """Return images by name, in groups from which the batches are made."""
    number = -(-len(files) // batch_size)
    size = batch_size * min(_BATCHES_OF_GROUP, max(1, number // _PROCESSES))
    return [dict(group) for group in batches(files.items(), size)]


def predict_files(
    segmenter: Segmenter,
    files: Mapping[str, SourceFile],
    settings: FolderSettings,
    rank: int = 0,
) -> list[str]:
    """Write masks, overlays and table rows of images; see `predict_groups`."""
    groups = in_groups(files, settings.batch_size)
    return predict_groups(segmenter, groups, files.keys(), settings, rank)


def predict_groups(
    segmenter: Segmenter,
    groups: Sequence[Mapping[str, SourceFile]],
    wanted: Collection[str],
    settings: FolderSettings,
    rank: int = 0,
) -> list[str]:
    """Predict images, and write masks, overlays and table rows of the wanted ones.

    Memory does not depend on the number of images: images are decoded only as fast as the model
    takes them, and wait at the size of the network.

    Args:
        segmenter: the model.
        groups: images by name, from `in_groups`.
        wanted: names of the images to write.
        settings: of the folder.
        rank: of this process; rank 0 shows a progress bar.

    Returns:
        A line for every wanted image that could not be read, with file and reason.
    """
    errors: list[str] = []
    items = (
        (number, name, file) for number, group in enumerate(groups) for name, file in group.items()
    )
    with (
        tqdm(total=len(wanted), desc='predicting', unit='image', disable=rank != 0) as bar,
        Part(settings.out, rank) as part,
    ):

        def readable() -> Iterator[_Loaded]:
            load = partial(_load, segmenter, settings.overlay)
            ahead = settings.batch_size + settings.workers
            for loaded in prefetch(load, items, settings.workers, ahead):
                if isinstance(loaded, _Loaded):
                    yield loaded
                elif loaded.name in wanted:
                    errors.append(loaded.reason)
                    bar.update()

        predicted = (
            image
            for image in _predicted(segmenter, readable(), settings.batch_size)
            if image.name in wanted
        )
        write = partial(write_outputs, settings)
        for row in prefetch(write, predicted, settings.workers, settings.workers):
            part.add(row)
            bar.update()
    return errors


@dataclass(frozen=True, eq=False)
class _Loaded:
    """A decoded image, at the size of the network and at that of its overlay."""

    group: int
    name: str
    file_name: str
    orientation: int
    prepared: PreparedImage
    shown: NDArray[np.uint8] | None


@dataclass(frozen=True)
class _Unreadable:
    name: str
    reason: str


def _load(
    segmenter: Segmenter, with_overlay: bool, item: tuple[int, str, SourceFile]
) -> _Loaded | _Unreadable:
    """Return an image for the model, or the reason why it cannot be read."""
    group, name, file = item

    def reduction(height: int, width: int) -> int:
        most = segmenter.reduction(height, width)
        return min(most, min(height, width) // HEIGHT) if with_overlay else most

    try:
        image = read_image(file, reduction)
        prepared = segmenter.prepare(image.pixels, image.frame)
    except (UnreadableError, ValueError) as error:
        return _Unreadable(name, f'{file}: {error}')
    shown = shown_image(image.pixels) if with_overlay else None
    return _Loaded(group, name, file.name, image.orientation, prepared, shown)


def _predicted(
    segmenter: Segmenter, images: Iterator[_Loaded], batch_size: int
) -> Iterator[PredictedImage]:
    for _, group in groupby(images, lambda image: image.group):
        for batch in batches_of_one_shape(group, lambda image: image.prepared.shape, batch_size):
            start = time.perf_counter()
            lesions = segmenter.predict([image.prepared for image in batch])
            seconds = (time.perf_counter() - start) / len(batch)
            for image, lesion in zip(batch, lesions, strict=True):
                yield PredictedImage(
                    image.name, image.file_name, image.orientation, image.shown, lesion, seconds
                )
