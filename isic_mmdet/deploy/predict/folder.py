"""Predicts many images into a folder, as masks, overlays and a table.

The rounding of a prediction depends on the images in its batch. The batches depend only on the list
of all images, so the number of processes and a kill do not change the result: the list is cut into
groups of `FolderSettings.batch_size` images (several times as many in a large set), and a batch
takes images of one padded shape from one group.
"""

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from itertools import groupby
from typing import TypeAlias

from tqdm import tqdm

from isic_mmdet.datasets.same_size_batches import batches_of_one_shape
from isic_mmdet.deploy.predict.annotations import coco_names, coco_part
from isic_mmdet.deploy.predict.settings import FolderSettings
from isic_mmdet.deploy.predict.table import csv_lines, part_of, read_rows
from isic_mmdet.deploy.predict.workers import Found, Ready, ToRead, image_workers
from isic_mmdet.deploy.segmentation import Segmenter
from isic_mmdet.images.sources import SourceFile
from isic_mmdet.utils.prefetch import batches

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
    images = (
        ToRead(number, name, file, name in wanted)
        for number, group in enumerate(groups)
        if any(name in wanted for name, _ in group)
        for name, file in group
    )
    with (
        tqdm(total=len(wanted), desc='predicting', unit='image', disable=rank != 0) as bar,
        part_of(settings.out, rank) as part,
        coco_part(settings.out, rank) if 'coco' in settings.formats else nullcontext() as coco,
        image_workers(segmenter, settings, len(wanted)) as workers,
    ):
        # The next batch is read, and the last one written, while the model is busy with this one.
        ahead = settings.batch_size

        def readable() -> Iterator[Ready]:
            for read in workers.read(images, ahead):
                if isinstance(read, Ready):
                    yield read
                elif read.image.wanted:
                    errors.append(read.reason)
                    bar.update()

        predicted = _predicted(segmenter, readable(), settings.batch_size)
        kept = (found for found in predicted if found.ready.image.wanted)
        for written in workers.write(kept, ahead):
            if coco is not None:
                coco.add(written.coco_line)
            part.add(csv_lines([written.row]))
            bar.update()
    return errors


def _predicted(segmenter: Segmenter, images: Iterator[Ready], batch_size: int) -> Iterator[Found]:
    """Yield the lesion of each image."""
    for _, group in groupby(images, lambda ready: ready.image.group):
        for batch in batches_of_one_shape(group, lambda each: each.prepared.shape, batch_size):
            start = time.perf_counter()
            lesions = segmenter.predict([ready.prepared for ready in batch])
            seconds = (time.perf_counter() - start) / len(batch)
            for ready, lesion in zip(batch, lesions, strict=True):
                yield Found(ready, lesion, seconds)
