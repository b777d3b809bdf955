"""HTTP streams: functions that get the web extension's request, read its body as it comes, and stream what they answer.

Azure's worker runs a second web server for them. Here they get the connection of the one that there is.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import sys
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextvars import Context, copy_context
from typing import Any, NoReturn

from azure.functions import HttpRequest, HttpResponse

from hosting.apps.web import WebExtension, web_extension
from hosting.bindings.http.response import HttpReply, encode_reply
from hosting.bindings.provider import Output
from hosting.core import Function


class StreamCall:
    """One request on its way to a function that reads it by itself: the connection in the words of ASGI."""

    __slots__ = ("receive", "route_values", "scope")

    def __init__(
        self, scope: MutableMapping[str, Any], receive: Callable[[], Awaitable[Any]], route_values: Mapping[str, str]
    ) -> None:
        self.scope = scope
        self.receive = receive
        self.route_values = route_values

    @property
    def method(self) -> str:
        """The request's method, in capitals."""
        return str(self.scope["method"])

    @property
    def path(self) -> str:
        """The path as it was sent, without the query: that may contain a key."""
        raw: bytes = self.scope.get("raw_path") or self.scope["path"].encode()
        return raw.decode("latin-1")


class StreamReply(HttpReply):
    """A response that sends itself, in the context of the invocation that made it.

    Args:
        response: an ASGI application.
        function: whose response it is.
    """

    __slots__ = ("_context", "_function", "_response")

    def __init__(self, response: Any, function: str) -> None:
        super().__init__(response.status_code, list(response.raw_headers), b"")
        self._response = response
        self._function = function
        self._context: Context = copy_context()

    async def send(self, scope: MutableMapping[str, Any], send: Callable[[Any], Awaitable[None]]) -> None:
        """Send it piece by piece; what fails on the way is logged, and leaves the response unfinished."""
        task = asyncio.get_running_loop().create_task(self._send(scope, send), context=self._context)
        await task

    async def _send(self, scope: MutableMapping[str, Any], send: Callable[[Any], Awaitable[None]]) -> None:
        try:
            await self._response(scope, _nothing_more, send)
        except Exception:  # the author's generator may raise anything
            logging.getLogger(f"hosting.function.{self._function}").exception(
                "The response of function '%s' broke off.", self._function
            )


class Streams:
    """Makes requests and responses of the web extension for one function."""

    def __init__(self, web: WebExtension, function: str) -> None:
        self._web = web
        self._function = function

    def request(self, call: StreamCall) -> Any:
        """The extension's request, which reads from the connection."""
        request = self._web.request({**call.scope, "path_params": {}}, call.receive)
        self._web.set_route_values(request, dict(call.route_values))
        return request

    def reply(self, value: Any) -> HttpReply:
        """Make a reply of what the function returned: a response, or anything that FastAPI makes JSON of.

        Raises:
            Exception: it cannot be made JSON.
        """
        if isinstance(value, self._web.response):
            return StreamReply(value, self._function)
        if isinstance(value, HttpResponse):
            return encode_reply(value)  # an extension may answer in the function's place
        return self._json(importlib.import_module("fastapi.encoders").jsonable_encoder(value))

    def failure(self, exception: BaseException) -> HttpReply:
        """The reply to a request whose function raised: an HTTPException says which one, as in Azure."""
        exceptions = sys.modules.get("starlette.exceptions")
        if exceptions is not None and isinstance(exception, exceptions.HTTPException):
            return self._json(
                {"detail": exception.detail}, status_code=exception.status_code, headers=exception.headers
            )
        return HttpReply(500, [], b"")

    def _json(self, content: Any, **options: Any) -> StreamReply:
        return StreamReply(self._web.json_response(content, **options), self._function)


class StreamOutput(Output):
    """``$return`` of a function with streams."""

    replies = True

    def __init__(self, streams: Streams) -> None:
        self._streams = streams

    def encode(self, value: Any) -> HttpReply:
        return self._streams.reply(value)


def streams_of(function: Function) -> Streams | None:
    """What ``function`` is served with if its app has imported the web extension; None if it has not.

    A v1 function may still say that it takes the SDK's own request.
    """
    web = web_extension()
    annotation = function.annotations.get(function.trigger.name)
    if web is None or (isinstance(annotation, type) and issubclass(annotation, HttpRequest)):
        return None
    return Streams(web, function.name)


async def _nothing_more() -> NoReturn:
    """In place of a connection's ``receive``: a response that watches for the client's leaving reads no body away.

    Whoever sends the response is cancelled when the client goes.
    """
    await asyncio.get_running_loop().create_future()
    raise AssertionError("nobody sets a result")
