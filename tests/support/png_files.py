"""PNG files put together chunk by chunk, right and wrong ones."""

import struct
import zlib


def chunk(kind: bytes, content: bytes = b'', checksum: int | None = None) -> bytes:
    checksum = zlib.crc32(kind + content) if checksum is None else checksum
    return struct.pack('>I', len(content)) + kind + content + struct.pack('>I', checksum)


def put_together(
    shape: tuple[int, int],
    lines: bytes = b'',
    *,
    form: tuple[int, ...] = (8, 0, 0, 0, 0),
    before: bytes = b'',
    stream: bytes | None = None,
    after: bytes = b'',
    pieces: int = 1,
) -> bytes:
    """Return a file, by default a right one of 8-bit grays, of filtered lines or their stream."""
    stream = zlib.compress(lines) if stream is None else stream
    step = max(1, -(-len(stream) // pieces))
    parts = [stream[i : i + step] for i in range(0, len(stream), step)]
    header = struct.pack('>II5B', shape[1], shape[0], *form)
    data = b''.join(chunk(b'IDAT', part) for part in parts)
    start = b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header)
    return start + before + data + chunk(b'IEND') + after
