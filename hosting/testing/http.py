"""HTTP without a socket: a request goes through the host's own ASGI application, and its answer comes back whole."""

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
    """An answer: the SDK's response, with what is handy in a test.

    Args:
        status: its code.
        headers: as they came.
        body: all of it.
        asked: the method and path, for messages.
        invocation: how the function ran that answered; None if none did.
    """

    def __init__(
        self,
        status: int,
        headers: list[tuple[str, str]],
        body: bytes,
        asked: str = "",
        invocation: Invocation | None = None,
    ) -> None:
        super().__init__(body, status_code=status)
        for name, value in headers:
            self.headers.add(name, value)
        self._asked = asked
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
        """The body, decoded as its content type says, or as UTF-8."""
        charset = str(self.headers.get("content-type", "")).partition("charset=")[2].split(";")[0].strip(' "')
        return self.body.decode(charset or "utf-8")

    def json(self) -> Any:
        """The body, read as JSON.

        Raises:
            ValueError: it is none.
        """
        return json.loads(self.body)

    @property
    def invocation(self) -> Invocation:
        """How the function ran.

        Raises:
            LookupError: no function answered.
        """
        if self._invocation is None:
            raise LookupError(f"no function answered {self._asked}: the host itself did, with {self.status}")
        return self._invocation

    @property
    def exception(self) -> BaseException | None:
        """Why the function failed; None if it succeeded, or answered with an exception that is meant as an answer."""
        return self._invocation.exception if self._invocation is not None and self.status >= 500 else None

    @property
    def outputs(self) -> Mapping[str, Any]:
        """What the function gave to its outputs, by name."""
        return self.invocation.outputs

    @property
    def logs(self) -> tuple[logging.LogRecord, ...]:
        """What was logged meanwhile."""
        return self.invocation.logs

    @property
    def messages(self) -> list[str]:
        """The messages that were logged meanwhile."""
        return self.invocation.messages

    def __repr__(self) -> str:
        return f"<Reply {self.status} to {self._asked}: {self.body[:60]!r}>"


class RequestOptions(TypedDict, total=False):
    """What a request may have besides its method and its path."""

    params: Mapping[str, Any]
    """Parameters of the query, after those of the path; a list is a repeated one."""
    headers: Mapping[str, str]
    """By name, in any case."""
    body: Body
    """Text is encoded as UTF-8."""
    json: Any
    """Written as the body, with its content type."""


class Request:
    """One request of a test.

    Args:
        method: in any case.
        path: with its query; what stands before the path in a URL is not looked at.
        options: the rest.

    Raises:
        TypeError: both ``body`` and ``json`` are given, or an option that there is not.
    """

    def __init__(self, method: str, path: str, **options: Unpack[RequestOptions]) -> None:
        if unknown := options.keys() - RequestOptions.__annotations__:
            raise TypeError(
                f"a request has no {', '.join(sorted(unknown))}, but {', '.join(RequestOptions.__annotations__)}"
            )
        parts = urlsplit(path if path.startswith(("http://", "https://")) else ORIGIN + "/" + path.removeprefix("/"))
        self.method = method.upper()
        self.path = quote(parts.path or "/", safe=_SAFE)
        self.query = "&".join(
            filter(None, [quote(parts.query, safe=_SAFE + "?"), urlencode(options.get("params") or {}, doseq=True)])
        )
        self.body, given = payload(options.get("body", b""), options.get("json"), options.get("headers"))
        self.headers = {"host": urlsplit(ORIGIN).netloc, **{name.lower(): value for name, value in given.items()}}
        if self.body or self.method in ("POST", "PUT", "PATCH"):
            self.headers.setdefault("content-length", str(len(self.body)))

    @property
    def target(self) -> str:
        """Path and query."""
        return f"{self.path}?{self.query}" if self.query else self.path

    def __str__(self) -> str:
        return f"{self.method} {self.target}"

    def scope(self) -> dict[str, Any]:
        """The request in the words of ASGI."""
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
            "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in self.headers.items()],
            "client": ("127.0.0.1", 50000),
            "server": (host, int(port)),
        }


async def send(app: AsgiApp, request: Request) -> tuple[int, list[tuple[str, str]], bytes]:
    """Have an ASGI application answer a request; give status, headers and body."""
    connection = _Connection(request.body)
    await app(request.scope(), connection.receive, connection.send)
    return connection.status, connection.headers, b"".join(connection.pieces)


class _Connection:
    """The client's side: sends one body, and stays until it has the answer."""

    def __init__(self, body: bytes) -> None:
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        self.pieces: list[bytes] = []
        self._body: bytes | None = body
        self._ended = asyncio.Event()

    async def receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._ended.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in message["headers"]]
        elif message["type"] == "http.response.body":
            self.pieces.append(message.get("body", b""))
            if not message.get("more_body"):
                self._ended.set()
