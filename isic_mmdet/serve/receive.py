"""Receive uploads in bounded memory."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from starlette.exceptions import HTTPException
from starlette.requests import Request

#: Seconds in which an upload has to be complete.
UPLOAD_SECONDS = 120
# Uploads of the largest size that may be in memory at the same time.
_LARGEST_AT_ONCE = 4


class UploadMemory:
    """Reads the bodies of requests; all bodies in memory together take at most `capacity` bytes.

    A body that does not fit stays in the network's buffers until others are done.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.capacity = _LARGEST_AT_ONCE * max_bytes
        self.used = 0
        self._first = asyncio.Lock()  # small uploads must not overtake a large one forever
        self._freed = asyncio.Event()

    @asynccontextmanager
    async def receive(self, request: Request, spare_bytes: int = 0) -> AsyncIterator[bytes]:
        """Read a body; it counts as in memory until the block ends.

        Args:
            request: with the body.
            spare_bytes: that it may have in addition to a file of the largest size.

        Raises:
            HTTPException: the body is a form; its length is missing, 0 or too large; or the upload
                takes too long.
            ClientDisconnect: the client closed the connection.
        """
        length = self._length(request, self.max_bytes + spare_bytes)
        async with self._first:
            while self.used and self.used + length > self.capacity:
                await self._freed.wait()
            self.used += length
        try:
            yield await _body(request)
        finally:
            self.used -= length
            self._freed.set()
            self._freed = asyncio.Event()

    def _length(self, request: Request, max_bytes: int) -> int:
        if request.headers.get('content-type', '').startswith('multipart/form-data'):
            raise HTTPException(
                415, 'a form cannot be read; send the file itself, such as curl --data-binary @FILE'
            )
        text = request.headers.get('content-length')
        # A chunked body can be longer than its Content-Length.
        if text is None or 'transfer-encoding' in request.headers:
            raise HTTPException(411, 'the Content-Length of the upload is missing')
        length = int(text)  # h11 refuses anything but digits
        if length > max_bytes:
            size, most = length / 2**20, max_bytes / 2**20
            raise HTTPException(413, f'the file has {size:.1f} MB, more than {most:g} MB')
        if length == 0:
            raise HTTPException(400, 'the file is empty')
        return length


async def _body(request: Request) -> bytes:
    body = io.BytesIO()  # `getvalue` returns its buffer without a copy
    try:
        with anyio.fail_after(UPLOAD_SECONDS):
            async for piece in request.stream():
                body.write(piece)
    except TimeoutError as error:
        raise HTTPException(408, f'the upload took more than {UPLOAD_SECONDS} s') from error
    return body.getvalue()
