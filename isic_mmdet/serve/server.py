"""Sockets, connections and shutdown of the server, on uvicorn."""

import asyncio
import errno
import socket
from collections.abc import Callable
from ipaddress import ip_address

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from isic_mmdet.deploy.segmentation import Segmenter
from isic_mmdet.errors import InputError
from isic_mmdet.serve.app import Settings, create_app
from isic_mmdet.serve.work_queue import WorkQueue

# Connections in addition to those that hold a slot of the queue: the page, its files, refusals.
_SPARE_CONNECTIONS = 64
# Sent with every answer. With the policy the browser refuses whatever is not from this server.
_HEADERS = {
    'Server': 'isic_mmdet',
    'Content-Security-Policy': (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
    'Cache-Control': 'no-store',
}


class Connection(H11Protocol):
    """An HTTP connection that ends when its client neither sends nor reads for a while.

    uvicorn itself limits only the time between two requests.
    """

    #: How long a client may be silent; up to twice this time can pass.
    silence_seconds = 30.0

    def connection_made(  # type: ignore[override]  # uvicorn narrows the type in the same way
        self, transport: asyncio.Transport
    ) -> None:
        """Start to watch for silence."""
        super().connection_made(transport)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop to watch for silence."""
        self._timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Note that the client sends."""
        self._is_active = True
        super().data_received(data)

    def resume_writing(self) -> None:
        """Note that the client reads."""
        self._is_active = True
        super().resume_writing()

    def shutdown(self) -> None:
        """Do not wait for a client that still sends or does not read; uvicorn calls this."""
        answering = self.cycle is not None and not self.cycle.response_complete
        if answering and self._waits_for_client():
            self.transport.abort()
        else:
            super().shutdown()

    def _watch(self) -> None:
        self._is_active = False
        self._timer = self.loop.call_later(self.silence_seconds, self._check)

    def _check(self) -> None:
        if self._is_active or not self._waits_for_client():
            self._watch()
        else:
            self.transport.abort()

    def _waits_for_client(self) -> bool:
        if self.cycle is None or self.cycle.response_complete or self.flow.write_paused:
            return True
        return self.cycle.more_body and not self.flow.read_paused


class LesionServer(uvicorn.Server):
    """Serves the page: `run` returns after SIGINT, SIGTERM or `should_exit = True`.

    Args:
        segmenter: finds the lesions.
        settings: address and limits.
        on_start: called when the server answers and handles signals.

    Attributes:
        queue: all work with pixels goes through it.
        address: IP address and port that the server listens on.

    Raises:
        InputError: the host is unknown, or the port is in use.
    """

    def __init__(
        self,
        segmenter: Segmenter,
        settings: Settings,
        on_start: Callable[['LesionServer'], None] = lambda server: None,
    ) -> None:
        self._on_start = on_start
        self.queue = WorkQueue(settings.max_waiting)
        self._socket = _listen(settings.host, settings.port)
        self.address: tuple[str, int] = self._socket.getsockname()[:2]
        config = uvicorn.Config(
            create_app(segmenter, settings, self.queue),
            http=Connection,
            ws='none',
            lifespan='off',
            log_level='error',
            access_log=False,
            server_header=False,
            headers=list(_HEADERS.items()),
            limit_concurrency=settings.max_waiting + _SPARE_CONNECTIONS,
        )
        super().__init__(config)

    @property
    def url(self) -> str:
        """Address of the page for a browser on this computer."""
        address = ip_address(self.address[0])
        name = f'[{address}]' if address.version == 6 else str(address)
        if address.is_unspecified:  # it listens on all addresses, and this is none of them
            name = 'localhost'
        return f'http://{name}:{self.address[1]}/'

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until a signal comes or `should_exit` is set."""
        super().run(sockets or [self._socket])

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to answer; uvicorn calls this."""
        await super().startup(sockets)
        self._on_start(self)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Cancel the requests that wait, and finish the one that runs; uvicorn calls this."""
        closing = asyncio.create_task(self.queue.close())
        await super().shutdown(sockets)
        await closing


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=128)
    except (OSError, OverflowError) as error:
        in_use = getattr(error, 'errno', None) == errno.EADDRINUSE
        reason = 'another program uses it, perhaps a second serve.py' if in_use else error
        raise InputError(
            f'cannot listen on {host}, port {port} ({reason}); choose another --host or --port'
        ) from error
