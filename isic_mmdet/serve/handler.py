"""HTTP: what may be asked, what is refused, and how answers are sent.

`GET /` is the page, and the names of its files lead to them. The questions, with the bytes of a
file as body and no name of one anywhere:

- `GET /about`: what the server takes, as JSON.
- `POST /segment`: the file of an image. Answered by JSON, one line each: `{"place": N}` with the
  number of requests before this one whenever it changes, then `{"result": ...}` of
  `answers.segment`, or `{"error": ...}` where the file is at fault.
- `POST /mask?threshold=50`: the `lesion` of a result, as JSON. The mask file.
- `POST /compare?lesion=BYTES`: the same, and after so many bytes the file of a truth mask. JSON:
  `{"result": ...}` of `answers.compare`, or `{"error": ...}` where the mask is at fault.
- `POST /preview`: the file of an image. A JPEG of it.

A question that is refused has status 4xx or 503 and `{"error": ...}`. Every answer ends its
connection, so that no idle one holds a thread.
"""

import json
import socket
import sys
import time
import traceback
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from isic_mmdet import __version__
from isic_mmdet.images.decoding import UnreadableError
from isic_mmdet.serve.answers import compare, mask_file, preview, segment
from isic_mmdet.serve.hosts import is_own_name, is_same_site
from isic_mmdet.serve.lesion import Lesion
from isic_mmdet.serve.page import HEADERS
from isic_mmdet.serve.work_queue import FullError

if TYPE_CHECKING:
    from isic_mmdet.serve.server import LesionServer

# Seconds within which an upload has to be here, and without a byte after which it is given up.
_UPLOAD_SECONDS = 120
_SILENCE_SECONDS = 30
_PIECE = 1 << 16
_FAILED = 'the server failed on this file; its terminal shows why'


class RefusedError(Exception):
    """A question that is not answered.

    Args:
        status: of HTTP.
        message: for people.
    """

    def __init__(self, status: HTTPStatus, message: str) -> None:
        self.status = status
        super().__init__(message)


class Handler(BaseHTTPRequestHandler):
    """One connection, with one question."""

    server: 'LesionServer'
    protocol_version = 'HTTP/1.1'
    timeout = _SILENCE_SECONDS
    disable_nagle_algorithm = True  # or a place in the line waits for the one before to arrive

    def do_GET(self) -> None:
        """Answer with the page or one of its files."""
        self._guarded(self._get)

    do_HEAD = do_GET  # noqa: N815

    def do_POST(self) -> None:
        """Answer a question about an upload."""
        self._guarded(self._post)

    def version_string(self) -> str:
        """Return what the `Server` header says: not which Python."""
        return 'isic_mmdet'

    def log_message(self, format: str, *args: Any) -> None:
        """Write nothing: what people look at is theirs."""

    def end_headers(self) -> None:
        """Put the headers that every answer has behind its own."""
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header('Connection', 'close')
        super().end_headers()

    def _guarded(self, answer: Callable[[], None]) -> None:
        self.close_connection = True
        try:
            self._check_sender()
            answer()
        except RefusedError as refusal:
            self._refuse(refusal.status, str(refusal))
        except UnreadableError as error:
            self._refuse(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
        except FullError:
            self._refuse(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f'{self.server.settings.max_waiting} requests are waiting already; '
                'try again in a moment',
            )
        except (ConnectionError, TimeoutError):
            pass  # who asked is gone, and so is his place in the line
        except Exception:
            # A fault of ours: to be seen by who runs the server, and said to who asked.
            traceback.print_exc(file=sys.stderr)
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, _FAILED)

    def _check_sender(self) -> None:
        host = self.headers.get('Host', '')
        if not is_own_name(host, self.server.settings.host):
            raise RefusedError(
                HTTPStatus.FORBIDDEN,
                f'this server does not go by the name {host!r}; use its address or localhost',
            )
        if not is_same_site(self.headers.get('Origin'), host):
            raise RefusedError(HTTPStatus.FORBIDDEN, 'the page of another site may not ask')

    def _get(self) -> None:
        path = urlsplit(self.path).path
        if path == '/about':
            self._send_json(self._about())
        elif asset := self.server.assets.get(path):
            self._send(asset.kind, asset.data)
        else:
            raise RefusedError(HTTPStatus.NOT_FOUND, 'there is no such page')

    def _about(self) -> dict[str, Any]:
        settings = self.server.settings
        return {
            'model': settings.model,
            'classes': list(self.server.net.classes),
            'maxBytes': settings.max_bytes,
            'maxPixels': settings.max_pixels,
            'version': __version__,
        }

    def _post(self) -> None:
        url = urlsplit(self.path)
        questions = {
            '/segment': self._segment,
            '/mask': self._mask,
            '/compare': self._compare,
            '/preview': self._preview,
        }
        if url.path not in questions:
            raise RefusedError(HTTPStatus.NOT_FOUND, 'there is no such question')
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        questions[url.path](query)

    def _segment(self, query: dict[str, str]) -> None:
        net, max_pixels = self.server.net, self.server.settings.max_pixels
        length = self._length()
        with self.server.line.ticket() as ticket:
            data = self._body(length)
            ticket.queue(partial(segment, net, data, max_pixels))
            del data  # the ticket has it, and lets go of it first
            self.send_response(HTTPStatus.OK)
            self.send_header('Content-Type', 'application/x-ndjson')
            self.send_header('Transfer-Encoding', 'chunked')
            self.end_headers()
            for place in ticket.places():
                self._send_line({'place': place})
            try:
                last = {'result': ticket.result()}
            except UnreadableError as error:
                last = {'error': str(error)}
            except Exception:
                traceback.print_exc(file=sys.stderr)
                last = {'error': _FAILED}
            self._send_line(last)
            self.wfile.write(b'0\r\n\r\n')

    def _mask(self, query: dict[str, str]) -> None:
        threshold = _whole(query, 'threshold', 1, 99)
        limit = self.server.settings.max_pixels
        answer = self._worked(lambda data: mask_file(Lesion.from_json(data, limit), threshold))
        self._send('image/png', answer)

    def _compare(self, query: dict[str, str]) -> None:
        end = _whole(query, 'lesion', 1, self.server.settings.max_bytes)
        limit = self.server.settings.max_pixels

        def work(data: bytes) -> dict[str, Any]:
            lesion = Lesion.from_json(data[:end], limit)
            try:
                return {'result': compare(lesion, data[end:], limit)}
            except UnreadableError as error:
                return {'error': str(error)}

        self._send_json(self._worked(work))

    def _preview(self, query: dict[str, str]) -> None:
        max_pixels = self.server.settings.max_pixels
        self._send('image/jpeg', self._worked(lambda data: preview(data, max_pixels)))

    def _worked(self, work: Callable[[bytes], Any]) -> Any:
        """Return what `work` makes of the body, after waiting for its turn."""
        length = self._length()
        with self.server.line.ticket() as ticket:
            data = self._body(length)
            ticket.queue(partial(work, data))
            del data
            return ticket.result()

    def _length(self) -> int:
        text = self.headers.get('Content-Length', '')
        if not text.isascii() or not text.isdigit():
            raise RefusedError(HTTPStatus.LENGTH_REQUIRED, 'the length of the upload is missing')
        length, limit = int(text), self.server.settings.max_bytes
        if length > limit:
            raise RefusedError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f'the file has {length / 2**20:.1f} MB, more than {limit / 2**20:g} MB',
            )
        if length == 0:
            raise RefusedError(HTTPStatus.BAD_REQUEST, 'the file is empty')
        return length

    def _body(self, length: int) -> bytes:
        end = time.monotonic() + _UPLOAD_SECONDS
        pieces = []
        while length:
            piece = self.rfile.read1(min(length, _PIECE))  # type: ignore[attr-defined]
            if not piece:
                raise ConnectionAbortedError('the upload ended early')
            if time.monotonic() > end:
                raise RefusedError(
                    HTTPStatus.REQUEST_TIMEOUT, f'the upload took over {_UPLOAD_SECONDS} s'
                )
            pieces.append(piece)
            length -= len(piece)
        return b''.join(pieces)

    def _send_json(self, value: Any) -> None:
        self._send('application/json', json.dumps(value).encode())

    def _send(self, kind: str, data: bytes, status: HTTPStatus = HTTPStatus.OK) -> None:
        self.send_response(status)
        self.send_header('Content-Type', kind)
        self.send_header('Content-Length', str(len(data)))
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(data)

    def _send_line(self, value: Any) -> None:
        data = json.dumps(value).encode() + b'\n'
        self.wfile.write(b'%x\r\n%b\r\n' % (len(data), data))

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        try:
            self._send('application/json', json.dumps({'error': message}).encode(), status)
            self._drain()
        except OSError:
            pass  # who asked is gone

    def _drain(self) -> None:
        """Take what is still being sent, or the answer would be lost with the connection."""
        self.connection.shutdown(socket.SHUT_WR)
        self.connection.settimeout(2)
        end = time.monotonic() + 10
        while time.monotonic() < end and self.connection.recv(_PIECE):
            pass


def _whole(query: dict[str, str], name: str, least: int, most: int) -> int:
    text = query.get(name, '')
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        raise RefusedError(
            HTTPStatus.BAD_REQUEST, f'{name} has to be a whole number from {least} to {most}'
        )
    return int(text)
