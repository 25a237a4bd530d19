"""The page, and the headers by which a browser guards it."""

from pathlib import Path
from typing import NamedTuple

_ASSETS = Path(__file__).parent / 'assets'
_KINDS = {
    '.html': 'text/html; charset=utf-8',
    '.css': 'text/css; charset=utf-8',
    '.js': 'text/javascript; charset=utf-8',
    '.svg': 'image/svg+xml',
}

#: Sent with every answer. The browser itself refuses whatever does not come from this server.
HEADERS = {
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


class Asset(NamedTuple):
    """A file of the page."""

    kind: str
    data: bytes


def load_assets() -> dict[str, Asset]:
    """Return the files of the page by the paths under which a browser asks for them.

    They are read once; no path of a request ever reaches the file system.
    """
    assets = {
        f'/{path.name}': Asset(_KINDS[path.suffix], path.read_bytes())
        for path in _ASSETS.iterdir()
        if path.suffix in _KINDS
    }
    assets['/'] = assets.pop('/index.html')
    return assets
