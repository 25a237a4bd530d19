"""How libraries say that a file is no picture."""

import struct
import zipfile
import zlib

from PIL import Image

#: What Pillow and `SourceFile.read` raise on a file that is no image, or not a whole one.
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
