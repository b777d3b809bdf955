"""Headers that are added to every response.

Those of host.json are ``customHeaders`` and ``hsts`` of ``extensions.http``; others come from extensions.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Container, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

from hosting.app_work import AddedHeader, ResponseHead
from hosting.apps.timespans import parse_timespan
from hosting.bindings.http.request import parse_headers
from hosting.bindings.http.response import Headers, encode_headers
from hosting.errors import SettingsError
from hosting.extensions import Extension, run_isolated
from hosting.server.middleware.access import Access
from hosting.server.types import AsgiApp, Message, Middleware, Receive, Scope, Send, reached_function, sent_path

_DEFAULT_HSTS_DAYS = "30"
_REFUSAL_HEADERS = frozenset({b"date", b"content-type", b"content-length", b"connection"})
"""The headers of the response to what is not a valid HTTP request."""
_NEVER_HSTS = ("localhost", "127.0.0.1", "[::1]")

FindHeaders: TypeAlias = Callable[[Scope, int, Container[bytes]], Headers]


class AddedHeaders:
    """ASGI middleware that adds headers to every response.

    Args:
        app: the ASGI application inside.
        find: returns the headers to add, of the request's scope, the status, and the lower-case names of the headers
            that the response has.
    """

    def __init__(self, app: AsgiApp, find: FindHeaders) -> None:
        self._app = app
        self._find = find

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        def send_with_headers(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                names = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *self._find(scope, message["status"], names)]
            return send(message)

        await self._app(scope, receive, send_with_headers)


class HeadersOfExtensions:
    """The headers that extensions add to responses, each unless the response has it already.

    Args:
        headers: the headers.
        extensions: the extensions that add them, and perhaps others.
    """

    def __init__(self, headers: Sequence[AddedHeader], extensions: Iterable[Extension]) -> None:
        by_name = {one.name: one for one in extensions}
        self._headers = [(header, by_name[header.extension]) for header in headers]

    def added(self, head: ResponseHead, names: Container[bytes]) -> Headers:
        """Return the headers to add to a response; what their functions raise is recorded.

        Args:
            head: the response and its request.
            names: the names of the headers that the response has, in lower case.
        """
        added: Headers = []
        for one in tuple(self._headers):
            header, extension = one
            if extension.status == "active" and header.name.lower().encode("latin-1", "replace") not in names:
                encoded = run_isolated(extension, "response header", partial(_encoded, header, head))
                added += encoded or ()
                if encoded is None and one in self._headers:
                    self._headers.remove(one)
        return added

    def find(self, scope: Scope, status: int, names: Container[bytes]) -> Headers:
        """Return the headers to add to a response, as ``AddedHeaders`` asks for them."""
        headers = parse_headers(scope["headers"])
        return self.added(
            ResponseHead(status, scope["method"], sent_path(scope), reached_function(scope), headers), names
        )

    def added_to_refusal(self, access: Access) -> Headers:
        """Return the headers to add to the response to what is not a valid HTTP request.

        Args:
            access: the request as far as it is known; its headers are not.
        """
        return self.added(ResponseHead(access.status, access.method, access.path, "", {}), _REFUSAL_HEADERS)


def _encoded(header: AddedHeader, head: ResponseHead) -> Headers:
    """Return a header as it is sent; nothing if its function returns None.

    Raises:
        TypeError: the function returns neither text nor None.
        ValueError: it cannot be sent.
    """
    value: Any = header.value if isinstance(header.value, str) else header.value(head)
    if value is None:
        return []
    if not isinstance(value, str):
        raise TypeError(f"the value of header '{header.name}' must be text or None, found {type(value).__name__}")
    return encode_headers([(header.name, value)])


class Hsts:
    """ASGI middleware that adds HTTP Strict Transport Security to responses over HTTPS.

    Args:
        app: the ASGI application inside.
        value: the header's value.
        excluded: host names that get no header, in lower case.
    """

    def __init__(self, app: AsgiApp, value: str, excluded: frozenset[str]) -> None:
        self._app = app
        self._app_with_header = AddedHeaders(app, _always([(b"strict-transport-security", value.encode())]))
        self._excluded = excluded

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        host = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
        name = host.lower() if host.endswith("]") else host.lower().rpartition(":")[0] or host.lower()
        is_included = scope["scheme"] == "https" and name not in self._excluded
        await (self._app_with_header if is_included else self._app)(scope, receive, send)


def header_middleware(http: Mapping[str, Any]) -> Iterator[Middleware]:
    """Yield the middleware for the headers of ``http``, which is ``extensions.http`` of host.json.

    Raises:
        SettingsError: a header cannot be sent, or a value of ``hsts`` cannot be used.
    """
    custom = _custom_headers(http.get("customHeaders") or {})
    if custom:
        yield partial(AddedHeaders, find=_always(custom))
    hsts = http.get("hsts") or {}
    if hsts.get("isEnabled"):
        yield partial(Hsts, value=_hsts(hsts), excluded=_excluded(hsts.get("excludedHosts")))


def _always(headers: Headers) -> FindHeaders:
    """Return what adds the same headers to every response, each unless the response has it already, as in Azure."""
    return lambda _scope, _status, names: [header for header in headers if header[0] not in names]


def _custom_headers(headers: Mapping[str, Any]) -> Headers:
    try:
        return encode_headers((str(name), _text(name, value)) for name, value in headers.items())
    except ValueError as error:
        raise SettingsError(
            f"host.json: extensions.http.customHeaders: {error}.", remedy="Correct the header, or remove it."
        ) from error


def _text(name: str, value: Any) -> str:
    if isinstance(value, dict | list):
        raise ValueError(f"header '{name}' needs a text, not {type(value).__name__}")
    return str(value).lower() if isinstance(value, bool) else str(value)


def _hsts(options: Mapping[str, Any]) -> str:
    text = str(options.get("maxAge") or _DEFAULT_HSTS_DAYS)
    age = parse_timespan(text)
    if age is None:
        raise SettingsError(
            f"host.json: extensions.http.hsts.maxAge: expected a time span, found {text!r}.",
            remedy="Write a number of days such as 365, or a time span such as 1.00:00:00.",
        )
    flags = [flag for flag in ("includeSubDomains", "preload") if options.get(flag)]
    return "; ".join([f"max-age={int(age)}", *flags])


def _excluded(names: Any) -> frozenset[str]:
    if names is not None and not isinstance(names, list):
        raise SettingsError(
            "host.json: extensions.http.hsts.excludedHosts: expected a list of names.", remedy='Write ["example.org"].'
        )
    return frozenset(_NEVER_HSTS) | {str(name).lower() for name in names or ()}
