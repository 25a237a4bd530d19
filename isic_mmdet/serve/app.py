"""The routes of the server, as an ASGI application.

`GET /` is the page, and each of its files has its own route. The other requests carry the bytes of
a file as body, and its name only if corrections are saved:

- `GET /about`: what the server accepts, as JSON.
- `POST /segment`: an image file. Answered by lines of JSON: `{"position": N}` with the number of
  requests ahead whenever it changes, then `{"result": ...}` of `answers.segment`, or
  `{"error": ...}` if the file cannot be used. With `?name=NAME`, the path of the image in its
  folder, the result has `saved`, see `answers.find_saved`.
- `POST /mask?threshold=50`: the `lesion` of a result, as JSON. Answered by the mask file.
- `POST /map?threshold=50`: the same. Answered by the map of the mask, for the page to change.
- `POST /stored?orientation=1`: a mask that was drawn, see `answers.stored_file`. Answered by its
  mask file.
- `POST /compare?lesion=BYTES`: the same, and after BYTES bytes the file of a truth mask. Answered
  by `{"result": ...}` of `answers.compare`, or `{"error": ...}`.
- `POST /preview`: an image file. Answered by a JPEG of it.
- `POST /save?name=NAME&image=BYTES&decision=corrected`: an image file of BYTES bytes, and after it
  a mask that was drawn. Answered by `{}` when both are on the disk, or with status 409 if another
  mask is saved; `&replace=1` replaces it.

A refused request gets status 4xx or 503 and `{"error": ...}`.
"""

import json
import logging
from collections.abc import AsyncIterator, Callable
from concurrent.futures import CancelledError
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from isic_mmdet import __version__
from isic_mmdet.deploy.segmentation import Segmenter
from isic_mmdet.errors import InputError
from isic_mmdet.images.decoding import UnreadableError
from isic_mmdet.masks.binary_png import MAX_PIXELS
from isic_mmdet.serve import answers
from isic_mmdet.serve.corrections import DECISIONS, AlreadySavedError, Corrections
from isic_mmdet.serve.hosts import OwnSiteMiddleware
from isic_mmdet.serve.lesion import Lesion
from isic_mmdet.serve.receive import UploadMemory
from isic_mmdet.serve.work_queue import FullError, QueuedJob, WorkQueue

_MEDIA_TYPES = {
    '.html': 'text/html',
    '.css': 'text/css',
    '.js': 'text/javascript',
    '.svg': 'image/svg+xml',
}
# Of the mask that follows an image of the largest size.
_MASK_BYTES = 8 * 2**20
_FAILED = 'the server failed on this file; its terminal shows why'


@dataclass(frozen=True)
class Settings:
    """Where a server listens, and what it accepts.

    Attributes:
        host: name or address of the interface; the default is reachable from this computer only.
        port: 0 lets the system choose a free one.
        max_bytes: of an uploaded file.
        max_pixels: of an image.
        max_waiting: requests that upload, wait or run at the same time.
        model: name of the model, as the page shows it.
        corrections: where outlines are saved; None saves none.
    """

    host: str = '127.0.0.1'
    port: int = 7860
    max_bytes: int = 64 * 2**20
    max_pixels: int = 64_000_000
    max_waiting: int = 32
    model: str = 'model'
    corrections: Corrections | None = None


def create_app(segmenter: Segmenter, settings: Settings, queue: WorkQueue) -> Starlette:
    """Return the application; all work with pixels goes through `queue`."""
    api = _Api(segmenter, settings, queue)
    full = f'{settings.max_waiting} requests are waiting already; try again in a moment'
    app = Starlette(
        routes=[
            *_page_routes(),
            Route('/about', api.about),
            Route('/segment', _Segment(api), methods=['POST']),
            Route('/mask', api.mask, methods=['POST']),
            Route('/map', api.map, methods=['POST']),
            Route('/stored', api.stored, methods=['POST']),
            Route('/compare', api.compare, methods=['POST']),
            Route('/preview', api.preview, methods=['POST']),
            Route('/save', api.save, methods=['POST']),
        ],
        middleware=[Middleware(OwnSiteMiddleware, listens_on=settings.host)],
        exception_handlers={
            HTTPException: _http_error,
            UnreadableError: partial(_error, 422, None),
            AlreadySavedError: partial(_error, 409, None),
            InputError: partial(_error, 500, None),
            FullError: partial(_error, 503, full),
            ClientDisconnect: partial(_error, 400, None),  # nobody receives this answer
            Exception: partial(_error, 500, _FAILED),  # Starlette raises it again, uvicorn logs it
        },
    )
    app.router.redirect_slashes = False
    return app


def _page_routes() -> list[Route]:
    """Return a route for each file of the page; no path of a request reaches the file system."""
    return [
        Route('/' if path.name == 'index.html' else f'/{path.name}', partial(_asset, path))
        for path in (Path(__file__).parent / 'assets').iterdir()
        if path.suffix in _MEDIA_TYPES
    ]


async def _asset(path: Path, request: Request) -> Response:
    return Response(path.read_bytes(), media_type=_MEDIA_TYPES[path.suffix])


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = 'there is no such page' if error.status_code == 404 else error.detail
    return JSONResponse({'error': message}, error.status_code)


async def _error(status: int, message: str | None, request: Request, error: Exception) -> Response:
    return JSONResponse({'error': message or str(error)}, status)


class _Api:
    def __init__(self, segmenter: Segmenter, settings: Settings, queue: WorkQueue) -> None:
        self.segmenter = segmenter
        self.settings = settings
        self._queue = queue
        self._memory = UploadMemory(settings.max_bytes)

    async def about(self, request: Request) -> Response:
        corrections = self.settings.corrections
        about = {
            'model': self.settings.model,
            'classes': list(self.segmenter.classes),
            'maxBytes': self.settings.max_bytes,
            'maxPixels': self.settings.max_pixels,
            'maxDrawnPixels': MAX_PIXELS,
            'saveTo': corrections and str(corrections.folder.resolve()),
            'version': __version__,
        }
        return JSONResponse(about)

    async def mask(self, request: Request) -> Response:
        threshold = _integer(request, 'threshold', 99)

        def work(data: bytes) -> bytes:
            return answers.mask_file(Lesion.from_json(data, self.settings.max_pixels), threshold)

        return Response(await self._result(request, work), media_type='image/png')

    async def map(self, request: Request) -> Response:
        threshold = _integer(request, 'threshold', 99)

        def work(data: bytes) -> dict[str, Any]:
            return answers.mask_map(Lesion.from_json(data, self.settings.max_pixels), threshold)

        return JSONResponse(await self._result(request, work))

    async def stored(self, request: Request) -> Response:
        work = partial(answers.stored_file, orientation=_integer(request, 'orientation', 8))
        return Response(await self._result(request, work), media_type='image/png')

    async def save(self, request: Request) -> Response:
        corrections, max_pixels = self.settings.corrections, self.settings.max_pixels
        if corrections is None:
            raise HTTPException(403, 'the server was started without --save')
        end = _integer(request, 'image', self.settings.max_bytes)
        name, decision = (request.query_params.get(key, '') for key in ('name', 'decision'))
        if decision not in DECISIONS:
            raise HTTPException(400, f'decision must be one of {", ".join(DECISIONS)}')
        replace = request.query_params.get('replace') == '1'

        def work(data: bytes) -> None:
            image, drawn = data[:end], data[end:]
            answers.save(corrections, name, image, drawn, decision, replace, max_pixels)

        await self._result(request, work, spare_bytes=_MASK_BYTES)
        return JSONResponse({})

    async def compare(self, request: Request) -> Response:
        end = _integer(request, 'lesion', self.settings.max_bytes)
        max_pixels = self.settings.max_pixels

        def work(data: bytes) -> dict[str, Any]:
            lesion = Lesion.from_json(data[:end], max_pixels)
            try:
                return {'result': answers.compare(lesion, data[end:], max_pixels)}
            except UnreadableError as error:
                return {'error': str(error)}

        return JSONResponse(await self._result(request, work))

    async def preview(self, request: Request) -> Response:
        work = partial(answers.preview, max_pixels=self.settings.max_pixels)
        return Response(await self._result(request, work), media_type='image/jpeg')

    def segment(self, data: bytes, name: str | None) -> dict[str, Any]:
        """Return the answer for an image, with what is saved under its name if it has one."""
        settings = self.settings
        result = answers.segment(self.segmenter, data, settings.max_pixels)
        if name is not None and settings.corrections is not None:
            result['saved'] = answers.find_saved(
                settings.corrections, name, data, result['lesion'], settings.max_pixels
            )
        return result

    async def _result(
        self, request: Request, work: Callable[[bytes], Any], spare_bytes: int = 0
    ) -> Any:
        async with self.job(request, work, spare_bytes) as job:
            return await job.result()

    @asynccontextmanager
    async def job(
        self, request: Request, work: Callable[[bytes], Any], spare_bytes: int = 0
    ) -> AsyncIterator[QueuedJob]:
        """Queue `work` on the uploaded bytes; leaving the block cancels it if it still waits."""
        with self._queue.reserve() as job:
            async with self._memory.receive(request, spare_bytes) as data:
                job.submit(partial(work, data))
                yield job


@dataclass(frozen=True)
class _Segment:
    """The route `/segment`: an ASGI application, because its slot is taken until all is sent."""

    api: _Api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        api = self.api
        request = Request(scope, receive)
        work = partial(api.segment, name=request.query_params.get('name'))
        async with api.job(request, work) as job:
            # This response stops when the client disconnects.
            response = StreamingResponse(_progress(job), media_type='application/x-ndjson')
            await response(scope, receive, send)


async def _progress(job: QueuedJob) -> AsyncIterator[bytes]:
    async for position in job.positions():
        yield _line({'position': position})
    try:
        last = {'result': await job.result()}
    except UnreadableError as error:
        last = {'error': str(error)}
    except CancelledError:
        return  # the server shuts down; the page then sends it again
    except Exception:
        # The status is sent already: the last line reports the error, and the log explains it.
        logging.getLogger(__name__).exception('an upload could not be processed')
        last = {'error': _FAILED}
    yield _line(last)


def _line(value: Any) -> bytes:
    return json.dumps(value).encode() + b'\n'


def _integer(request: Request, name: str, most: int) -> int:
    text = request.query_params.get(name, '')
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= most:
        raise HTTPException(400, f'{name} must be a whole number from 1 to {most}')
    return int(text)
