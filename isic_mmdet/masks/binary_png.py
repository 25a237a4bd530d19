"""Fast decoding of black-and-white PNG files.

A PNG file holds, deflated, one line for each row: the row's filter, then the difference of each
pixel from what the filter predicts from the pixels to the left and above (PNG specification, third
edition, section 9). Undoing that pixel by pixel takes as long as everything else. If an image
holds only 0 and 255, a difference inverts the predicted bit or not, so a machine word holds 64
pixels and rows are undone at once.

Shorthand: H and W are height and width of the image; bits are laid out as in `BitMask`.
"""

import struct

import numpy as np
from numpy.typing import NDArray
from zlib_ng import zlib_ng

from isic_mmdet.masks.bit_mask import BitMask, Bits, to_words

#: Above as many pixels Pillow warns of a decompression bomb or refuses, so Pillow decides.
MAX_PIXELS = 2**26

_SIGNATURE = b'\x89PNG\r\n\x1a\n'
# Bit depth 8, gray, and the only ways of compressing and filtering; not interlaced.
_PLAIN_GRAY = bytes((8, 0, 0, 0, 0))
_NONE, _SUB, _UP, _PAETH = 0, 1, 2, 4
# Lines are inflated and reduced to bits in bands of about as many bytes, which stay in the cache.
BAND = 2**19


def decode_binary_png(data: bytes) -> BitMask | None:
    """Return the pixels of 255 of a flawless PNG file of one 8-bit channel of only 0 and 255.

    None for any other file, which a general decoder has to judge: one with other grays or chunks,
    a wrong checksum, too little or too much data, the average filter (which no encoder chooses for
    such images), or more than `MAX_PIXELS`.
    """
    found = _read_chunks(data)
    lines = found and _read_lines(*found)
    if not lines:
        return None
    filters, differs, brighter, width = lines
    bits = _undo_filters(filters, differs)
    # Modulo 256, adding 255 leads from 0 to 255, and adding 1 from 255 to 0. If each difference is
    # the one that leads to the bit found, every prediction was 0 or 255.
    if bits is None or not np.array_equal(brighter, differs & bits):
        return None
    # Behind the last pixel of a row its predictions continued.
    bits[:, -1] &= np.uint64(2**64 - 2 ** (-width % 64))
    return BitMask(bits, width)


def _read_chunks(data: bytes) -> tuple[bytes, int, int] | None:
    """Return the deflated lines, height and width of a file of IHDR, IDAT and IEND alone."""
    if not data.startswith(_SIGNATURE):
        return None
    kinds, contents = [], []
    position = len(_SIGNATURE)
    while position < len(data):
        if position + 12 > len(data):
            return None
        size, kind = struct.unpack_from('>I4s', data, position)
        end = position + 8 + size
        if end + 4 > len(data):
            return None
        (checksum,) = struct.unpack_from('>I', data, end)
        if zlib_ng.crc32(memoryview(data)[position + 4 : end]) != checksum:
            return None
        kinds.append(kind)
        contents.append(data[position + 8 : end])
        position = end + 4
    if kinds != [b'IHDR', *[b'IDAT'] * (len(kinds) - 2), b'IEND'] or contents[-1]:
        return None
    if len(contents[0]) != 13 or contents[0][8:] != _PLAIN_GRAY:
        return None
    width, height = struct.unpack_from('>II', contents[0])
    if not 0 < height * width <= MAX_PIXELS:
        return None
    return b''.join(contents[1:-1]), height, width


def _read_lines(
    stream: bytes, height: int, width: int
) -> tuple[NDArray[np.uint8], Bits, Bits, int] | None:
    """Return the filters, (H,), the bits of the pixels that differ, of those brighter, and W.

    None unless the lines are complete, nothing follows, and all differences are 0 or 1.
    """
    filters = np.empty(height, np.uint8)
    differs, brighter = (np.empty((height, -(-width // 8)), np.uint8) for _ in range(2))
    inflater = zlib_ng.decompressobj()
    size = width + 1
    rows = max(1, BAND // size)
    try:
        for top in range(0, height, rows):
            band = slice(top, min(top + rows, height))
            wanted = (band.stop - top) * size
            lines = inflater.decompress(stream, wanted)
            stream = inflater.unconsumed_tail
            if len(lines) != wanted:
                return None
            table = np.frombuffer(lines, np.uint8).reshape(-1, size)
            differences = table[:, 1:].view(np.int8)  # 255 as -1
            if differences.min() < -1 or differences.max() > 1:
                return None
            filters[band] = table[:, 0]
            differs[band] = np.packbits(differences, axis=1)
            brighter[band] = np.packbits(differences < 0, axis=1)
        # Asking for more shows whether more is there, and has the checksum at the end compared.
        more = inflater.decompress(stream, 1)
    except zlib_ng.error:  # type: ignore[misc]  # the stub calls the class an instance
        return None
    if more or not inflater.eof or inflater.unused_data:
        return None
    return filters, to_words(differs), to_words(brighter), width


def _undo_filters(filters: NDArray[np.uint8], differs: Bits) -> Bits | None:
    """Return the bits of the pixels, or None if there is another filter."""
    is_sub, is_up, is_paeth = filters == _SUB, filters == _UP, filters == _PAETH
    if not ((filters == _NONE) | is_sub | is_up | is_paeth).all():
        return None
    rows = differs.copy()
    rows[is_sub] = _undo_sub(rows[is_sub])
    # A row predicted from the one above is the XOR of all rows down to it, from the last one on
    # that is not. So XOR from the top, and remove again the rows above that last one.
    summed = np.bitwise_xor.accumulate(rows, axis=0)
    first = np.maximum.accumulate(np.where(is_up, 0, np.arange(len(rows))))
    excess = np.zeros_like(rows)
    excess[1:] = summed[:-1]
    for number in np.flatnonzero(is_paeth):
        # Above the first row all is 0, as is its excess.
        above = summed[number - 1] ^ excess[first[number - 1]] if number else excess[0]
        excess[number] = summed[number] ^ _undo_paeth(differs[number], above)
    return summed ^ excess[first]


def _undo_sub(differs: Bits) -> Bits:
    """Return rows predicted from their left neighbors: each bit is the XOR of all up to it."""
    bits = differs.copy()
    for shift in (1, 2, 4, 8, 16, 32):
        bits ^= bits >> np.uint64(shift)
    odd = np.bitwise_xor.accumulate(bits & np.uint64(1), axis=1)
    # A word starts from the last bit of the one before: minus 1 has all bits set.
    bits[:, 1:] ^= -odd[:, :-1]
    return bits


def _undo_paeth(differs: Bits, above: Bits) -> Bits:
    """Return one row predicted by Paeth's filter.

    Among 0 and 255 Paeth's prediction is the pixel above if that differs from its own left
    neighbor, and else the pixel to the left. So `differs` alone shows whether a pixel is unlike the
    one above where the row above changes. Elsewhere the pixel to the left counts, too:
    unlike[i] = differs[i] ^ (alike[i] & unlike[i - 1]), here over twice as many in each step.
    `above` is the finished row above, zeros above the first.
    """
    unlike, over = (int.from_bytes(row.astype('>u8').tobytes(), 'big') for row in (differs, above))
    alike = ~(over ^ (over >> 1))
    shift = 1
    while shift < 64 * len(differs):
        unlike ^= (unlike >> shift) & alike
        alike &= alike >> shift
        shift *= 2
    octets = (unlike ^ over).to_bytes(8 * len(differs), 'big')
    return np.frombuffer(octets, '>u8').astype(np.uint64)
