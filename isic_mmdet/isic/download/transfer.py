"""Fetch one large file over HTTP, through broken connections and stopped runs.

What an earlier attempt or run received is continued with a range request. The server itself
decides whether the rest still fits it (`If-Range`, RFC 9110 section 13.1.5).
"""

import http.client
import re
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable

from isic_mmdet.isic.download.partial import PartialFile, Remote

TIMEOUT_S = 30.0  # for every operation on a socket
# Waits after the first, second, ... attempt in a row that brought nothing new.
PAUSES_S = (1.0, 2.0, 4.0, 8.0, 16.0)
BLOCK = 256 * 1024
_PASSING_STATUSES = {408, 425, 429, 500, 502, 503, 504}
_NO_HEAD_STATUSES = {405, 501}

Progress = Callable[[int, int | None], None]


class TransferError(Exception):
    """The file cannot be had; the message says why."""


class _BrokenOffError(Exception):
    """An attempt failed in a way that another attempt may fix."""


class SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follow redirects, but never from an encrypted address to a plain one."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):  # type: ignore[no-untyped-def]
        """Return the request to follow."""
        if req.type == 'https' and not newurl.startswith('https://'):
            raise TransferError(f'the server redirects to the unencrypted {newurl}')
        return super().redirect_request(req, fp, code, msg, headers, newurl)


_opener = urllib.request.build_opener(SafeRedirects)


def ask(url: str) -> Remote:
    """Return size and validator of the file at `url`, or an empty `Remote` without HEAD there.

    Raises:
        TransferError: the server refuses, or cannot be reached in three attempts.
    """
    failures = 0
    while True:
        try:
            with _open(urllib.request.Request(url, method='HEAD')) as response:
                return _remote(response.headers)
        except urllib.error.HTTPError as error:
            if error.code in _NO_HEAD_STATUSES:
                return Remote()
            raise _refused(error) from error
        except _BrokenOffError as error:
            failures += 1
            if failures == 3:
                raise TransferError(f'{error}; gave up after 3 attempts') from error
            time.sleep(PAUSES_S[failures - 1])


def fetch(
    part: PartialFile, promised: Remote, progress: Progress, say: Callable[[str], None]
) -> None:
    """Fetch the rest of `part`.

    Gives up when `len(PAUSES_S) + 1` attempts in a row brought less than a new block of bytes.

    Args:
        part: stays as it is on failure, to be continued by the next run.
        promised: what `ask` returned for its address.
        progress: called with the number of bytes held and the size (None where untold).
        say: called with one sentence when an attempt failed and another follows.

    Raises:
        TransferError: the server refuses, contradicts itself about the size, or breaks off too
            often; or the bytes cannot be written.
    """
    most = failures = 0
    while True:
        try:
            return _attempt(part, promised, progress)
        except _BrokenOffError as error:
            # Bytes count once: a server that always starts from nothing makes no progress.
            failures = 0 if part.on_disk >= most + BLOCK else failures + 1
            most = max(most, part.on_disk)
            if failures > len(PAUSES_S):
                raise TransferError(f'{error}; gave up after {failures} attempts') from error
            pause = PAUSES_S[max(failures - 1, 0)]
            say(f'{part.path.name}: {error}; next attempt in {pause:g} s')
            time.sleep(pause)
        except OSError as error:
            raise TransferError(f'cannot write {part.path}: {error.strerror}') from error


def _attempt(part: PartialFile, promised: Remote, progress: Progress) -> None:
    origin = part.origin
    held = part.on_disk if origin else 0
    if origin == promised and held == promised.size:
        return
    request = urllib.request.Request(part.url)
    if origin and origin.validator:
        request.add_header('Range', f'bytes={held}-')
        request.add_header('If-Range', origin.validator)
    try:
        response = _open(request)
    except urllib.error.HTTPError as error:
        if error.code == 416 and origin:
            _check_nothing_follows(error, part, held, origin)
            return
        raise _refused(error) from error
    with response:
        if response.status == 206 and origin:
            size = _size_continued(response, part, held, origin)
        elif response.status == 200:
            # The first attempt, a server without ranges, or a file that changed.
            remote = _remote(response.headers)
            size = remote.size
            if remote.validator == promised.validator:
                size = _agreed(promised.size, size)
            held = 0
            part.start(Remote(size, remote.validator))
        else:
            raise TransferError(f'the server answered {response.status}')
        _receive(response, part, held, size, progress)
    if size is not None and part.on_disk < size:
        raise _BrokenOffError(
            f'the server promised {size:,} bytes and the connection ended after {part.on_disk:,}'
        )
    if size is not None and part.on_disk > size:
        sent = part.on_disk
        part.discard()
        raise TransferError(f'the server promised {size:,} bytes and sent {sent:,}')


def _size_continued(
    response: http.client.HTTPResponse, part: PartialFile, held: int, origin: Remote
) -> int | None:
    """Check that a partial answer continues `part`, and return the size of the whole file."""
    validator = _remote(response.headers).validator
    if validator is not None and validator != origin.validator:
        part.discard()
        raise _BrokenOffError('the file changed on the server and starts again')
    content_range = response.headers.get('Content-Range', '')
    match = re.fullmatch(r'bytes (\d+)-\d+/(\d+|\*)', content_range)
    if match is None or int(match[1]) != held:
        part.discard()
        raise _BrokenOffError(
            f'asked for the bytes from {held:,} on, the server sent '
            f'{content_range or "a part without Content-Range"}; the file starts again'
        )
    return _agreed(origin.size, None if match[2] == '*' else int(match[2]))


def _check_nothing_follows(
    error: urllib.error.HTTPError, part: PartialFile, held: int, origin: Remote
) -> None:
    """Judge the answer that no byte follows those held: complete, or a false promise."""
    match = re.fullmatch(r'bytes \*/(\d+)', error.headers.get('Content-Range', ''))
    if _agreed(origin.size, int(match[1]) if match else None) != held:
        part.discard()
        raise _BrokenOffError(f'the {held:,} bytes held are not the file, which starts again')


def _receive(
    response: http.client.HTTPResponse,
    part: PartialFile,
    held: int,
    size: int | None,
    progress: Progress,
) -> None:
    """Append the body of `response` to `part`."""
    with part.path.open('ab') as file:
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


def _open(request: urllib.request.Request) -> http.client.HTTPResponse:
    """Open `request`; failures that may pass become `_BrokenOffError`.

    Raises:
        urllib.error.HTTPError: the server answered with another status than success.
    """
    try:
        return _opener.open(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code in _PASSING_STATUSES:
            raise _BrokenOffError(f'the server answered {error.code} {error.reason}') from error
        raise
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, 'reason', error)
        if isinstance(reason, ssl.SSLCertVerificationError):
            raise TransferError(
                f'the certificate of the server is not valid ({reason.verify_message})'
            ) from error
        raise _BrokenOffError(f'no connection ({_words(reason)})') from error


def _words(error: object) -> str:
    return str(error) or type(error).__name__


def _refused(error: urllib.error.HTTPError) -> TransferError:
    return TransferError(f'the server answered {error.code} {error.reason}')


def _agreed(promised: int | None, told: int | None) -> int | None:
    """Return the size of a file from two answers about it, which must not differ."""
    if promised is not None and told is not None and promised != told:
        raise TransferError(
            f'the server promised {promised:,} bytes and later {told:,} for the same file'
        )
    return told if promised is None else promised


def _remote(headers: http.client.HTTPMessage) -> Remote:
    length = headers.get('Content-Length', '')
    etag = headers.get('ETag')
    # A weak ETag does not promise the same bytes, and If-Range does not take it.
    validator = etag if etag and not etag.startswith('W/') else headers.get('Last-Modified')
    return Remote(int(length) if length.isdecimal() else None, validator)
