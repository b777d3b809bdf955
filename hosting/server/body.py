"""Reading a request's body as far as its size is allowed, and refusing it where it is not."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping

from hosting.errors import SettingsError
from hosting.server.types import Receive, Send

SETTING = "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT"
DEFAULT_LIMIT = 104_857_600
"""Bytes; Azure's host has the same."""

_LINGER = 1.0


class Disconnected(Exception):
    """The client went away before its request was whole."""


class TooLarge(Exception):
    """A request's body is larger than ``limit`` bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit


def body_limit(environ: Mapping[str, str]) -> int:
    """The largest body that is read, in bytes, as Azure's host reads it from its setting.

    Raises:
        SettingsError: the setting is not a number of bytes.
    """
    text = environ.get(SETTING) or str(DEFAULT_LIMIT)
    if not text.isascii() or not text.isdigit():
        raise SettingsError(
            f"{SETTING}: expected a number of bytes, found {text!r}.", remedy="Correct the setting, or remove it."
        )
    return int(text)


def declared_length(headers: Mapping[str, str]) -> int:
    """The body's length as its header gives it; 0 where there is none."""
    return int(headers.get("content-length", 0))


async def read_body(receive: Receive, limit: int) -> bytes:
    """The whole body of a request, whose declared length is looked at already.

    Raises:
        Disconnected: the client went away before the end.
        TooLarge: more than ``limit`` bytes have come.
    """
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body") and len(message["body"]) <= limit:
        whole: bytes = message["body"]
        return whole
    pieces: list[bytes] = []
    size = 0
    while message["type"] == "http.request":
        pieces.append(message["body"])
        size += len(message["body"])
        if size > limit:
            raise TooLarge(limit)
        if not message.get("more_body"):
            return b"".join(pieces)
        message = await receive()
    raise Disconnected


async def refuse_body(receive: Receive, send: Send, limit: int) -> None:
    """Answer 413 at once and end the connection; what still comes within a second is dropped.

    Closing while a client is sending would take the answer away from it.
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
        async with asyncio.timeout(_LINGER):
            message = await receive()
            while message["type"] == "http.request" and message.get("more_body"):
                message = await receive()
    await send({"type": "http.response.body", "body": b""})
