"""Predicts many images into a folder, as masks, overlays and a table.

The rounding of a prediction depends on the images in its batch. The batches depend only on the list
of all images, so the number of processes and a kill do not change the result: the list is cut into
groups of `FolderSettings.batch_size` images (several times as many in a large set), and a batch
takes images of one padded shape from one group.
"""

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import TypeAlias

from tqdm import tqdm

from isic_mmdet.datasets.same_size_batches import batches_of_one_shape
from isic_mmdet.deploy.predict.annotations import coco_names, coco_part
from isic_mmdet.deploy.predict.outputs import (
    HEIGHT,
    LoadedImage,
    Written,
    shown_image,
    write_outputs,
)
from isic_mmdet.deploy.predict.settings import FolderSettings
from isic_mmdet.deploy.predict.table import csv_lines, part_of, read_rows
from isic_mmdet.deploy.segmentation import Segmentation, Segmenter
from isic_mmdet.images.decoding import UnreadableError
from isic_mmdet.images.reading import read_image
from isic_mmdet.images.sources import SourceFile
from isic_mmdet.utils.prefetch import batches, prefetch

# Batches per group: images of a rare shape seldom get a batch of their own, and the decoded images
# of a group fit into memory.
_BATCHES_OF_GROUP = 4
# A small set has smaller groups, so that this many processes get some.
_PROCESSES = 8

Item: TypeAlias = tuple[str, SourceFile]


def still_to_do(names: Iterable[str], settings: FolderSettings) -> set[str]:
    """Return the names of images without all their files or without a row in the table."""
    wanted = set(names)
    rows = (row for row in read_rows(settings.out) if row['image'] in wanted)
    has_lesion = {row['image']: bool(row['label']) for row in rows}
    done = set(has_lesion)
    if 'coco' in settings.formats:
        done &= coco_names(settings.out)
    return {
        name
        for name in wanted
        if name not in done
        or not all(path.is_file() for path in settings.files_of(name, has_lesion[name]))
    }


def in_groups(files: Mapping[str, SourceFile], batch_size: int) -> list[list[Item]]:
    """Return images by name, in groups from which the batches are made."""
    number = -(-len(files) // batch_size)
    size = batch_size * min(_BATCHES_OF_GROUP, max(1, number // _PROCESSES))
    return list(batches(files.items(), size))


def predict_groups(
    segmenter: Segmenter,
    groups: Sequence[Sequence[Item]],
    wanted: Collection[str],
    settings: FolderSettings,
    rank: int = 0,
) -> list[str]:
    """Predict images, and write masks, overlays and table rows of the wanted ones.

    Memory does not depend on the number of images: images are decoded only as fast as the model
    takes them, and wait at the size of the network.

    Args:
        segmenter: the model.
        groups: from `in_groups`; a group without wanted images is skipped.
        wanted: names of the images to write.
        settings: of the folder.
        rank: the process of rank 0 shows a progress bar.

    Returns:
        File and reason of every wanted image that could not be read.
    """
    errors: list[str] = []
    items = (
        (number, *item)
        for number, group in enumerate(groups)
        if any(name in wanted for name, _ in group)
        for item in group
    )
    with (
        tqdm(total=len(wanted), desc='predicting', unit='image', disable=rank != 0) as bar,
        part_of(settings.out, rank) as part,
        coco_part(settings.out, rank) if 'coco' in settings.formats else nullcontext() as coco,
    ):

        def readable() -> Iterator[tuple[int, LoadedImage]]:
            load = partial(_load, segmenter, settings)
            waiting = settings.batch_size + settings.workers
            for group, name, loaded in prefetch(load, items, settings.workers, waiting):
                if isinstance(loaded, LoadedImage):
                    yield group, loaded
                elif name in wanted:
                    errors.append(loaded)
                    bar.update()

        predicted = _predicted(segmenter, readable(), settings.batch_size)
        kept = (results for results in predicted if results[0].name in wanted)

        def write(results: tuple[LoadedImage, Segmentation, float]) -> Written:
            return write_outputs(settings, *results)

        for written in prefetch(write, kept, settings.workers, settings.workers):
            if coco is not None:
                coco.add(written.coco_line)
            part.add(csv_lines([written.row]))
            bar.update()
    return errors


def _load(
    segmenter: Segmenter, settings: FolderSettings, item: tuple[int, str, SourceFile]
) -> tuple[int, str, LoadedImage | str]:
    """Return group and name of an image, and the image or the reason why it cannot be read."""
    group, name, file = item

    def reduction(height: int, width: int) -> int:
        if settings.crops is not None:
            return 1
        most = segmenter.reduction(height, width)
        return min(most, min(height, width) // HEIGHT) if settings.overlay else most

    try:
        image = read_image(file, reduction)
        prepared = segmenter.prepare(image.pixels, image.frame)
    except (UnreadableError, ValueError) as error:
        return group, name, f'{file}: {error}'
    shown = shown_image(image.pixels) if settings.overlay else None
    pixels = image.pixels if settings.crops is not None else None
    return group, name, LoadedImage(name, file, image.orientation, prepared, shown, pixels)


def _predicted(
    segmenter: Segmenter, images: Iterator[tuple[int, LoadedImage]], batch_size: int
) -> Iterator[tuple[LoadedImage, Segmentation, float]]:
    """Yield each image, its lesion and its seconds in the model."""
    for _, group in groupby(images, itemgetter(0)):
        in_group = (image for _, image in group)
        for batch in batches_of_one_shape(in_group, lambda i: i.prepared.shape, batch_size):
            start = time.perf_counter()
            lesions = segmenter.predict([image.prepared for image in batch])
            seconds = (time.perf_counter() - start) / len(batch)
            for image, lesion in zip(batch, lesions, strict=True):
                yield image, lesion, seconds
