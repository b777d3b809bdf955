"""HTTP requests: from an ASGI request to the SDK's ``HttpRequest``, with Azure's rules for headers, query and path."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, MutableMapping, Sequence
from typing import Any
from urllib.parse import unquote_plus

from azure.functions.http import HttpRequest

_TRACE_PARENT = re.compile(
    "00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
    "|(?!00|ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?"
)
"""Version 00 as it is defined, and what later versions may add to it."""
_ESCAPES = re.compile("(?:%(?!2f)[0-9a-f]{2})+", re.IGNORECASE)


SENT = "hosting.sent"
"""The key in an ASGI scope of what is called when the response to its request is sent, or cannot be sent."""

CANCELS = "hosting.cancels"
"""The key in an ASGI scope that says: cancel the task that answers the request when its client disconnects."""


class HttpCall:
    """An HTTP request for a function or a webhook.

    Args:
        method: the method in capitals.
        url: the whole URL as it was sent.
        headers: the headers by name in lower case; repeated ones are joined by commas.
        query: the query string as it was sent, without the question mark.
        route_values: the values of the route's parameters, by name.
        body: the whole body.
        path: the path as it was sent, without the query, which may contain a key; None for that of ``url``.
        scope: the ASGI scope of the request; None if it has none.
    """

    __slots__ = ("body", "headers", "method", "path", "query", "route_values", "scope", "url")

    def __init__(
        self,
        method: str,
        url: str,
        headers: dict[str, str],
        query: str,
        route_values: Mapping[str, str],
        body: bytes,
        path: str | None = None,
        scope: MutableMapping[str, Any] | None = None,
    ) -> None:
        self.method = method
        self.url = url
        self.headers = headers
        self.query = query
        self.route_values = route_values
        self.body = body
        self.path = _path(url) if path is None else path
        self.scope = scope

    @classmethod
    def from_scope(
        cls, scope: MutableMapping[str, Any], headers: dict[str, str], route_values: Mapping[str, str], body: bytes
    ) -> HttpCall:
        """Return the request of an ASGI scope.

        Args:
            scope: the request's ASGI scope.
            headers: its headers, as ``parse_headers`` returns them.
            route_values: the values of the route's parameters, by name.
            body: its whole body.
        """
        query: str = scope["query_string"].decode("latin-1")
        path: str = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
        authority = headers.get("host") or "{}:{}".format(*(scope.get("server") or ("localhost", 80)))
        url = f"{scope['scheme']}://{authority}{path}"
        return cls(scope["method"], f"{url}?{query}" if query else url, headers, query, route_values, body, path, scope)

    @property
    def raw_headers(self) -> Sequence[tuple[bytes, bytes]]:
        """The headers as they were sent, with names in lower case, repeated ones included; empty without a scope."""
        return () if self.scope is None else tuple(self.scope["headers"])

    def cancel_on_disconnect(self) -> None:
        """Have the task that answers this request cancelled when its client disconnects.

        A webhook calls it before it waits for something long. Without it, the task runs on.
        """
        if self.scope is not None:
            self.scope[CANCELS] = True


def _path(url: str) -> str:
    address = url.partition("?")[0]
    _, separator, rest = address.partition("://")
    return f"/{rest.partition('/')[2]}" if separator else address


def decode_request(call: HttpCall) -> HttpRequest:
    """Return the same object as the SDK's converter, with the same errors of ``get_json``."""
    return HttpRequest(
        method=call.method,
        url=call.url,
        headers=call.headers,
        params=parse_query(call.query) if call.query else {},
        route_params=call.route_values,
        body_type="bytes",
        body=call.body,
    )


def parse_headers(raw: Collection[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return headers by name in lower case; the values of a repeated one are joined by commas, without empty ones.

    A value is decoded as Azure's server does: from UTF-8, or from Latin-1 if it is not UTF-8.

    Args:
        raw: the headers of an ASGI scope, with names in lower case.
    """
    try:
        headers = {name.decode("latin-1"): value.decode() for name, value in raw}
    except UnicodeDecodeError:
        return _join(raw)
    return headers if len(headers) == len(raw) else _join(raw)


def trace_context(headers: Mapping[str, str]) -> tuple[str, str]:
    """Return ``traceparent`` and ``tracestate``; two empty texts if the first is absent or malformed.

    Source: W3C Trace Context, sections 3.2 and 4.3.

    Args:
        headers: names in lower case and values.
    """
    parent = headers.get("traceparent", "")
    if not parent or _TRACE_PARENT.fullmatch(parent) is None:
        return "", ""
    return parent, headers.get("tracestate", "")


def _decoded(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _join(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1"), _decoded(value)
        known = headers.get(key)
        headers[key] = f"{known},{text}" if known and text else known or text
    return headers


def parse_query(query: str, keep_empty: bool = False) -> dict[str, str]:
    """Return the parameters of a query, by the first spelling of their names; repeated ones are joined by commas.

    Args:
        query: the query string as it was sent.
        keep_empty: whether parameters without a value are included; the SDK's request does not have them.
    """
    values: dict[str, str] = {}
    spellings: dict[str, str] = {}
    for pair in query.split("&"):
        key, _, value = pair.partition("=")
        if "%" in pair or "+" in pair:
            key, value = unquote_plus(key), unquote_plus(value)
        spelling = spellings.setdefault(key.lower(), key)
        if value:
            values[spelling] = f"{values[spelling]},{value}" if values.get(spelling) else value
        elif keep_empty and key:
            values.setdefault(spelling, "")
    return values


def decode_path(scope: Mapping[str, Any]) -> str | None:
    """Return the path of a request as ASP.NET's server decodes it.

    An encoded slash stays encoded, and the segments ``.`` and ``..`` are resolved.

    Args:
        scope: the request's ASGI scope.

    Returns:
        The path, or None if it contains a null character, which no server should accept.
    """
    path: str = scope["path"]
    raw: bytes = scope.get("raw_path") or b""
    if b"%" in raw:
        path = _ESCAPES.sub(_unescape, raw.decode("latin-1"))
        if "\0" in path:
            return None
    return _without_dots(path) if "/." in path else path


def _unescape(escapes: re.Match[str]) -> str:
    try:
        return bytes.fromhex(escapes[0].replace("%", "")).decode()
    except UnicodeDecodeError:
        return escapes[0]


def _without_dots(path: str) -> str:
    kept: list[str] = []
    pieces = path.split("/")[1:]
    for piece in pieces:
        if piece == "..":
            del kept[-1:]
        elif piece != ".":
            kept.append(piece)
    if pieces[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)
