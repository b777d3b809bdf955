"""Refusal of requests to ``/admin`` and webhooks that a foreign web page may have caused, where no keys are needed.

A browser on this machine reaches a loopback address, whatever page it shows. Source for what pages can send without
being allowed: the Fetch standard, "CORS-safelisted request-header" and "simple" requests.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from http import HTTPStatus

from hosting.bindings.http.request import parse_headers
from hosting.bindings.http.response import HttpReply
from hosting.server.types import Scope

ANY_HOST = "*"

_READ_METHODS = frozenset(("GET", "HEAD", "OPTIONS"))
_WARM_UP = "/admin/warmup"
"""Runs a function for a GET as well."""
_TEXT = (b"content-type", b"text/plain; charset=utf-8")


def is_loopback(name: str) -> bool:
    """Return whether a host name or an address, without port and brackets, is this machine's own."""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


class CrossSiteCheck:
    """Refuses requests to the host's own paths that may come from a foreign web page.

    Args:
        address: the address that the host listens on.
        allowed_hosts: further names that the Host header may have; ``*`` for any.
    """

    def __init__(self, address: str, allowed_hosts: Collection[str] = ()) -> None:
        self._names = frozenset(name.lower() for name in (address, *allowed_hosts))
        # Other machines know a host by names that it does not know itself.
        self._checks_host = ANY_HOST not in self._names and (is_loopback(address.lower()) or bool(allowed_hosts))

    def refusal(self, scope: Scope, path: str) -> HttpReply | None:
        """Return the response to a request that is refused; None if it is not.

        Args:
            scope: the request's.
            path: its path, decoded.
        """
        headers = parse_headers(scope["headers"])
        host = headers.get("host", "")
        if self._checks_host and not self._is_own(host):
            return _refused(
                HTTPStatus.FORBIDDEN,
                f"The Host header is {host!r}, which is not a name of this host. Allow it with --allowed-host.",
            )
        if scope["method"] in _READ_METHODS and path.rstrip("/").lower() != _WARM_UP:
            return None
        return _foreign(headers, host)

    def _is_own(self, host: str) -> bool:
        name = host_name(host)
        return is_loopback(name) or name in self._names


def host_name(host: str) -> str:
    """Return the name or the address in a Host header, in lower case and without port, brackets and last dot."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower().rstrip(".")


def _foreign(headers: dict[str, str], host: str) -> HttpReply | None:
    """Return the refusal of a request that changes something and that a foreign page can send; else None."""
    origin, site = headers.get("origin"), headers.get("sec-fetch-site", "").lower()
    if site == "cross-site" or (origin is not None and origin.partition("://")[2].lower() != host.lower()):
        return _refused(HTTPStatus.FORBIDDEN, "The request comes from a page of another origin.")
    has_body = "transfer-encoding" in headers or headers.get("content-length", "0") != "0"
    if has_body and not _is_json(headers.get("content-type", "")):
        return _refused(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body needs the header 'Content-Type: application/json'."
        )
    return None


def _is_json(content_type: str) -> bool:
    """Return whether a content type is JSON, which a page cannot send to another origin unasked."""
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def _refused(status: HTTPStatus, sentence: str) -> HttpReply:
    return HttpReply(status.value, [_TEXT], f"{sentence}\n".encode())
