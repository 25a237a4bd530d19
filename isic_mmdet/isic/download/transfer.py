"""Fetches one large file over HTTP, through broken connections and stopped runs.

A range request continues what an earlier attempt or run received. The server decides whether the
rest still fits it (`If-Range`, RFC 9110 section 13.1.5).
"""

import http.client
import json
import re
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, cast

from tqdm import tqdm

from isic_mmdet.utils.files import write_json

TIMEOUT_S = 30.0  # for every operation on a socket
# Waits after the first, second, ... attempt in a row that brought nothing new.
PAUSES_S = (1.0, 2.0, 4.0, 8.0, 16.0)
BLOCK = 256 * 1024
_TEMPORARY_STATUSES = {408, 425, 429, 500, 502, 503, 504}
_CONTENT_RANGE = re.compile(r'bytes (?:(\d+)-\d+|\*)/(?:(\d+)|\*)')


Progress = Callable[[int, int | None], None]


class TransferError(Exception):
    """The file is not available; the message says why."""


class OfflineError(TransferError):
    """The server is not reached, so that it has no other file either."""


class _BrokenOffError(Exception):
    """An attempt failed, and another attempt may succeed."""


class _NoConnectionError(_BrokenOffError):
    """The server did not answer."""


@dataclass(frozen=True)
class Remote:
    """What a server says of a file."""

    size: int | None = None
    validator: str = ''  # strong ETag, else the date of the last change, else empty


class Transfer:
    """One file to fetch: `NAME.part` with its bytes, `NAME.part.json` with what they belong to.

    Args:
        path: of the bytes.
        url: where they come from. Bytes from another address are never continued.
    """

    def __init__(self, path: Path, url: str) -> None:
        self.path = path
        self.url = url
        self._note = path.with_name(f'{path.name}.json')

    @property
    def on_disk(self) -> int:
        """Bytes in the file, whether they can be continued or not."""
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def held(self) -> int:
        """Bytes that need not be fetched again."""
        return self.on_disk if self._origin() else 0

    def fetch(self, progress: Progress) -> None:
        """Fetch the rest of the file.

        Gives up when `len(PAUSES_S) + 1` attempts in a row brought less than a new block of bytes.
        What was received stays for the next run.

        Args:
            progress: called with the number of bytes held and the size, None if unknown.

        Raises:
            TransferError: the server refuses, or breaks off too often; or the bytes cannot be
                written.
        """
        most = failures = 0
        while True:
            try:
                return self._fetch_once(progress)
            except _BrokenOffError as error:
                # Bytes count once: a server that always starts from nothing makes no progress.
                failures = 0 if self.on_disk >= most + BLOCK else failures + 1
                most = max(most, self.on_disk)
                if failures > len(PAUSES_S):
                    is_offline = isinstance(error, _NoConnectionError)
                    kind = OfflineError if is_offline else TransferError
                    raise kind(f'{error}; gave up after {failures} attempts') from error
                pause = PAUSES_S[max(failures - 1, 0)]
                text = f'{self.path.name}: {error}; next attempt in {pause:g} s'
                tqdm.write(text, sys.stderr)
                time.sleep(pause)
            except OSError as error:
                raise TransferError(f'cannot write {self.path}: {error.strerror}') from error

    def start(self, remote: Remote) -> None:
        """Empty the file before the bytes of `remote` are written.

        A process killed between the two steps leaves an empty file, never old bytes under a new
        note.
        """
        self.path.write_bytes(b'')
        write_json(self._note, {'url': self.url, **asdict(remote)})

    def finish(self, path: Path) -> None:
        """Give the bytes their name `path`."""
        self.path.replace(path)
        self._note.unlink(missing_ok=True)

    def _origin(self) -> Remote | None:
        """Return what the bytes belong to; None if they are not to be continued."""
        try:
            note = json.loads(self._note.read_text(encoding='utf-8'))
            origin = Remote(note['size'], note['validator'])
            same = note['url'] == self.url
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None
        return origin if same and origin.validator and self.on_disk else None

    def _fetch_once(self, progress: Progress) -> None:
        origin = self._origin()
        held = self.on_disk if origin else 0
        if origin and held == origin.size:
            return
        request = urllib.request.Request(self.url)
        if origin:
            request.add_header('Range', f'bytes={held}-')
            request.add_header('If-Range', origin.validator)
        with _open(request) as response:
            if response.status in {206, 416} and origin:
                size = self._size_continued(response, held, origin)
                if response.status == 416:  # no byte follows those held
                    return
            elif response.status == 200:
                # The first attempt, a server without ranges, or a file that changed.
                remote = _remote(response.headers)
                held, size = 0, remote.size
                self.start(remote)
            else:
                raise TransferError(f'the server answered {response.status} {response.reason}')
            self._receive(response, held, size, progress)
        if size is not None and self.on_disk != size:
            raise _BrokenOffError(
                f'the server promised {size:,} bytes and the connection ended after '
                f'{self.on_disk:,}'
            )

    def _size_continued(
        self, response: http.client.HTTPResponse, held: int, origin: Remote
    ) -> int | None:
        """Check that an answer continues the bytes held, and return the size of the file."""
        content_range = response.headers.get('Content-Range', '')
        match = _CONTENT_RANGE.fullmatch(content_range)
        size = int(match[2]) if match and match[2] else origin.size
        is_same = origin.size in {None, size}
        if response.status == 416:
            is_same &= held == size
        else:
            is_same &= match is not None and match[1] == str(held)
            is_same &= _remote(response.headers).validator in {'', origin.validator}
        if not is_same:
            self.path.unlink(missing_ok=True)
            raise _BrokenOffError(
                f'of {origin.size} bytes those from {held} on were asked for, the server answered '
                f'with Content-Range {content_range!r}; the file starts again'
            )
        return size

    def _receive(
        self, response: http.client.HTTPResponse, held: int, size: int | None, progress: Progress
    ) -> None:
        """Append the body of an answer to the file."""
        with self.path.open('ab') as file:
            progress(held, size)
            while True:
                try:
                    block = response.read1(BLOCK)
                except (OSError, http.client.HTTPException) as error:
                    raise _BrokenOffError(f'the connection broke ({_words(error)})') from error
                if not block:
                    return
                file.write(block)
                file.flush()  # a killed run keeps what it received
                held += len(block)
                progress(held, size)


class SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but never from an encrypted address to a plain one."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        """Raise a `TransferError` for a plain address."""
        if req.type == 'https' and not newurl.startswith('https://'):
            raise TransferError(f'the server redirects to the unencrypted {newurl}')
        return super().redirect_request(req, fp, code, msg, headers, newurl)


_opener = urllib.request.build_opener(SafeRedirects)


def _open(request: urllib.request.Request) -> http.client.HTTPResponse:
    """Return the answer to a request, of any status except temporary ones."""
    try:
        return cast(http.client.HTTPResponse, _opener.open(request, timeout=TIMEOUT_S))
    except urllib.error.HTTPError as error:
        if error.code not in _TEMPORARY_STATUSES:
            return cast(http.client.HTTPResponse, error)
        error.close()
        raise _BrokenOffError(f'the server answered {error.code} {error.reason}') from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, 'reason', error)
        if isinstance(reason, ssl.SSLCertVerificationError):
            raise TransferError(
                f'the certificate of the server is not valid ({reason.verify_message})'
            ) from error
        raise _NoConnectionError(f'no connection ({_words(reason)})') from error


def _words(error: object) -> str:
    return str(error) or type(error).__name__


def _remote(headers: http.client.HTTPMessage) -> Remote:
    length = headers.get('Content-Length', '')
    etag = headers.get('ETag', '')
    # A weak ETag does not promise the same bytes, and If-Range does not take it.
    is_strong = etag and not etag.startswith('W/')
    validator = etag if is_strong else headers.get('Last-Modified', '')
    return Remote(int(length) if length.isdecimal() else None, validator)
