"""HTTP without a socket: requests are sent to the host's ASGI application directly."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from typing import Any, TypedDict, Unpack
from urllib.parse import quote, unquote, urlencode, urlsplit

import azure.functions as func

from hosting.server.types import AsgiApp, Message
from hosting.testing.builders import ORIGIN, Body, payload
from hosting.testing.recording import Invocation

_SAFE = "/%:@!$&'()*+,;=~-._"


class Reply(func.HttpResponse):
    """A response: the SDK's ``HttpResponse`` with further properties for tests.

    Args:
        status: the status code.
        headers: names and values in the order received.
        body: the whole body.
        request: method and path of the request, for messages.
        invocation: the invocation that produced the response; None if no function ran.
    """

    def __init__(
        self,
        status: int,
        headers: list[tuple[str, str]],
        body: bytes,
        request: str = "",
        invocation: Invocation | None = None,
    ) -> None:
        super().__init__(body, status_code=status)
        for name, value in headers:
            self.headers.add(name, value)
        self._request = request
        self._invocation = invocation

    @property
    def status(self) -> int:
        """The same as ``status_code``."""
        return int(self.status_code)

    @property
    def body(self) -> bytes:
        """The same as ``get_body()``."""
        return self.get_body()

    @property
    def text(self) -> str:
        """The body as text, decoded by the charset of its content type, or as UTF-8."""
        charset = str(self.headers.get("content-type", "")).partition("charset=")[2].split(";")[0].strip(' "')
        return self.body.decode(charset or "utf-8")

    def json(self) -> Any:
        """Return the body parsed as JSON.

        Raises:
            ValueError: the body is not JSON.
        """
        return json.loads(self.body)

    @property
    def invocation(self) -> Invocation:
        """The invocation of the function that responded.

        Raises:
            LookupError: no function ran; the host itself responded.
        """
        if self._invocation is None:
            raise LookupError(f"no function ran for {self._request}: the host itself responded with {self.status}")
        return self._invocation

    @property
    def exception(self) -> BaseException | None:
        """The exception of a function that failed; None if it succeeded or the status is below 500."""
        return self._invocation.exception if self._invocation is not None and self.status >= 500 else None

    @property
    def outputs(self) -> Mapping[str, Any]:
        """Values that the function passed to its output bindings, by name."""
        return self.invocation.outputs

    @property
    def logs(self) -> tuple[logging.LogRecord, ...]:
        """Log records of the invocation."""
        return self.invocation.logs

    @property
    def messages(self) -> list[str]:
        """The messages of ``logs``."""
        return self.invocation.messages

    def __repr__(self) -> str:
        return f"<Reply {self.status} to {self._request}: {self.body[:60]!r}>"


class RequestOptions(TypedDict, total=False):
    """Options of a request besides method and path."""

    params: Mapping[str, Any]
    """Query parameters, appended to those in the path; a list repeats the parameter."""
    headers: Mapping[str, str]
    """Headers by name; names ignore case."""
    body: Body
    """The body; text is encoded as UTF-8."""
    json: Any
    """A value that is serialized as JSON for the body, with its content type."""


class Request:
    """One request of a test.

    Args:
        method: the HTTP method, in upper or lower case.
        path: the path with the query, or a whole URL, of which scheme and host are ignored.
        options: the other parts of the request.

    Raises:
        TypeError: both ``body`` and ``json`` are given, an unknown option, or a value of the wrong type.
    """

    def __init__(self, method: str, path: str, **options: Unpack[RequestOptions]) -> None:
        if unknown := options.keys() - RequestOptions.__annotations__:
            raise TypeError(
                f"unknown option of a request: {', '.join(sorted(unknown))}; "
                f"expected {', '.join(RequestOptions.__annotations__)}"
            )
        for what, value in (("method", method), ("path", path)):
            if not isinstance(value, str):
                raise TypeError(f"the {what} of a request is text, not {value!r}")
        parts = urlsplit(path if path.startswith(("http://", "https://")) else ORIGIN + "/" + path.removeprefix("/"))
        self.method = method.upper()
        self.path = quote(parts.path or "/", safe=_SAFE)
        self.query = "&".join(
            filter(None, [quote(parts.query, safe=_SAFE + "?"), urlencode(options.get("params") or {}, doseq=True)])
        )
        self.body, headers = payload(options.get("body", b""), options.get("json"), options.get("headers"))
        self.headers = {"host": urlsplit(ORIGIN).netloc, **{name.lower(): value for name, value in headers.items()}}
        if self.body or self.method in ("POST", "PUT", "PATCH"):
            self.headers.setdefault("content-length", str(len(self.body)))

    @property
    def target(self) -> str:
        """Path and query."""
        return f"{self.path}?{self.query}" if self.query else self.path

    def __str__(self) -> str:
        return f"{self.method} {self.target}"

    def scope(self) -> dict[str, Any]:
        """Return the request as an ASGI scope."""
        host, _, port = urlsplit(ORIGIN).netloc.partition(":")
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": self.method,
            "scheme": "http",
            "path": unquote(self.path),
            "raw_path": self.path.encode("ascii"),
            "query_string": self.query.encode("ascii"),
            "root_path": "",
            "headers": [(name.encode("latin-1"), value.encode()) for name, value in self.headers.items()],
            "client": ("127.0.0.1", 50000),
            "server": (host, int(port)),
        }


async def send(app: AsgiApp, request: Request) -> tuple[int, list[tuple[str, str]], bytes]:
    """Send a request to an ASGI application; return status, headers and body of the response."""
    connection = _Connection(request.body)
    await app(request.scope(), connection.receive, connection.send)
    return connection.status, connection.headers, b"".join(connection.chunks)


class _Connection:
    """The client of one ASGI call: sends one body, and stays connected until the response is complete."""

    def __init__(self, body: bytes) -> None:
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        self.chunks: list[bytes] = []
        self._body: bytes | None = body
        self._ended = asyncio.Event()

    async def receive(self) -> Message:
        """Return the body first; later wait until the response is complete, then disconnect."""
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._ended.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Record status, headers and body of the response."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in message["headers"]]
        elif message["type"] == "http.response.body":
            self.chunks.append(message.get("body", b""))
            if not message.get("more_body"):
                self._ended.set()
