"""The innermost ASGI application: answers a routed request with its function."""

from __future__ import annotations

from collections.abc import Awaitable

from hosting._log import host_logger
from hosting.bindings.http.provider import NOTHING_SET, HttpTrigger
from hosting.bindings.http.request import HttpCall, parse_headers, trace_context
from hosting.bindings.http.response import HttpReply
from hosting.bindings.http.routes import Route
from hosting.bindings.http.streams import StreamCall
from hosting.errors import GuardError
from hosting.server.body import read_body, replace_chunked
from hosting.server.disconnect import cancel_on_disconnect
from hosting.server.failure import denial_reply, failure_reply, problem_reply
from hosting.server.replies import answer, empty
from hosting.server.types import BODY, DENIED_BY, REFUSED, ROUTE, Receive, Scope, Send

_logger = host_logger("http")


class FunctionEndpoint:
    """Invokes the function of the route in the scope, under ``ROUTE``, that takes the request.

    Args:
        body_limit: the largest body that is read, in bytes.
        shows_tracebacks: whether the response for a function that fails may have the traceback.
    """

    def __init__(self, body_limit: int, *, shows_tracebacks: bool = False) -> None:
        self._body_limit = body_limit
        self._shows_tracebacks = shows_tracebacks
        self._warned: set[str] = set()

    # Not a coroutine of its own, which would cost every request.
    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer one request."""
        return answer(scope, receive, send, self._reply(scope, receive))

    async def _reply(self, scope: Scope, receive: Receive) -> HttpReply:
        route, values = scope[ROUTE]
        trigger: HttpTrigger = route.target
        if trigger.problem is not None and not trigger.disabled:
            scope[REFUSED] = "the function cannot run"
            return problem_reply(route.function, trigger.problem)
        if trigger.disabled or trigger.run is None:
            scope[REFUSED] = "the function is disabled"
            return empty(404)
        if trigger.cancels:
            cancel_on_disconnect(scope)
        headers = parse_headers(scope["headers"])
        trace_parent, trace_state = trace_context(headers)
        if trigger.streams is not None:
            result = await trigger.run(StreamCall(scope, receive, values), trace_parent, trace_state)
        else:
            body = b""
            if "content-length" in headers or "transfer-encoding" in headers:
                body = await self._body(scope, receive, route, headers)
            if scope["method"] == "HEAD" and not route.allows("HEAD"):
                function = route.function
                self._warn(f"Function '{function}' answered a HEAD request through GET. Azure answers 404.")
            call = HttpCall.from_scope(scope, headers, values, body)
            result = await trigger.run(call, trace_parent, trace_state)
        if result.exception is not None:
            if isinstance(result.exception, GuardError):
                scope[DENIED_BY] = result.exception.guard
                return denial_reply(result.exception)
            asked = None if trigger.streams is None else trigger.streams.failure(result.exception)
            shows = self._shows_tracebacks
            return asked or failure_reply(route.function, result.exception, headers, shows_tracebacks=shows)
        reply: HttpReply | None = result.reply
        return empty(NOTHING_SET) if reply is None else reply

    async def _body(self, scope: Scope, receive: Receive, route: Route[HttpTrigger], headers: dict[str, str]) -> bytes:
        """Return the body of a request; in ``headers``, its length replaces what says that it was chunked."""
        body: bytes | None = scope.get(BODY)
        if body is None:
            body = await read_body(receive, headers, self._body_limit)
        if "transfer-encoding" in headers:
            self._warn(f"Function '{route.function}' received a chunked request body. In Azure it would arrive empty.")
            replace_chunked(headers, len(body))
        return body

    def _warn(self, message: str) -> None:
        if message not in self._warned:
            self._warned.add(message)
            _logger.warning(message)
