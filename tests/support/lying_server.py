"""A web server on this machine that breaks off, lies and refuses, and files for it to serve."""

import contextlib
import io
import re
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from isic_mmdet.isic.archives import ARCHIVES, Archive

IMAGES = 'ISIC2018_Task1-2_Validation_Input.zip'
MASKS = 'ISIC2018_Task1_Validation_GroundTruth.zip'


def make_zip(names: list[str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w') as file:
        for number, name in enumerate(names):
            # Without the time of day, so that the same archive has the same bytes again.
            file.writestr(zipfile.ZipInfo(name), bytes([number % 256]) * 300)
    return buffer.getvalue()


def make_official(archive: Archive) -> bytes:
    """Return a file that holds what the official one holds, with images of a few bytes."""
    ids = [f'ISIC_{number:07d}' for number in range(archive.count)]
    if archive.holds == 'diagnoses':
        rows = [f'{isic_id},0.0,1.0\n' for isic_id in ids]
        return ''.join(['image_id,melanoma,seborrheic_keratosis\n', *rows]).encode()
    folder = archive.name.removesuffix('.zip')
    if archive.holds == 'masks':
        return make_zip([f'{folder}/{isic_id}_Segmentation.png' for isic_id in ids])
    extras = ['LICENSE.txt', 'ATTRIBUTION.txt', 'ISIC_0000000_superpixels.png']
    return make_zip([f'{folder}/{name}' for name in [*extras, *(f'{i}.jpg' for i in ids)]])


def archive_named(name: str) -> Archive:
    return next(archive for archive in ARCHIVES if archive.name == name)


@dataclass
class Served:
    """One file of the server, how it misbehaves, and what it was asked."""

    body: bytes
    etag: str | None = '"v1"'
    status: int | None = None  # answered to everything
    busy: int = 0  # answer this many GETs with 503
    drops: list[int] = field(default_factory=list)  # bytes per GET before the connection ends
    hold: threading.Event | None = None  # to wait for before the connection ends
    get_size: int | None = None  # stated instead of the size
    get_untold: bool = False  # no size, the end of the connection ends the file
    told_total: int | None = None  # in Content-Range
    told_start: int | None = None
    ranges: bool = True
    if_range: bool = True
    later: 'Served | None' = None  # what lies here after the first GET
    asked: list[str | None] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        served = self._served()
        if served is None:
            return
        if served.busy:
            served.busy -= 1
            self._refuse(503)
            return
        body, start = served.body, 0
        wanted = re.fullmatch(r'bytes=(\d+)-', self.headers.get('Range', ''))
        fits = not served.if_range or self.headers.get('If-Range') == served.etag
        if wanted and served.ranges and fits:
            start = int(wanted[1])
            total = len(body) if served.told_total is None else served.told_total
            if start >= len(body):
                self._refuse(416, ('Content-Range', f'bytes */{total}'))
                return
            told = start if served.told_start is None else served.told_start
            self.send_response(206)
            self.send_header('Content-Range', f'bytes {told}-{len(body) - 1}/{total}')
            self._tell(served, len(body) - start)
        else:
            self.send_response(200)
            size = len(body) if served.get_size is None else served.get_size
            self._tell(served, None if served.get_untold else size)
        stop = served.drops.pop(0) if served.drops else len(body)
        self.wfile.write(body[start : start + stop])
        if served.hold:
            self.wfile.flush()
            served.hold.wait(20)
        self.close_connection = True
        if served.later:
            self.server.files[self.path] = served.later  # type: ignore[attr-defined]

    def _served(self) -> Served | None:
        served = self.server.files.get(self.path)  # type: ignore[attr-defined]
        if served is None:
            self._refuse(404)
            return None
        served.asked.append(self.headers.get('Range'))
        if served.status:
            self._refuse(served.status)
            return None
        return served

    def _refuse(self, status: int, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in (*headers, ('Content-Length', '0')):
            self.send_header(name, value)
        self.end_headers()

    def _tell(self, served: Served, size: int | None) -> None:
        if size is not None:
            self.send_header('Content-Length', str(size))
        if served.etag:
            self.send_header('ETag', served.etag)
        self.end_headers()


@dataclass
class Server:
    url: str
    files: dict[str, Served]

    def serve(self, name: str, **behavior: object) -> Served:
        archive = archive_named(name)
        behavior.setdefault('body', make_official(archive))
        served = Served(**behavior)  # type: ignore[arg-type]
        self.files[f'/{archive.year}/{name}'] = served
        return served


@contextlib.contextmanager
def lying_server() -> Iterator[Server]:
    """Run a server without files on this machine."""
    http_server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    http_server.files = {}  # type: ignore[attr-defined]
    thread = threading.Thread(target=http_server.serve_forever, kwargs={'poll_interval': 0.02})
    thread.start()
    try:
        yield Server(f'http://127.0.0.1:{http_server.server_port}', http_server.files)  # type: ignore[attr-defined]
    finally:
        http_server.shutdown()
        thread.join(5)
        http_server.server_close()
