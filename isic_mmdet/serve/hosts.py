"""Who may ask: nobody whom a foreign page in the user's own browser sends.

A page of another site can have its own name lead to 127.0.0.1 after it was loaded ("DNS
rebinding"), and then counts as the same site. Its requests still carry that name in `Host`.
"""

import socket
from ipaddress import ip_address
from urllib.parse import urlsplit


def is_own_name(host: str, listens_on: str) -> bool:
    """Tell whether a `Host` header names this server and no foreign site.

    Addresses are taken as they are: a name that was bent is no address. Other names have to be
    `localhost`, the computer's own, or the one that the server was told to listen on.

    Args:
        host: the header, with or without port.
        listens_on: name or address of the interface.
    """
    try:
        name = urlsplit(f'//{host}').hostname or ''
    except ValueError:
        return False
    try:
        ip_address(name)
    except ValueError:
        own = {'localhost', socket.gethostname().lower(), listens_on.lower()}
        return name in own
    return True


def is_same_site(origin: str | None, host: str) -> bool:
    """Tell whether a request comes from the server's own page, or from no page at all.

    Args:
        origin: the `Origin` header, which browsers put on every POST.
        host: the `Host` header.
    """
    return origin is None or origin.lower() == f'http://{host.lower()}'


def is_loopback(address: str) -> bool:
    """Tell whether an address is reachable from this computer alone."""
    return ip_address(address).is_loopback
