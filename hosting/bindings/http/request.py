"""From bytes on the wire to the SDK's HttpRequest, with what Azure's host makes of headers, query and path."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any
from urllib.parse import unquote_plus

from azure.functions.http import HttpRequest

_ESCAPES = re.compile("(?:%(?!2f)[0-9a-f]{2})+", re.IGNORECASE)


class HttpCall:
    """One request on its way to a function: a listener fills it in, ``decode`` makes the SDK's object of it."""

    __slots__ = ("body", "headers", "method", "query", "route_values", "url")

    def __init__(
        self,
        method: str,
        url: str,
        headers: dict[str, str],
        query: str,
        route_values: Mapping[str, str],
        body: bytes,
    ) -> None:
        self.method = method
        self.url = url
        self.headers = headers
        self.query = query
        self.route_values = route_values
        self.body = body

    @property
    def path(self) -> str:
        """The path as it was sent, without the query: that may contain a key."""
        address = self.url.partition("?")[0]
        _, separator, rest = address.partition("://")
        return f"/{rest.partition('/')[2]}" if separator else address

    @classmethod
    def from_scope(
        cls, scope: Mapping[str, Any], headers: dict[str, str], route_values: Mapping[str, str], body: bytes
    ) -> HttpCall:
        """Make a call of an ASGI request.

        Args:
            scope: the request's ASGI scope.
            headers: its headers, as ``parse_headers`` returns them.
            route_values: the values of the route's parameters, by name.
            body: its whole body.
        """
        query: str = scope["query_string"].decode("latin-1")
        return cls(scope["method"], _url(scope, headers, query), headers, query, route_values, body)


def _url(scope: Mapping[str, Any], headers: Mapping[str, str], query: str) -> str:
    """Return the address of a request, with path and query as they were sent."""
    authority = headers.get("host") or "{}:{}".format(*(scope.get("server") or ("localhost", 80)))
    path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
    return f"{scope['scheme']}://{authority}{path}?{query}" if query else f"{scope['scheme']}://{authority}{path}"


def decode_request(call: HttpCall) -> HttpRequest:
    """Make the object that the SDK's own converter would make, ``get_json`` errors included."""
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
    """Headers by lower-case name; values of a repeated one joined by commas, empty ones among them left out.

    Args:
        raw: names in lower case, as ASGI gives them.
    """
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in raw}
    return headers if len(headers) == len(raw) else _joined(raw)


def _joined(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        known = headers.get(key)
        headers[key] = f"{known},{text}" if known and text else known or text
    return headers


def parse_query(query: str, keep_empty: bool = False) -> dict[str, str]:
    """Query values by the first spelling of their key; repeated ones joined by commas.

    Args:
        query: as it was sent.
        keep_empty: where a key has nothing but empty values, say so; the SDK's request has no such key.
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
    """The path as ASP.NET's server decodes it: an encoded slash stays encoded, dot segments are resolved.

    Returns:
        None for a path that no server should accept: one with a null character.
    """
    path: str = scope["path"]
    raw: bytes = scope.get("raw_path") or b""
    if b"%" in raw:
        path = _ESCAPES.sub(_unescape, raw.decode("latin-1"))
        if "\0" in path:
            return None
    return _without_dots(path) if "/." in path else path


def _unescape(found: re.Match[str]) -> str:
    try:
        return bytes.fromhex(found[0].replace("%", "")).decode()
    except UnicodeDecodeError:
        return found[0]


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
