"""Request bodies: reading one up to the allowed size, and refusing a larger one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping

from hosting.bindings.http.request import parse_headers
from hosting.errors import SettingsError
from hosting.server.types import BODY, REFUSED, ROUTE, Receive, Scope, Send

SETTING = "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT"
DEFAULT_LIMIT_BYTES = 104_857_600
"""The limit of Azure's host."""

BODY_TOO_LARGE = "the body is too large"
BODY_INCOMPLETE = "the client has not sent the whole body"
"""Why a request reached no function."""

_LINGER_SECONDS = 1.0


class Disconnected(Exception):
    """The client disconnected before its request was complete."""


class TooLarge(Exception):
    """A request's body is larger than ``limit`` bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit


def read_body_limit(environ: Mapping[str, str]) -> int:
    """Return the size in bytes of the largest body that is read, as Azure's host reads it from its setting.

    Raises:
        SettingsError: the setting is not a number of bytes.
    """
    text = environ.get(SETTING) or str(DEFAULT_LIMIT_BYTES)
    if not text.isascii() or not text.isdigit():
        raise SettingsError(
            f"{SETTING}: expected a number of bytes, found {text!r}.", remedy="Correct the setting, or remove it."
        )
    return int(text)


async def read_body(receive: Receive, headers: Mapping[str, str], limit: int) -> bytes:
    """Return the whole body of a request; empty if its headers announce none.

    Args:
        receive: the connection's.
        headers: the request's, by name in lower case.
        limit: the size in bytes of the largest body that is read.

    Raises:
        Disconnected: the client disconnected before the end.
        TooLarge: the body is larger than ``limit``; nothing is read if its length says so.
    """
    if int(headers.get("content-length", 0)) > limit:
        raise TooLarge(limit)
    pieces: list[bytes] = []
    size = 0
    more = "content-length" in headers or "transfer-encoding" in headers
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise Disconnected
        pieces.append(message["body"])
        size += len(message["body"])
        if size > limit:
            raise TooLarge(limit)
        more = bool(message.get("more_body"))
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def replace_chunked(headers: dict[str, str], size: int) -> None:
    """Describe a chunked body that has been read by its length, as RFC 9112 does in section 7.1.3.

    WSGI frameworks read a body with a length only.

    Args:
        headers: the request's, by name in lower case; changed in place.
        size: the length of the body in bytes.
    """
    if "transfer-encoding" in headers:
        del headers["transfer-encoding"]
        headers.pop("trailer", None)
        headers["content-length"] = str(size)


class BodyReader:
    """Reads the body of a routed request before the request counts against a limit, so that no slow client counts.

    A function with streams reads the body itself.

    Args:
        limit: the largest body that is read, in bytes.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> bool:
        """Put the body into the scope, under ``BODY``; return False if the request needs no other answer."""
        if BODY in scope or scope[ROUTE][0].target.streams is not None:
            return True
        try:
            scope[BODY] = await read_body(receive, parse_headers(scope["headers"]), self._limit)
        except Disconnected:
            scope[REFUSED] = BODY_INCOMPLETE
            return False
        except TooLarge as error:
            scope[REFUSED] = BODY_TOO_LARGE
            await refuse_body(receive, send, error.limit)
            return False
        return True


async def refuse_body(receive: Receive, send: Send, limit: int) -> None:
    """Answer 413 at once and end the connection; what still arrives within a second is dropped.

    A client that is still sending when its connection is closed would lose the answer.
    """
    text = f"The request body is larger than {limit} bytes, the limit that {SETTING} sets.\n".encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"%d" % len(text)),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": text, "more_body": True})
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LINGER_SECONDS):
            message = await receive()
            while message["type"] == "http.request" and message.get("more_body"):
                message = await receive()
    await send({"type": "http.response.body", "body": b""})
