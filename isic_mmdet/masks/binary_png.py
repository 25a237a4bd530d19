"""Decoding black-and-white PNG files in a fraction of the time that a general decoder takes.

A PNG file holds, deflated, one line a row: the row's filter, then for each pixel its difference
from what the filter predicts from the pixels to the left and above (PNG specification, third
edition, section 9). Undoing that pixel by pixel takes as long as all the rest. With nothing but 0
and 255 in an image it is arithmetic on bits: a difference is there or not and turns the predicted
bit over, so that a machine word holds 64 pixels and whole rows are undone at once.

Shorthand: H and W are height and width of the image; a row of bits is (ceil(W / 64),) uint64, the
first pixel in the highest bit of the first word.
"""

import struct
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from zlib_ng import zlib_ng

#: Above as many pixels Pillow warns of a decompression bomb, or refuses: its verdict counts.
MAX_PIXELS = 2**26

_SIGNATURE = b'\x89PNG\r\n\x1a\n'
# Bit depth 8, gray, and the only ways of compressing and filtering; not interlaced.
_PLAIN_GRAY = bytes((8, 0, 0, 0, 0))
_NONE, _SUB, _UP, _PAETH = 0, 1, 2, 4

# Lines are inflated and reduced to bits in bands of about as many bytes, which stay in the cache.
_BAND = 2**19

Bits = NDArray[np.uint64]


class _Lines(NamedTuple):
    """What the lines of a file say, as bits of its pixels.

    Attributes:
        filters: (H,) uint8.
        differs: (H, ceil(W / 64)) uint64, the pixel differs from what is predicted.
        brighter: the same, the pixel is brighter than what is predicted.
    """

    filters: NDArray[np.uint8]
    differs: Bits
    brighter: Bits


def decode_binary_png(data: bytes) -> NDArray[np.bool_] | None:
    """Decode a flawless PNG file that holds one 8-bit channel of nothing but 0 and 255.

    Args:
        data: the whole file.

    Returns:
        (H, W) bool, true where the gray is 255. None for any other file: one with further grays
        or kinds of chunks, a wrong checksum, anything missing or too much, the average filter
        (which no encoder chooses for such images), or more than `MAX_PIXELS`. A general decoder
        has to judge those; of the files decoded here each one would say the same.
    """
    found = decode_bits(data)
    if found is None:
        return None
    bits, width = found
    octets = bits.astype('>u8').view(np.uint8)
    return np.unpackbits(octets, axis=1, count=width).view(np.bool_)


def decode_bits(data: bytes) -> tuple[Bits, int] | None:
    """Decode the same files to (H, ceil(W / 64)) bits, 0 behind the last pixel of a row, and W."""
    found = _read_chunks(data)
    if found is None:
        return None
    height, width, stream = found
    lines = _read_lines(stream, height, width)
    if lines is None:
        return None
    bits = _undo_filters(lines.filters, lines.differs)
    # Modulo 256, 255 leads from 0 to 255, and 1 back. Where each difference is the one that leads
    # to the bit found, every prediction was 0 or 255, from the first pixel to the last.
    if bits is None or not np.array_equal(lines.brighter, lines.differs & bits):
        return None
    # Behind the last pixel of a row its predictions continued.
    bits[:, -1] &= np.uint64(2**64 - 2 ** (-width % 64))
    return bits, width


def _read_chunks(data: bytes) -> tuple[int, int, bytes] | None:
    """Return height, width and the deflated lines of a file of IHDR, IDAT and IEND alone."""
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
    return height, width, b''.join(contents[1:-1])


def _read_lines(stream: bytes, height: int, width: int) -> _Lines | None:
    """Inflate all lines; None unless they are all there, nothing else is, and differ by 0 or 1."""
    filters = np.empty(height, np.uint8)
    differs, brighter = (np.zeros((height, -(-width // 64) * 8), np.uint8) for _ in range(2))
    inflater = zlib_ng.decompressobj()
    size, used = width + 1, -(-width // 8)
    rows = max(1, _BAND // size)
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
            differs[band, :used] = np.packbits(differences, axis=1)
            brighter[band, :used] = np.packbits(differences < 0, axis=1)
        # Asking for more shows whether more is there, and has the checksum at the end compared.
        more = inflater.decompress(stream, 1)
    except zlib_ng.error:  # type: ignore[misc]  # the stub calls the class an instance
        return None
    if more or not inflater.eof or inflater.unused_data:
        return None
    return _Lines(filters, _to_words(differs), _to_words(brighter))


def _undo_filters(filters: NDArray[np.uint8], differs: Bits) -> Bits | None:
    """Return the pixels as (H, ceil(W / 64)) bits, or None if there is another filter."""
    is_sub, is_up, is_paeth = filters == _SUB, filters == _UP, filters == _PAETH
    if not ((filters == _NONE) | is_sub | is_up | is_paeth).all():
        return None
    rows = differs.copy()
    rows[is_sub] = _undo_sub(rows[is_sub])
    # A row predicted from the one above is all rows down to it, XORed, from the last one on that
    # is not: so XOR from the top, and take off again what stands above that last one.
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
    """Return rows predicted from their left neighbors: each bit the XOR of all up to it."""
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
    neighbor, and else the pixel to the left. So whether a pixel is unlike the one above is told
    by `differs` alone where the row above changes, and elsewhere by that and the pixel to the
    left: unlike[i] = differs[i] ^ (alike[i] & unlike[i - 1]), here over twice as many in each step.

    Args:
        differs: (ceil(W / 64),) bits of the row.
        above: the finished row above it; zeros above the first.
    """
    unlike, over = _to_int(differs), _to_int(above)
    alike = ~(over ^ (over >> 1))
    shift = 1
    while shift < 64 * len(differs):
        unlike ^= (unlike >> shift) & alike
        alike &= alike >> shift
        shift *= 2
    octets = (unlike ^ over).to_bytes(8 * len(differs), 'big')
    return _to_words(np.frombuffer(octets, np.uint8))


def _to_words(octets: NDArray[np.uint8]) -> Bits:
    return octets.view('>u8').astype(np.uint64)


def _to_int(words: Bits) -> int:
    return int.from_bytes(words.astype('>u8').tobytes(), 'big')
