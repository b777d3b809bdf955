"""Headers that host.json adds to every answer: ``customHeaders`` and ``hsts`` of ``extensions.http``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hosting.apps.timespans import parse_timespan
from hosting.bindings.http.response import Headers, encode_headers
from hosting.errors import SettingsError
from hosting.server.types import AsgiApp, Message, Receive, Scope, Send

_DEFAULT_AGE = "30"
_NEVER_HSTS = ("localhost", "127.0.0.1", "[::1]")


class AddedHeaders:
    """Adds headers to what ``app`` answers, each unless the answer has it already, as in Azure's host."""

    def __init__(self, app: AsgiApp, headers: Headers) -> None:
        self._app = app
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def amended(message: Message) -> None:
            if message["type"] == "http.response.start":
                there = {name.lower() for name, _ in message["headers"]}
                added = [header for header in self._headers if header[0] not in there]
                message["headers"] = [*message["headers"], *added]
            await send(message)

        await self._app(scope, receive, amended)


class Hsts:
    """Tells browsers that come by HTTPS to stay with it, unless they came to one of the ``excluded`` names."""

    def __init__(self, app: AsgiApp, value: str, excluded: frozenset[str]) -> None:
        self._plain = app
        self._telling = AddedHeaders(app, [(b"strict-transport-security", value.encode())])
        self._excluded = excluded

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        host = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
        name = host.lower() if host.endswith("]") else host.lower().rpartition(":")[0] or host.lower()
        told = scope["scheme"] == "https" and name not in self._excluded
        await (self._telling if told else self._plain)(scope, receive, send)


def with_headers(app: AsgiApp, http: Mapping[str, Any]) -> AsgiApp:
    """Put around ``app`` what ``http``, host.json's ``extensions.http``, asks for; ``app`` itself where it is nothing.

    Raises:
        SettingsError: a header that cannot be sent, or a value of ``hsts`` that cannot be used.
    """
    custom = _custom(http.get("customHeaders") or {})
    hsts = http.get("hsts") or {}
    if hsts.get("isEnabled"):
        app = Hsts(app, _hsts(hsts), _excluded(hsts.get("excludedHosts")))
    return AddedHeaders(app, custom) if custom else app


def _custom(given: Mapping[str, Any]) -> Headers:
    try:
        return encode_headers((str(name), _text(name, value)) for name, value in given.items())
    except ValueError as error:
        raise SettingsError(
            f"host.json: extensions.http.customHeaders: {error}.", remedy="Correct the header, or remove it."
        ) from error


def _text(name: str, value: Any) -> str:
    if isinstance(value, dict | list):
        raise ValueError(f"header '{name}' needs a text, not {type(value).__name__}")
    return str(value).lower() if isinstance(value, bool) else str(value)


def _hsts(given: Mapping[str, Any]) -> str:
    text = str(given.get("maxAge") or _DEFAULT_AGE)
    age = parse_timespan(text)
    if age is None:
        raise SettingsError(
            f"host.json: extensions.http.hsts.maxAge: expected a time span, found {text!r}.",
            remedy="Write a number of days such as 365, or a time span such as 1.00:00:00.",
        )
    flags = [flag for flag in ("includeSubDomains", "preload") if given.get(flag)]
    return "; ".join([f"max-age={int(age)}", *flags])


def _excluded(given: Any) -> frozenset[str]:
    if given is not None and not isinstance(given, list):
        raise SettingsError(
            "host.json: extensions.http.hsts.excludedHosts: expected a list of names.", remedy='Write ["example.org"].'
        )
    return frozenset(_NEVER_HSTS) | {str(name).lower() for name in given or ()}
