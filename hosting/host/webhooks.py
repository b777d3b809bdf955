"""Webhooks with the app's extensions around them: each counts as an HTTP function of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from azure.functions import HttpResponse
from azure.functions.http import HttpRequest

from hosting.bindings.http.provider import HttpOutput, HttpTrigger
from hosting.bindings.http.request import HttpCall, parse_query
from hosting.bindings.http.response import HttpReply, PiecewiseReply
from hosting.bindings.provider import Invoke
from hosting.bindings.services import Webhooks
from hosting.core import Binding, Function
from hosting.extensions import ExtensionHost
from hosting.host.binding import BoundFunction

if TYPE_CHECKING:
    from hosting.bindings.services import Webhook

PREFIX = "webhooks/"
"""What the names of these functions begin with: no function of an app has a slash in its name."""
_PARAMETER = "req"


class _Request(HttpRequest):
    """The request as extensions see it, with what the handler gets."""

    call: HttpCall


class _Trigger(HttpTrigger):
    def decode(self, data: Any) -> HttpRequest:
        """Return the request."""
        request = _Request(
            data.method,
            data.url,
            headers=data.headers,
            params=parse_query(data.query) if data.query else {},
            route_params=data.route_values,
            body_type="bytes",
            body=data.body,
        )
        request.call = data
        return request


class _Output(HttpOutput):
    def encode(self, value: Any) -> HttpReply:
        """Return the reply: what the handler returned, or the response of an extension."""
        if isinstance(value, PiecewiseReply):
            return value
        reply = super().encode(value)
        if not reply.body:  # the SDK's response always has a type, and the handler's has none then
            reply.headers = [one for one in reply.headers if one[0] != b"content-type"]
        return reply


def guard_webhooks(
    webhooks: Webhooks, extensions: ExtensionHost, root: Path, invocation: Callable[[BoundFunction], Invoke]
) -> None:
    """Have the app's extensions called around the webhooks whose providers want it.

    Args:
        webhooks: the webhooks, to which it adds what invokes them.
        extensions: the extensions, which are loaded.
        root: the app's folder.
        invocation: makes what invokes a bound function.
    """
    functions = {name: _function(name, webhooks[name], root) for name in webhooks.guarded}
    if not functions:
        return
    extensions.add_functions([*functions.values()])
    for name, function in functions.items():
        trigger = _Trigger(function, function.trigger)
        invoke = invocation(BoundFunction(function, trigger, _PARAMETER, (), (), _Output(function.name)))
        webhooks.find_invoke[name] = _finder(extensions, function, invoke)


def _finder(extensions: ExtensionHost, function: Function, invoke: Invoke) -> Callable[[], Invoke | None]:
    """Return what returns ``invoke``, or None while no extension has a hook around the webhook."""

    def find() -> Invoke | None:
        has_hooks = extensions.chain(function) is not None or extensions.edges(function) is not None
        return invoke if has_hooks else None

    return find


def _function(name: str, handler: Webhook, root: Path) -> Function:
    trigger = Binding(
        _PARAMETER, "httpTrigger", "in", {"authLevel": "anonymous", "route": f"runtime/webhooks/{name}/{{*rest}}"}
    )
    output = Binding("$return", "http", "out")
    called = _called(handler)
    function = Function(f"{PREFIX}{name}", str(root), str(root), "v2", called, True, (trigger, output))
    function.route_prefix = ""
    function.is_webhook = True
    return function


def _called(handler: Webhook) -> Callable[[HttpRequest], Awaitable[Any]]:
    async def answer(req: HttpRequest) -> Any:
        if not isinstance(req, _Request):
            raise TypeError("an extension has replaced the request of a webhook")
        reply = await handler(req.call)
        if isinstance(reply, PiecewiseReply):
            return reply
        response = HttpResponse(reply.body, status_code=reply.status)
        for key, value in reply.headers:
            response.headers.add(key.decode("latin-1"), value.decode("latin-1"))
        return response

    return answer
