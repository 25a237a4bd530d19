"""Which image formats are read, and what people have in others."""

import struct
import zipfile
import zlib
from pathlib import PurePath

from PIL import Image


def _register_heic() -> bool:
    """Let Pillow read HEIC if the optional package pillow-heif is installed."""
    try:
        import pillow_heif
    except ImportError:
        return False
    pillow_heif.register_heif_opener()
    return True


READS_HEIC = _register_heic()
_HEIC_ENDINGS = ('heic', 'heif', 'hif')
#: Pillow's names. It knows more, but starts other programs for some (Ghostscript for EPS).
FORMATS = ('JPEG', 'PNG', 'TIFF', 'BMP', 'WEBP', *(['HEIF'] if READS_HEIC else []))
#: For messages.
FORMAT_NAMES = 'JPEG, PNG, TIFF, BMP or WebP'
#: Endings by which images are found in a folder or zip.
SUFFIXES = {'.jpg', '.jpeg', '.jpe', '.jfif', '.png', '.tif', '.tiff', '.bmp', '.webp'}

if READS_HEIC:
    SUFFIXES |= {f'.{ending}' for ending in _HEIC_ENDINGS}

_REMEDIES = {
    'convert to JPEG or PNG, or run `pip install pillow-heif`': ' '.join(_HEIC_ENDINGS),
    'convert to JPEG or PNG': (
        'heics heifs avif jxl jp2 j2k jpf jpx jpm j2c jpc jxr wdp '
        'ppm pgm pbm pnm tga pcx ico psd psb xcf exr hdr'
    ),
    'export as PNG': 'dcm dicom dic svg svgz pdf eps ps ai nii nrrd mha mhd svs ndpi mrxs scn czi',
    'develop to JPEG or PNG': 'raw dng cr2 cr3 crw nef nrw arw sr2 orf rw2 raf pef srw x3f',
    'save one image as PNG': 'gif apng mng',
    'save images of it as PNG': 'mp4 m4v mov avi mkv webm wmv mpg mpeg 3gp mts',
    'name it as an INPUT': 'zip',
    'unpack it': 'rar 7z tar tgz',
}
#: Lower-case endings of images that are not read, to what helps.
UNREAD = {
    f'.{ending}': remedy
    for remedy, endings in _REMEDIES.items()
    for ending in endings.split()
    if f'.{ending}' not in SUFFIXES
}

#: What Pillow and `SourceFile.read` raise on a file that is no image, or an incomplete one.
DECODE_ERRORS = (
    OSError,
    SyntaxError,  # Pillow's word for a broken PNG
    ValueError,
    EOFError,
    KeyError,
    IndexError,
    NotImplementedError,  # compression method that zipfile does not know
    RuntimeError,  # encrypted zip
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
    Image.DecompressionBombError,
)

# (offset, first bytes, name, ending).
_SIGNATURES = [
    (0, b'GIF8', 'GIF', '.gif'),
    (128, b'DICM', 'DICOM', '.dcm'),
    (0, b'\0\0\0\x0cjP  \r\n\x87\n', 'JPEG 2000', '.jp2'),
    (0, b'\xff\x4f\xff\x51', 'JPEG 2000', '.j2k'),
    (0, b'\0\0\0\x0cJXL ', 'JPEG XL', '.jxl'),
    (0, b'\xff\x0a', 'JPEG XL', '.jxl'),
    (0, b'%PDF', 'PDF', '.pdf'),
    (0, b'8BPS', 'Photoshop', '.psd'),
]
_BRANDS = {'avif': 'AVIF', 'avis': 'AVIF', 'crx ': 'camera raw'}
_HEIF_BRANDS = ('heic', 'heix', 'heim', 'heis', 'hevc', 'hevx', 'mif1', 'msf1')


def suffix(name: str) -> str:
    """Return the ending of a file's name in lower case, with its dot."""
    return PurePath(name).suffix.lower()


def unread_format(data: bytes) -> str | None:
    """Return format and remedy of a file that is not read, by its first 256 bytes, or None."""
    for offset, signature, name, ending in _SIGNATURES:
        if data[offset : offset + len(signature)] == signature:
            return f'{name} is not read: {UNREAD[ending]}'
    if data[4:8] == b'ftyp':
        brand = data[8:12].decode('latin-1')
        if brand in _HEIF_BRANDS:
            return None if READS_HEIC else f'HEIC is not read: {UNREAD[".heic"]}'
        if brand in _BRANDS:
            return f'{_BRANDS[brand]} is not read: {UNREAD[".avif"]}'
        return f'a video is not read: {UNREAD[".mp4"]}'
    if b'<svg' in data[:256]:
        return f'SVG is not read: {UNREAD[".svg"]}'
    return None
