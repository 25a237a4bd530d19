"""A folder of predictions: many images in, masks, pictures and a table out.

Images that go through the model together round differently than alone. So that neither the number
of processes nor a kill shows in the result, the batches follow from the list of all images alone,
whoever predicts them and whatever of them is there already. The list is cut into groups of
`FolderSettings.batch_size` images, or of several times as many in a large set, and a batch takes
images of one padded shape from one group.
"""

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from isic_mmdet.datasets.same_size_batches import batches_of_one_shape
from isic_mmdet.deploy.predict.overlay import HEIGHT, overlay, shrunk
from isic_mmdet.deploy.predict.predictor import Predictor, PreparedImage
from isic_mmdet.deploy.predict.table import Part, read_rows
from isic_mmdet.deploy.segmentation import Segmentation
from isic_mmdet.images.decoding import UnreadableError
from isic_mmdet.images.encoding import encode_jpeg, encode_png
from isic_mmdet.images.orientation import stored_box, stored_mask
from isic_mmdet.images.reading import read_image
from isic_mmdet.images.sources import SourceFile
from isic_mmdet.isic.submission import mask_name
from isic_mmdet.utils.files import write_atomically
from isic_mmdet.utils.prefetch import batches, prefetch

# A group of so many batches rarely leaves an image of an uncommon shape alone, and its decoded
# images still fit into memory.
_BATCHES_OF_GROUP = 4
# In a smaller set the groups shrink, so that this many processes get some.
_PROCESSES = 8


@dataclass(frozen=True)
class FolderSettings:
    """How a folder is predicted.

    Attributes:
        out: folder that everything is written into.
        overlay: whether to draw a picture of every image, too.
        batch_size: images that go through the model together at most.
        workers: threads that decode, and as many that write.
    """

    out: Path
    overlay: bool
    batch_size: int
    workers: int

    def files_of(self, image_id: str) -> list[Path]:
        """Return what is written for an image."""
        files = [self.out / mask_name(image_id)]
        return [*files, self._overlay_path(image_id)] if self.overlay else files

    def _overlay_path(self, image_id: str) -> Path:
        return self.out / 'overlays' / f'{image_id}.jpg'


def still_to_do(files: Mapping[str, SourceFile], settings: FolderSettings) -> dict[str, SourceFile]:
    """Return those images of which a file or the row of the table is missing."""
    rows = read_rows(settings.out)
    return {
        name: file
        for name, file in files.items()
        if name not in rows or not all(path.is_file() for path in settings.files_of(name))
    }


def in_groups(files: Mapping[str, SourceFile], batch_size: int) -> list[dict[str, SourceFile]]:
    """Return images by id in the groups of which batches are made, the last one smaller."""
    number = -(-len(files) // batch_size)
    size = batch_size * min(_BATCHES_OF_GROUP, max(1, number // _PROCESSES))
    return [dict(group) for group in batches(files.items(), size)]


def predict_files(
    predictor: Predictor,
    files: Mapping[str, SourceFile],
    settings: FolderSettings,
    rank: int = 0,
) -> list[str]:
    """Write masks, pictures and table rows of images; see `predict_groups`."""
    groups = in_groups(files, settings.batch_size)
    return predict_groups(predictor, groups, files.keys(), settings, rank)


def predict_groups(
    predictor: Predictor,
    groups: Sequence[Mapping[str, SourceFile]],
    wanted: Collection[str],
    settings: FolderSettings,
    rank: int = 0,
) -> list[str]:
    """Predict images, and write masks, pictures and table rows of those that are wanted.

    The memory it takes does not depend on the number of images: decoded ones wait for the model
    at its own, small size, and are decoded no faster than it takes them.

    Args:
        predictor: the model.
        groups: images by id, from `in_groups`.
        wanted: ids of those that are to be written.
        settings: where to and how.
        rank: number of this process; the first one shows a progress bar.

    Returns:
        One line for every wanted image that could not be read: the file and why.
    """
    faults: list[str] = []
    items = (
        (number, name, file) for number, group in enumerate(groups) for name, file in group.items()
    )
    with (
        tqdm(total=len(wanted), desc='predicting', unit='image', disable=rank != 0) as bar,
        Part(settings.out, rank) as part,
    ):

        def readable() -> Iterator[_Loaded]:
            load = partial(_load, predictor, settings.overlay)
            ahead = settings.batch_size + settings.workers
            for loaded in prefetch(load, items, settings.workers, ahead):
                if isinstance(loaded, _Loaded):
                    yield loaded
                elif loaded.name in wanted:
                    faults.append(loaded.reason)
                    bar.update()

        write = partial(_write, settings)
        predicted = (
            image
            for image in _predicted(predictor, readable(), settings.batch_size)
            if image.image.name in wanted
        )
        for row in prefetch(write, predicted, settings.workers, settings.workers):
            part.add(row)
            bar.update()
    return faults


@dataclass(frozen=True, eq=False)
class _Loaded:
    """An image that waits for the model: at the model's size, and small for its picture."""

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


@dataclass(frozen=True, eq=False)
class _Predicted:
    image: _Loaded
    lesion: Segmentation
    seconds: float


def _load(
    predictor: Predictor, with_picture: bool, item: tuple[int, str, SourceFile]
) -> _Loaded | _Unreadable:
    """Return an image ready for the model, or why there is none."""
    group, name, file = item

    def reduction(height: int, width: int) -> int:
        most = predictor.reduction(height, width)
        return min(most, min(height, width) // HEIGHT) if with_picture else most

    try:
        image = read_image(file, reduction)
        prepared = predictor.prepare(image.pixels, image.frame)
    except (UnreadableError, ValueError) as error:
        return _Unreadable(name, f'{file}: {error}')
    shown = shrunk(image.pixels) if with_picture else None
    return _Loaded(group, name, file.name, image.orientation, prepared, shown)


def _predicted(
    predictor: Predictor, images: Iterator[_Loaded], batch_size: int
) -> Iterator[_Predicted]:
    for _, group in groupby(images, lambda image: image.group):
        for batch in batches_of_one_shape(group, lambda image: image.prepared.shape, batch_size):
            start = time.perf_counter()
            lesions = predictor.predict([image.prepared for image in batch])
            seconds = (time.perf_counter() - start) / len(batch)
            for image, lesion in zip(batch, lesions, strict=True):
                yield _Predicted(image, lesion, seconds)


def _write(settings: FolderSettings, predicted: _Predicted) -> dict[str, Any]:
    """Write the files of an image and return its row."""
    image, lesion = predicted.image, predicted.lesion
    mask_path, *overlay_paths = settings.files_of(image.name)
    if image.shown is not None:
        picture = cv2.cvtColor(overlay(image.shown, lesion, image.name), cv2.COLOR_BGR2RGB)
        write_atomically(overlay_paths[0], encode_jpeg(np.asarray(picture, np.uint8)))
    mask = np.ascontiguousarray(stored_mask(lesion.mask, image.orientation)).view(np.uint8)
    write_atomically(mask_path, encode_png(mask * np.uint8(255)))
    return _row(predicted)


def _row(predicted: _Predicted) -> dict[str, Any]:
    lesion = predicted.lesion
    area = int(np.count_nonzero(lesion.mask))
    row: dict[str, Any] = {
        'image': predicted.image.name,
        'file': str(PurePosixPath(predicted.image.name).with_name(predicted.image.file_name)),
        'area_px': area,
        'area_share': round(area / lesion.mask.size, 6),
        'seconds': round(predicted.seconds, 4),
    }
    if lesion.label is None or lesion.box is None:
        return row
    height, width = lesion.mask.shape
    box = stored_box(lesion.box, (height, width), predicted.image.orientation)
    sides = dict(zip(('x', 'y', 'width', 'height'), (round(side, 2) for side in box), strict=True))
    return {**row, 'label': lesion.label, 'score': round(lesion.score, 6), **sides}
