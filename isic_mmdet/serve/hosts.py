"""Refuse requests that a page of another site makes from the user's own browser.

Such a page can point its own name at 127.0.0.1 after it was loaded ("DNS rebinding"). The browser
then takes this server for that site, but `Host` still carries the foreign name.
"""

import socket
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send


class OwnSiteMiddleware:
    """Answers 403 unless `Host` names this server and `Origin`, if sent, is its own page."""

    def __init__(self, app: ASGIApp, listens_on: str) -> None:
        self._app = app
        self._listens_on = listens_on

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer an HTTP request."""
        headers = Headers(scope=scope)
        host = headers.get('host', '')
        answer = self._app
        if not is_own_name(host, self._listens_on):
            message = f'{host!r} is not a name of this server; use its address or localhost'
            answer = JSONResponse({'error': message}, 403)
        elif not is_same_site(headers.get('origin'), host):
            answer = JSONResponse({'error': 'pages of other sites may not use this server'}, 403)
        await answer(scope, receive, send)


def is_own_name(host: str, listens_on: str) -> bool:
    """Return whether a `Host` header is an address, `localhost` or a name of this server.

    Any address is accepted, because nobody can point an address elsewhere.
    """
    try:
        name = urlsplit(f'//{host}').hostname or ''
        if name not in {'localhost', socket.gethostname().lower(), listens_on.lower()}:
            ip_address(name)  # raises unless the name is an address
    except ValueError:
        return False
    return True


def is_same_site(origin: str | None, host: str) -> bool:
    """Return whether a request comes from the server's own page, or from no page (no origin)."""
    return origin is None or origin.lower() == f'http://{host.lower()}'
