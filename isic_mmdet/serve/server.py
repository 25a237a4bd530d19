"""The server: a listening socket, a thread for each connection, and the one line they share."""

import socket
import sys
import threading
from ipaddress import ip_address
from socketserver import ThreadingTCPServer
from typing import Any

from isic_mmdet.errors import InputError
from isic_mmdet.serve.answers import Predictor
from isic_mmdet.serve.handler import Handler
from isic_mmdet.serve.page import load_assets
from isic_mmdet.serve.settings import Settings
from isic_mmdet.serve.work_queue import Line

# Connections beside those that hold a ticket: the page and its files, and refusals.
_SPARE_CONNECTIONS = 64


class LesionServer(ThreadingTCPServer):
    """Serves the page and its questions: `with LesionServer(...) as it: it.serve_forever()`.

    Attributes:
        net: finds the lesions.
        settings: as given.
        line: in which all work is done.
        assets: files of the page.

    Raises:
        InputError: the host is unknown, or the port is taken.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    allow_reuse_address = True

    def __init__(self, net: Predictor, settings: Settings) -> None:
        self.net = net
        self.settings = settings
        self.assets = load_assets()
        self._connections = threading.Semaphore(settings.max_waiting + _SPARE_CONNECTIONS)
        self.line = Line(settings.max_waiting)
        try:
            found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)
            self.address_family, *_, address = found[0]
            super().__init__(address[:2], Handler)  # type: ignore[arg-type]
        except (OSError, OverflowError) as error:
            raise InputError(
                f'cannot listen on {settings.host}, port {settings.port} ({error}); '
                'name another --host or --port'
            ) from error

    @property
    def url(self) -> str:
        """Address of the page for a browser on this computer."""
        address = ip_address(str(self.server_address[0]))
        name = f'[{address}]' if address.version == 6 else str(address)
        if address.is_unspecified:  # it listens on all addresses, and none of them is this one
            name = 'localhost'
        return f'http://{name}:{self.server_address[1]}/'

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start a thread for a connection, or drop it where there are too many."""
        if not self._connections.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve a connection in its thread."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._connections.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say what went wrong with a connection, but not that its other end is gone."""
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)

    def server_close(self) -> None:
        """Stop listening and working; what waits is given up."""
        super().server_close()
        self.line.close()
