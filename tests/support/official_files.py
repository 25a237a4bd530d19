"""Tiny data sets in the official layouts, made for the tests."""

import io
import json
import shutil
import zipfile
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from isic_mmdet.isic.layouts import find_pairs, scan

FOLDERS = {
    (2016, 'train'): (
        'ISBI2016_ISIC_Part1_Training_Data',
        'ISBI2016_ISIC_Part1_Training_GroundTruth',
    ),
    (2016, 'test'): ('ISBI2016_ISIC_Part1_Test_Data', 'ISBI2016_ISIC_Part1_Test_GroundTruth'),
    (2017, 'train'): ('ISIC-2017_Training_Data', 'ISIC-2017_Training_Part1_GroundTruth'),
    (2017, 'val'): ('ISIC-2017_Validation_Data', 'ISIC-2017_Validation_Part1_GroundTruth'),
    (2017, 'test'): ('ISIC-2017_Test_v2_Data', 'ISIC-2017_Test_v2_Part1_GroundTruth'),
    (2018, 'train'): ('ISIC2018_Task1-2_Training_Input', 'ISIC2018_Task1_Training_GroundTruth'),
    (2018, 'val'): ('ISIC2018_Task1-2_Validation_Input', 'ISIC2018_Task1_Validation_GroundTruth'),
    (2018, 'test'): ('ISIC2018_Task1-2_Test_Input', 'ISIC2018_Task1_Test_GroundTruth'),
}


def isic(number: int) -> str:
    return f'ISIC_{number:07d}'


def picture(seed: int, height: int = 60, width: int = 80) -> np.ndarray:
    """Random patches: any two seeds are far from being near-duplicates."""
    patches = np.random.default_rng(seed).integers(0, 256, (16, 17, 3), dtype=np.uint8)
    return cv2.resize(patches, (width, height), interpolation=cv2.INTER_NEAREST)


def lesion(height: int = 60, width: int = 80, hole: bool = False) -> np.ndarray:
    mask = np.zeros((height, width), np.uint8)
    center = (width // 2, height // 2)
    cv2.ellipse(mask, center, (width // 4, height // 4), 0, 0, 360, 255, -1)
    if hole:
        cv2.circle(mask, center, height // 10, 0, -1)
    return mask


def jpeg(pixels: np.ndarray, **options: object) -> bytes:
    return _encode(pixels, 'JPEG', quality=95, **options)


def png(pixels: np.ndarray, **options: object) -> bytes:
    return _encode(pixels, 'PNG', **options)


def _encode(pixels: np.ndarray, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, **options)
    return stream.getvalue()


class Official:
    """Writes one year's official folders below `root`.

    `add` makes a sound pair; what it is given instead is written as it is, and b'' is skipped.
    """

    def __init__(self, root: Path, year: int = 2018) -> None:
        self.root, self.year = root, year
        root.mkdir(parents=True, exist_ok=True)

    def image_path(self, number: int, split: str = 'train') -> Path:
        return self.root / FOLDERS[self.year, split][0] / f'{isic(number)}.jpg'

    def mask_path(self, number: int, split: str = 'train') -> Path:
        end = '_Segmentation.png' if self.year == 2016 else '_segmentation.png'
        return self.root / FOLDERS[self.year, split][1] / f'{isic(number)}{end}'

    def add(
        self,
        *numbers: int,
        split: str = 'train',
        image: bytes | None = None,
        mask: bytes | None = None,
    ) -> None:
        for number in numbers:
            contents = {
                self.image_path(number, split): jpeg(picture(number)) if image is None else image,
                self.mask_path(number, split): png(lesion()) if mask is None else mask,
            }
            for path, data in contents.items():
                path.parent.mkdir(exist_ok=True)
                if data:
                    path.write_bytes(data)

    def label(self, rows: dict[int, tuple[float, float]], part: str = 'Training') -> None:
        lines = [f'{isic(number)},{m:.1f},{k:.1f}' for number, (m, k) in rows.items()]
        text = '\n'.join(['image_id,melanoma,seborrheic_keratosis', *lines])
        (self.root / f'ISIC-2017_{part}_Part3_GroundTruth.csv').write_text(text + '\n')

    def zip_up(self, target: Path) -> Path:
        """Write a zip for each official folder, as the challenge publishes them."""
        target.mkdir(exist_ok=True)
        for folder in sorted(self.root.iterdir()):
            if folder.is_dir():
                with zipfile.ZipFile(target / f'{folder.name}.zip', 'w') as archive:
                    for path in sorted(folder.iterdir()):
                        archive.write(path, f'{folder.name}/{path.name}')
            else:
                shutil.copy(folder, target)
        return target


def samples_of(official: Official, foreground: int = 129) -> list:
    """Return the samples of the official pairs, in id order."""
    from isic_mmdet.prepare.convert import Sample
    from isic_mmdet.prepare.truth import MaskFile

    pairs, _ = find_pairs(scan(official.year, [official.root]))
    return [
        Sample(pair.isic_id, pair.image, MaskFile(pair.mask, foreground)) for pair in pairs.values()
    ]


def annotations(out: Path) -> dict[str, bytes]:
    """Return the annotation files of a prepared data set by name."""
    return {path.name: path.read_bytes() for path in sorted((out / 'annotations').iterdir())}


def prepared_ids(out: Path) -> dict[str, list[str]]:
    """Return the ids of the images of each split of a prepared data set."""
    return {
        name.removesuffix('.json'): [image['isic_id'] for image in json.loads(content)['images']]
        for name, content in annotations(out).items()
    }
