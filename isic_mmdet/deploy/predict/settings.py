"""How a folder is predicted, and which files an image gets."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isic_mmdet.isic.submission import mask_name


@dataclass(frozen=True)
class FolderSettings:
    """How a folder is predicted.

    Attributes:
        out: folder for all results.
        overlay: draw an overlay of every image.
        batch_size: largest number of images in a batch.
        workers: number of threads, or on a GPU processes, that read images and write results;
            None for 4 threads, or as many processes as there are cores.
        probabilities: bits of the probability maps, 8 or 16; None for no maps.
        threshold: a pixel belongs to the lesion if its probability is above this; None for the
            threshold of the model.
        crops: margin of the lesion crops as a share of width and height of the box; None for no
            crops.
        largest_region: keep only the largest connected region of a lesion.
        max_lesions: largest number of lesions in an image.
        formats: annotation formats to write: 'coco' and 'labelme'.
    """

    out: Path
    overlay: bool
    batch_size: int
    workers: int | None
    probabilities: int | None = None
    threshold: float | None = None
    crops: float | None = None
    largest_region: bool = False
    max_lesions: int = 1
    formats: tuple[str, ...] = ()

    def facts(self) -> dict[str, Any]:
        """Return the options that a resumed run must repeat; None for those not used."""
        return {
            'probabilities': self.probabilities,
            'threshold': self.threshold,
            'crops': self.crops,
            'largest_region': self.largest_region or None,
            'max_lesions': self.max_lesions if self.max_lesions > 1 else None,
            'formats': list(self.formats) or None,
        }

    def mask(self, name: str) -> Path:
        """Return the path of the mask of an image."""
        return self.out / mask_name(name)

    def overlay_of(self, name: str) -> Path:
        """Return the path of the overlay of an image."""
        return self.out / 'overlays' / f'{name}.jpg'

    def probability_map(self, name: str) -> Path:
        """Return the path of the probability map of an image."""
        return self.out / 'probabilities' / f'{name}.png'

    def crop(self, name: str, number: int) -> Path:
        """Return the path of the crop of a lesion, which are numbered from 1 if there may be more.

        No two images share a name, because the number is behind the last underscore.
        """
        file = f'{name}.png' if self.max_lesions == 1 else f'{name}_{number}.png'
        return self.out / 'crops' / file

    def labelme_file(self, name: str) -> Path:
        """Return the path of the LabelMe file of an image."""
        return self.out / 'labelme' / f'{name}.json'

    def files_of(self, name: str, has_lesion: bool) -> list[Path]:
        """Return the files that a finished image has, except for crops after the first."""
        files = [
            (True, self.mask(name)),
            (self.overlay, self.overlay_of(name)),
            (self.probabilities is not None, self.probability_map(name)),
            (self.crops is not None and has_lesion, self.crop(name, 1)),
            ('labelme' in self.formats, self.labelme_file(name)),
        ]
        return [path for is_written, path in files if is_written]
