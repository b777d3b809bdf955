"""Connections to a host, over HTTP or HTTPS: cheap to import, because health checks of containers start often."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from http.client import HTTPConnection
    from ssl import SSLContext

_LOCAL = ("127.0.0.1", "localhost", "::1")


def open_connection(scheme: str, name: str, port: int | None, seconds: float | None) -> HTTPConnection:
    """Return a connection that connects at its first request.

    Args:
        scheme: ``http`` or ``https``.
        name: the name or the address of the host.
        port: its port; None for that of the scheme.
        seconds: the time limit of each step; None for none.
    """
    from http.client import HTTPConnection, HTTPSConnection

    if scheme == "http":
        return HTTPConnection(name, port, timeout=seconds)
    return HTTPSConnection(name, port, timeout=seconds, context=tls_context(name))


def tls_context(name: str) -> SSLContext:
    """Return what a host's certificate is checked by: on this machine it is for the name by which others know it."""
    import ssl  # most health checks need none

    context = ssl.create_default_context()
    if name in _LOCAL:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
