"""The zip that the challenge's segmentation task takes: one valid mask for every image.

The 2018 challenge asks for 8-bit masks of 0 and 255, of the size of the image. Its own masks are
one connected region without holes.
"""

import io
import re
import zipfile
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from isic_mmdet.errors import InputError
from isic_mmdet.images.decoding import UnreadableError, stored_layout
from isic_mmdet.images.encoding import encode_mask
from isic_mmdet.images.sources import SourceFile
from isic_mmdet.isic.names import ISIC_ID
from isic_mmdet.masks.mask_files import decode_mask
from isic_mmdet.masks.regions import largest_region, without_holes
from isic_mmdet.utils.files import write_atomically


def mask_name(image_id: str) -> str:
    """Return the name that the challenge gives the mask of an image, with folders before it."""
    return f'{image_id}_segmentation.png'


def one_region(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return the largest connected region of a mask that has lesion, with its holes filled."""
    return without_holes(largest_region(mask))


def check_submission(path: str | Path, images: Mapping[str, SourceFile]) -> None:
    """Raise an `InputError` if `path` is no zip, or two images have the same id.

    The images are those of `write_submission`.
    """
    if Path(path).suffix != '.zip':
        raise InputError(f'--submission {path}: the challenge takes a zip; end the name in .zip')
    by_id: defaultdict[str, list[str]] = defaultdict(list)
    for name, image in images.items():
        by_id[_id(name)].append(str(image))
    errors = [f'{i}: {" and ".join(files)}' for i, files in by_id.items() if len(files) > 1]
    if errors:
        raise InputError(
            f'--submission {path}: holds one mask for an id; predict only one of these images, or '
            'run without --submission:',
            errors,
        )


def _id(name: str) -> str:
    return name.rpartition('/')[2]


def write_submission(path: str | Path, masks: Path, images: Mapping[str, SourceFile]) -> None:
    """Write the masks of a complete set as the challenge takes them.

    Args:
        path: of the zip.
        masks: folder with `<name>_segmentation.png` for every image, 8-bit, lesion where > 128.
        images: all of the set, by the names of their masks, which end in their ids and may have
            folders before them; in the zip there are none.

    Raises:
        InputError: an id is not the challenge's, or a mask is missing, unreadable, empty or of
            another size than its image, or the zip cannot be written. An earlier zip stays.
    """
    errors = []
    content = io.BytesIO()
    with zipfile.ZipFile(content, 'w') as archive:
        for name in tqdm(sorted(images, key=_id), 'submission', unit='mask'):
            try:
                region = _region(masks / mask_name(name), _id(name), images[name])
            except UnreadableError as error:
                errors.append(f'{name}: {error}')
                continue
            # The entry has no date, so equal masks give equal zips.
            member = zipfile.ZipInfo(mask_name(_id(name)))
            member.external_attr = 0o644 << 16  # otherwise the unpacked file is not readable
            archive.writestr(member, encode_mask(region))
    if errors:
        raise InputError(
            f'{path} was not written, because the challenge would refuse it:', errors, len(errors)
        )
    write_atomically(path, content.getvalue())


def _region(path: Path, image_id: str, image: SourceFile) -> npt.NDArray[np.bool_]:
    if not re.fullmatch(ISIC_ID, image_id):
        raise UnreadableError('not an id of the challenge (ISIC_ and 7 digits); rename the image')
    if not path.is_file():
        raise UnreadableError(f'{path} is missing; predict it again with --resume')
    lesion = decode_mask(SourceFile(path, None, path.stat().st_size, 0)).lesion.unpacked()
    width, height, _ = stored_layout(image)
    # Pillow reports the size of a TIFF file as a viewer shows it.
    if lesion.shape not in {(height, width), (width, height)}:
        rows, columns = lesion.shape
        raise UnreadableError(
            f'a mask of {columns} x {rows} pixels for an image of {width} x {height}, which has '
            f'changed since; remove {path} and predict it again with --resume'
        )
    if not lesion.any():
        raise UnreadableError(
            'no lesion was detected, and the challenge takes no empty mask; predict the set again, '
            'into another --out, with a smaller model.test_cfg.rcnn.score_thr in the config'
        )
    return one_region(lesion)
