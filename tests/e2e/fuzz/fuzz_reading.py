"""What files hold, read without any code of the package: by Pillow, OpenCV and a few lines here."""

import io
import warnings
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps

# From the upright image back to what is stored, by EXIF's number.
UNDO = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
_MOST_PIXELS = 200_000_000


def content(path: Path) -> bytes | None:
    """Return what a plain file of bearable size holds."""
    try:
        if not path.is_file() or path.stat().st_size > 2**26:
            return None
        return path.read_bytes()
    except OSError:
        return None


def pictures(data: bytes | None) -> list[np.ndarray]:
    """Return a file as Pillow and as OpenCV show it, (H, W, 3) RGB; none where none does."""
    if not data:
        return []
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        try:
            image = Image.open(io.BytesIO(data))
            if image.width * image.height <= _MOST_PIXELS:
                image.load()
                found.append(_rgb(ImageOps.exif_transpose(image)))
        except Exception:
            pass
    if found and found[0].size > 10**8:
        return found  # one reading of what is as large as this will do
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        if image is not None:
            found.append(image[..., ::-1])
    except cv2.error:
        pass
    return found


def _rgb(image: Image.Image) -> np.ndarray:
    if image.mode.startswith('I'):
        gray = (np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8)
        return np.repeat(gray[..., None], 3, axis=2)
    return np.asarray(image.convert('RGB'))


def orientation(data: bytes | None) -> int:
    """Return EXIF's number of a file, 1 where it has none that counts."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            tag = Image.open(io.BytesIO(data or b'')).getexif().get(0x0112, 1)
    except Exception:
        return 1
    return tag if isinstance(tag, int) and tag in UNDO else 1


def lesion(data: bytes | None, modes: set[str]) -> np.ndarray | None:
    """Return a mask, (H, W) bool, as Pillow reads it, or None where it is none of such a mode."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            image = Image.open(io.BytesIO(data or b''))
            if image.width * image.height > _MOST_PIXELS:
                return None
            image.load()
            if image.mode not in modes:
                return None
            return np.asarray(image.convert('L')) > 128
    except Exception:
        return None


def text(data: bytes) -> str:
    """Return a text file as spreadsheets read it: UTF-16, or UTF-8 whose odd bytes stay apart."""
    if data[:2] in (b'\xff\xfe', b'\xfe\xff'):
        return data.decode('utf-16')
    for place, name in ((1, 'utf-16-le'), (0, 'utf-16-be')):
        if data[place : place + 1] == b'\0':
            return data.decode(name)
    return data.decode('utf-8', 'surrogateescape').lstrip('\ufeff')


def table(data: bytes) -> tuple[list[str], list[list[str]]]:
    """Return the names of the columns and the rows of a table; cut rows are filled up with ''."""
    lines = [line for line in text(data).replace('"', '').splitlines() if line.strip(' ,;\t|')]
    comma = max(',;\t|', key=lines[0].count)
    header, *rows = [line.split(comma) for line in lines]
    return [name.strip().lower() for name in header], [[*row, *[''] * len(header)] for row in rows]


def upright(mask: np.ndarray, data: bytes | None) -> np.ndarray:
    """Return an (H, W) bool mask as the EXIF data of a file turn it, by Pillow."""
    try:
        exif = Image.open(io.BytesIO(data or b'')).getexif()
    except Exception:
        return mask
    stream = io.BytesIO()
    Image.fromarray(mask.astype(np.uint8) * 255).save(stream, 'PNG', exif=exif)
    return np.asarray(ImageOps.exif_transpose(Image.open(stream))) > 128


def unfold(code: dict) -> np.ndarray:
    """Return a run-length code, compressed or not, as (H, W) bool.

    Raises:
        ValueError: it does not describe a mask.
    """
    height, width = code['size']
    counts = code['counts']
    if isinstance(counts, str):
        counts = _counts(counts)
    if any(count < 0 for count in counts) or sum(counts) != height * width:
        raise ValueError('the runs do not fill the mask')
    flat = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    return flat.reshape(width, height).T


def _counts(text: str) -> list[int]:
    counts: list[int] = []
    value = shift = 0
    for letter in text:
        bits = ord(letter) - 48
        if not 0 <= bits < 64:
            raise ValueError('no letter of a run-length code')
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            if bits & 16:
                value -= 1 << shift
            counts.append(value + (counts[-2] if len(counts) > 2 else 0))
            value = shift = 0
    if shift:
        raise ValueError('the code ends within a number')
    return counts


def jaccard(first: np.ndarray, second: np.ndarray) -> float:
    union = np.count_nonzero(first | second)
    return 1.0 if not union else np.count_nonzero(first & second) / union


def far(first: np.ndarray, second: np.ndarray) -> float:
    """Return the mean difference of two images in grays, infinite for other sizes."""
    if first.shape != second.shape:
        return float('inf')
    step = max(1, int((first.size / 10**7) ** 0.5))  # of large ones only some pixels
    first, second = first[::step, ::step], second[::step, ::step]
    return float(np.abs(first.astype(np.int16) - second.astype(np.int16)).mean())
