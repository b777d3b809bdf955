"""HTTP streams: functions that get the web extension's request and read and write bodies piece by piece.

Azure's worker runs a second web server for them. Here they use the connection of the host's own server.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextvars import Context, copy_context
from pathlib import Path
from typing import Any, NoReturn

from azure.functions import HttpRequest, HttpResponse

from hosting._log import host_logger
from hosting.apps.tracebacks import users_traceback
from hosting.apps.web import WebExtension, web_extension
from hosting.bindings.http.response import HttpReply, PiecewiseReply, check_raw_headers, encode_reply
from hosting.bindings.provider import Output
from hosting.core import Function


class StreamCall:
    """A request for a function that reads the body itself.

    Args:
        scope: the ASGI scope of the request.
        receive: the ASGI function that returns the next part of the body.
        route_values: the values of the route's parameters, by name.
    """

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
        """The path as it was sent, without the query, which may contain a key."""
        raw: bytes = self.scope.get("raw_path") or self.scope["path"].encode()
        return raw.decode("latin-1")


class StreamReply(PiecewiseReply):
    """A response that is sent piece by piece, with the context variables of the invocation that created it.

    Args:
        response: the web extension's response, which is an ASGI application.
        function: the function, for the log.

    Raises:
        ValueError: a header cannot be sent.
    """

    __slots__ = ("_context", "_function", "_response")

    def __init__(self, response: Any, function: Function) -> None:
        super().__init__(response.status_code, list(response.raw_headers))
        check_raw_headers(self.headers)
        self._response = response
        self._function = function
        self._context: Context = copy_context()

    async def send(self, scope: MutableMapping[str, Any], send: Callable[[Any], Awaitable[None]]) -> None:
        """Send the response, as ``PiecewiseReply`` says."""
        task = asyncio.get_running_loop().create_task(self._send(scope, send), context=self._context)
        await task

    async def _send(self, scope: MutableMapping[str, Any], send: Callable[[Any], Awaitable[None]]) -> None:
        try:
            await self._response(scope, _nothing_more, send)
        except Exception as error:  # noqa: BLE001 - the app's generator may raise anything
            self.error = error
            function = self._function
            shown = users_traceback(error, Path(function.directory), function)
            text = "The response of function '%s' is incomplete."
            host_logger(f"function.{function.name}").error(text, function.name, exc_info=shown)


class Streams:
    """Creates the web extension's requests and responses for one function.

    Args:
        web: the web extension's classes.
        function: the function, for the log.
    """

    def __init__(self, web: WebExtension, function: Function) -> None:
        self._web = web
        self._function = function

    def request(self, call: StreamCall) -> Any:
        """Return the web extension's request, which reads the body from the connection."""
        request = self._web.request({**call.scope, "path_params": {}}, call.receive)
        self._web.set_route_values(request, dict(call.route_values))
        return request

    def reply(self, value: Any) -> HttpReply:
        """Return the response for a function's result: a response, or any value that FastAPI can encode as JSON.

        Raises:
            ValueError: a header of the response cannot be sent.
            Exception: FastAPI cannot encode the value.
        """
        if isinstance(value, self._web.response):
            return StreamReply(value, self._function)
        if isinstance(value, HttpResponse):
            return encode_reply(value)  # a hook may respond in place of the function
        return self._json(importlib.import_module("fastapi.encoders").jsonable_encoder(value))

    def failure(self, exception: BaseException) -> HttpReply | None:
        """Return the response that an ``HTTPException`` of the function asks for, as in Azure; None for a failure."""
        try:
            return self._asked_by(exception)
        except ValueError as error:
            host_logger(f"function.{self._function.name}").error("Function '%s': %s.", self._function.name, error)
            return None

    def failure_status(self, exception: BaseException) -> int:
        """Return the status of the response for a function that raised ``exception``."""
        try:
            reply = self._asked_by(exception)
        except ValueError:
            reply = None
        return 500 if reply is None else reply.status

    def _asked_by(self, exception: BaseException) -> HttpReply | None:
        """Return the response that an exception asks for; None if it asks for none.

        Raises:
            ValueError: a header of the response cannot be sent.
        """
        exceptions = sys.modules.get("starlette.exceptions")
        if exceptions is None or not isinstance(exception, exceptions.HTTPException):
            return None
        return self._json({"detail": exception.detail}, status_code=exception.status_code, headers=exception.headers)

    def _json(self, content: Any, **options: Any) -> StreamReply:
        return StreamReply(self._web.json_response(content, **options), self._function)


class StreamOutput(Output):
    """The ``$return`` output of a function with streams."""

    replies = True

    def __init__(self, streams: Streams) -> None:
        self._streams = streams

    def encode(self, value: Any) -> HttpReply:
        """Return the response; see ``Streams.reply``."""
        return self._streams.reply(value)


def streams_of(function: Function) -> Streams | None:
    """Return the streams of a function if its app has imported the web extension; else None.

    None also for a v1 function with the SDK's request as its annotation.
    """
    web = web_extension()
    annotation = function.annotations.get(function.trigger.name)
    if web is None or (isinstance(annotation, type) and issubclass(annotation, HttpRequest)):
        return None
    return Streams(web, function)


async def _nothing_more() -> NoReturn:
    """Wait forever, in place of a connection's ``receive``.

    A response calls ``receive`` to notice that the client disconnects, and must not consume the body of the request.
    The task that sends the response is cancelled on disconnect anyway.
    """
    await asyncio.get_running_loop().create_future()
    raise AssertionError("the future never has a result")
