"""The model that comes with the project, in the folder `models` of the checkout."""

from pathlib import Path
from typing import TYPE_CHECKING

from isic_mmdet.errors import InputError
from isic_mmdet.utils.checksums import read_checksums
from isic_mmdet.utils.files import sha256

if TYPE_CHECKING:
    from isic_mmdet.deploy.onnx_segmenter import OnnxSegmenter

FOLDER = Path(__file__).resolve().parents[2] / 'models'
NAME = 'lesion_lite.onnx'
CHECKSUMS = 'checksums.txt'
#: Shown wherever the model is used.
NOTICE = 'for research, not a medical device'
_REMEDY = f'restore it with `git checkout -- models` in {FOLDER.parent}, or name another model'


def shipped_model(folder: Path = FOLDER) -> Path:
    """Return the path of the model, after a comparison with its checksum.

    Raises:
        InputError: the model or its checksum is missing, or the model is another file.
    """
    path = folder / NAME
    if not path.is_file():
        raise InputError(f'{path}: the model of the project is missing; {_REMEDY}')
    expected = read_checksums(folder / CHECKSUMS).get(NAME)
    if expected is None:
        raise InputError(f'{folder / CHECKSUMS} does not list {NAME}; {_REMEDY}')
    if sha256(path) != expected:
        raise InputError(
            f'{path} is damaged or another file: its SHA-256 is not that in {CHECKSUMS}; {_REMEDY}'
        )
    return path


def load_model(
    path: str | Path | None = None, threads: int | None = None, tta: bool = False
) -> 'OnnxSegmenter':
    """Return a model that finds the lesion in images; it runs on the CPU and needs no torch.

    `lesion = model(image)` takes the path of a file, an image of Pillow, or an (H, W, 3) uint8
    array, RGB. `lesion` has `mask`, `probability`, `score`, `box`, `expected_iou`, `check` and
    `save`, see `isic_mmdet.deploy.segmentation.Segmentation`. The model that comes with the
    project is for research, not a medical device.

    Args:
        path: file of `tools/export_onnx.py`; None for the model that comes with the project.
        threads: number of threads; None for one per processor core.
        tta: average over the flips of the image, which takes four times as long.

    Raises:
        InputError: the file is missing, damaged or of another version.
    """
    from isic_mmdet.deploy.onnx_segmenter import OnnxSegmenter

    return OnnxSegmenter(shipped_model() if path is None else path, threads, tta)
