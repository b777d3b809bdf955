"""HTTP responses: from a function's result to status, headers and body, by the rules of Azure's worker and host."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, MutableMapping
from contextlib import aclosing
from http.cookies import SimpleCookie
from typing import Any

from azure.functions import HttpResponse

from hosting._exceptions import type_name
from hosting._log import host_logger
from hosting.bindings.http import text

Headers = list[tuple[bytes, bytes]]

_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_BAD_VALUE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_FRAMING = frozenset((b"content-length", b"transfer-encoding", b"connection", b"keep-alive"))
_TEXT = (b"content-type", b"text/plain; charset=utf-8")
_logger = host_logger("http")
_COOKIE_FLAGS = ("secure", "httponly")
_COOKIE_ATTRIBUTES = ("domain", "path", "expires", "samesite", "max-age")


class HttpReply:
    """An HTTP response.

    Args:
        status: the status code, 200 to 599.
        headers: names in lower case and values, encoded. The server adds those that frame the message, such as
            ``content-length``.
        body: the whole body.
    """

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: Headers, body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body


class PiecewiseReply(HttpReply):
    """An HTTP response that sends itself, piece by piece."""

    __slots__ = ("ends_with_host", "error")

    def __init__(self, status: int, headers: Headers) -> None:
        super().__init__(status, headers, b"")
        self.error: Exception | None = None
        """Why it is incomplete; None if it is not."""
        self.ends_with_host = False
        """Whether it is endless: its end is that of the host, which does not wait for a client that reads nothing."""

    @abstractmethod
    async def send(self, scope: MutableMapping[str, Any], send: Callable[[Any], Awaitable[None]]) -> None:
        """Send the response; an error is logged, and leaves the response incomplete.

        Args:
            scope: the ASGI scope of the request.
            send: the ASGI function that sends a part of the response.
        """


class HttpStream(PiecewiseReply):
    """An HTTP response of a webhook with a body that is sent piece by piece, such as Server-Sent Events.

    Each piece is sent as soon as the generator yields it. The generator is closed when the client disconnects, when
    the grace period of the host is over, and when it has ended; an exception of it is logged, and the connection ends.

    Args:
        status: the status code, 200 to 599.
        headers: names in lower case and values, encoded, without those that frame the message.
        pieces: an async generator that yields the body. It is not started for a HEAD request.
        ends_with_host: whether it is endless, as a stream of events is. The generator should return when its provider
            is stopped; a client that does not read the rest is then cut off, so that it does not hold the host.
    """

    __slots__ = ("_pieces",)

    def __init__(
        self, status: int, headers: Headers, pieces: AsyncGenerator[bytes, None], *, ends_with_host: bool = False
    ) -> None:
        super().__init__(status, headers)
        self.ends_with_host = ends_with_host
        check_raw_headers(headers)
        self._pieces = pieces

    async def send(self, scope: MutableMapping[str, Any], send: Callable[[Any], Awaitable[None]]) -> None:
        """Send the response, as ``PiecewiseReply`` says."""
        async with aclosing(self._pieces):
            await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
            try:
                if scope["method"] != "HEAD":
                    async for piece in self._pieces:
                        await send({"type": "http.response.body", "body": piece, "more_body": True})
            except Exception as error:
                self.error = error
                _logger.exception("The response to %s %s is incomplete.", scope["method"], scope["path"])
            else:
                await send({"type": "http.response.body", "body": b""})


def encode_reply(value: Any) -> HttpReply:
    """Return the response for the value of an HTTP output.

    Args:
        value: an ``azure.functions.HttpResponse``, or text, which may describe a response in JSON.

    Raises:
        TypeError: ``value`` is something else.
        ValueError: the status or a header cannot be sent, for example because it has a line break.
    """
    if isinstance(value, HttpResponse):
        return _from_response(value)
    if isinstance(value, str):
        return _from_text(value)
    raise TypeError(
        f"an HTTP output takes func.HttpResponse or str, not {type_name(value, is_qualified=False)}"
        + ("; return a func.HttpResponse" if value is None else "")
    )


def _from_response(response: HttpResponse) -> HttpReply:
    headers = encode_headers(response.headers.items()) if response.headers else []
    if not headers or not any(name == b"content-type" for name, _ in headers):
        headers.append(_content_type(response.mimetype, response.charset))
    return HttpReply(_status(response.status_code), headers, response.get_body() or b"")


def _content_type(mimetype: str, charset: str) -> tuple[bytes, bytes]:
    if mimetype == "text/plain" and charset == "utf-8":
        return _TEXT
    text = f"{mimetype}; charset={charset}" if mimetype.startswith("text/") else mimetype
    return b"content-type", header_value("content-type", text)


def _from_text(value: str) -> HttpReply:
    content = text.parse_text(value)
    described = text.response_object(content)
    if described is not None:
        return _from_object(described)
    return HttpReply(200, [_TEXT], text.format_json_value(content).encode())


def _from_object(parts: Mapping[str, Any]) -> HttpReply:
    """Return the response of a JSON object with ``body``, ``statusCode`` or ``status``, ``headers`` and ``cookies``."""
    described = parts.get("headers")
    items = described.items() if isinstance(described, dict) else ()
    headers = encode_headers((name, text.format_json_value(value)) for name, value in items)
    if not any(name == b"content-type" for name, _ in headers):
        headers.append(_TEXT)
    headers += [(b"set-cookie", _cookie(cookie)) for cookie in parts.get("cookies") or () if isinstance(cookie, dict)]
    status = next((parts[key] for key in ("statuscode", "status") if parts.get(key) is not None), 200)
    return HttpReply(_status(status), headers, text.format_json_value(parts["body"]).encode())


def _cookie(parts: Mapping[str, Any]) -> bytes:
    lowered = {{"maxage": "max-age"}.get(key.lower(), key.lower()): value for key, value in parts.items()}
    jar: SimpleCookie = SimpleCookie()
    name = str(lowered.get("name", ""))
    jar[name] = text.format_json_value(lowered.get("value"))
    for attribute in _COOKIE_ATTRIBUTES:
        if lowered.get(attribute) is not None:
            jar[name][attribute] = text.format_json_value(lowered[attribute])
    for flag in _COOKIE_FLAGS:
        jar[name][flag] = bool(lowered.get(flag))
    return header_value("set-cookie", jar[name].OutputString())


def encode_headers(items: Iterable[tuple[str, str]]) -> Headers:
    """Return encoded headers, including repeated ones, but without empty cookies and what frames the message.

    Raises:
        ValueError: a name or a value is invalid.
    """
    headers: Headers = []
    for name, value in items:
        key = name.lower().encode("latin-1", "replace")
        if _NAME.fullmatch(key) is None:
            raise ValueError(f"response header {name!r} has an invalid name")
        if key not in _FRAMING and (key != b"set-cookie" or value.strip()):
            headers.append((key, header_value(name, value)))
    return headers


def check_raw_headers(headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Check headers that are encoded already, such as those of a web framework's response.

    Raises:
        ValueError: a name or a value is invalid, as for ``encode_headers``.
    """
    encode_headers((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers)


def header_value(name: str, value: str) -> bytes:
    """Return an encoded header value.

    Raises:
        ValueError: the value is not ASCII, or has a control character such as a line break. Azure's server sends
            neither.
    """
    try:
        encoded = value.encode("ascii")
    except UnicodeEncodeError:
        raise ValueError(f"response header '{name}' has a value that is not ASCII: {value!r}") from None
    if _BAD_VALUE.search(encoded) is not None:
        raise ValueError(f"response header '{name}' has a control character in its value: {value!r}")
    return encoded


def _status(value: Any) -> int:
    try:
        status = int(value)
    except (TypeError, ValueError):
        status = 0
    if not 200 <= status <= 599:
        raise ValueError(f"response status {value!r} is not a number between 200 and 599")
    return status
