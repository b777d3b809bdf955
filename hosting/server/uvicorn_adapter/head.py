"""The head of a request: its limits, its Host header, and the parts of its target."""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import TypeAlias

import httptools

from hosting._redaction import redact

RawHeaders = Sequence[tuple[bytes, bytes]]

MAX_URL_BYTES, MAX_HEAD_BYTES, MAX_HEADERS = 8192, 32768, 100
"""Limits of a request, those of Azure's server."""
MAX_UNPARSED_BYTES = MAX_URL_BYTES + MAX_HEAD_BYTES + 1024
"""The most that arrives before a head, a trailer section or a chunk's size is complete."""
_MAX_SHOWN_CHARACTERS = 200

_HOST = re.compile(rb"(?:[A-Za-z0-9!$&'()\-._~]+|\[[0-9A-Fa-f:.]{2,}\])(?::[0-9]+)?|")
"""What Azure's server accepts: a name or an address with an optional port, or nothing."""


class Refused(Exception):
    """A request that is answered by the server itself, which then closes the connection.

    Args:
        status: the status of the response.
        reason: what is wrong with the request, in a sentence for the client and for the log.
    """

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


def refusal(refused: Refused, date_line: bytes, headers: RawHeaders) -> bytes:
    """Return the response to a request that is refused, after which the connection is closed.

    Args:
        refused: why.
        date_line: the line of the Date header.
        headers: further headers.
    """
    lines = [
        f"HTTP/1.1 {refused.status.value} {refused.status.phrase}".encode(),
        date_line.rstrip(),
        b"content-type: text/plain; charset=utf-8",
        f"content-length: {len(refused.reason)}".encode(),
        b"connection: close",
        *(name + b": " + value for name, value in headers),
    ]
    return b"\r\n".join([*lines, b"", refused.reason.encode()])


Target: TypeAlias = tuple[bytes, bytes, bytes | None]
"""Path and query that a request asks for, and the authority of an absolute URL, which stands in place of Host."""


def parse_target(url: bytes) -> Target:
    """Return the parts of a request's target: a path, an absolute URL, or ``*``.

    Raises:
        Refused: it is something else.
    """
    if url[:1] == b"/" and b"#" not in url:
        path, _, query = url.partition(b"?")
        return path, query, None
    if url == b"*":
        return url, b"", None
    try:
        parsed = httptools.parse_url(url)
    except httptools.HttpParserInvalidURLError:
        raise Refused(HTTPStatus.BAD_REQUEST, "The request's target is not a URL.") from None
    if url[:1] == b"/":
        return parsed.path, parsed.query or b"", None
    authority = url.partition(b"://")[2].partition(b"/")[0].partition(b"?")[0].rpartition(b"@")[2]
    return parsed.path or b"/", parsed.query or b"", authority


def check_size(url: bytes, headers: RawHeaders) -> None:
    """Check a head against the limits.

    Args:
        url: the request's target.
        headers: its header fields, those of the trailer section included.

    Raises:
        Refused: the target or the headers are larger, or there are more headers.
    """
    if len(url) > MAX_URL_BYTES:
        raise Refused(HTTPStatus.REQUEST_URI_TOO_LONG, f"The URL is longer than {MAX_URL_BYTES} bytes.")
    if len(headers) > MAX_HEADERS or _size(headers) > MAX_HEAD_BYTES:
        raise too_large()


def too_large() -> Refused:
    """Return the error for headers over the limits."""
    return Refused(
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        f"The headers are larger than {MAX_HEAD_BYTES} bytes, or more than {MAX_HEADERS}.",
    )


def check_host(hosts: Sequence[bytes], version: str) -> None:
    """Check the Host header of a request, as Azure's server does.

    Args:
        hosts: the values of its Host headers.
        version: the version of HTTP; only a request of 1.0 may have no Host header.

    Raises:
        Refused: it is missing, repeated or malformed.
    """
    if not hosts and version == "1.0":
        return
    if len(hosts) != 1:
        reason = "is missing" if not hosts else "is repeated"
    elif _HOST.fullmatch(hosts[0]) is None:
        reason = "is not a host name"
    else:
        return
    raise Refused(HTTPStatus.BAD_REQUEST, f"The Host header {reason}.")


def shown_path(target: bytes) -> str:
    """Return the path of a request's target for the log: without its query, and cut to 200 characters."""
    path = redact(target.partition(b"?")[0].decode("ascii", "backslashreplace"))
    return path if len(path) <= _MAX_SHOWN_CHARACTERS else f"{path[:_MAX_SHOWN_CHARACTERS]}..."


def _size(headers: RawHeaders) -> int:
    """Return the size of headers in bytes as they are sent, with a colon, a space and a line end each."""
    return sum(len(name) + len(value) + 4 for name, value in headers)
