"""The built-in provider of ``httpTrigger`` and ``http``: routes, requests and responses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hosting.bindings.http.request import HttpCall, decode_request
from hosting.bindings.http.response import HttpReply, encode_reply
from hosting.bindings.http.routes import Route, Router, is_reserved, is_same_route, overlapping_routes
from hosting.bindings.http.streams import StreamOutput, streams_of
from hosting.bindings.http.template import parse
from hosting.bindings.provider import Invoke, Output, Provider, Result, Trigger
from hosting.bindings.services import Services
from hosting.core import Binding, Function, Problem
from hosting.errors import FunctionLoadError, GuardError

if TYPE_CHECKING:
    from hosting.bindings.http.cookies import CookieWarnings

LEVELS = ("anonymous", "function", "admin")
NOTHING_SET = 204
"""The status where the function has no HTTP output, or has set none. Source: ``SetResponse`` in ``HttpBinding.cs``."""


class HttpTrigger(Trigger):
    """The HTTP trigger of one function.

    Args:
        function: the function.
        binding: its trigger.

    Raises:
        FunctionLoadError: the authorization level is invalid.
    """

    answers = True

    def __init__(self, function: Function, binding: Binding) -> None:
        self.function = function.name
        self.disabled = function.disabled
        self.cancels = function.is_async
        """Whether an invocation is cancelled when its client disconnects; a function in a thread cannot be stopped."""
        self.level = _level(function, binding)
        self.methods = _methods(binding)
        self.run: Invoke | None = None
        """Runs the function; None if it cannot run."""
        self.problem: Problem | None = None
        """Why it cannot run; None if it can."""
        self._returned_to = next(filter(_is_other_result, function.bindings), None)
        self.streams = streams_of(function)
        """Creates requests and responses of a function with streams, which takes a ``StreamCall`` in place of an
        ``HttpCall``; None for other functions."""

    def decode(self, data: Any) -> Any:
        """Return the SDK's request, or the web extension's request for a function with streams."""
        return decode_request(data) if self.streams is None else self.streams.request(data)

    def binding_data(self, data: Any) -> Mapping[str, Any]:
        """Return the values of the request for expressions."""
        from hosting.bindings.http.data import request_data  # only functions with expressions need it

        return request_data(data)

    def unset_reply(self, value: Any) -> HttpReply | None:
        """Return the response with a value that no HTTP output took, as in Azure; None if there is no value."""
        if value is None:
            return None
        from hosting.bindings.http.returned import returned_reply  # few functions need it

        return returned_reply(self._returned_to, value)

    def log_fields(self, data: Any) -> Mapping[str, Any]:
        """Return method and path."""
        return {"method": data.method, "path": data.path}

    def status_code(self, result: Result) -> int:
        """Return the status of the response: 204 where no HTTP output is set, 500 where the function failed.

        Where a guard has denied the function, it is that of the error.
        """
        exception = result.exception
        if exception is None:
            status: int = NOTHING_SET if result.reply is None else result.reply.status
            return status
        if isinstance(exception, GuardError):
            return exception.status
        return 500 if self.streams is None else self.streams.failure_status(exception)

    def attach(self, invoke: Invoke) -> None:
        """Store ``invoke`` as ``run``."""
        self.run = invoke

    async def by_hand(self, text: str | None) -> HttpCall:
        """Raise ValueError: a request to the function's URL is the way to run it."""
        raise ValueError(f"Function '{self.function}' is triggered by HTTP: send a request to its URL instead.")


def _is_other_result(binding: Binding) -> bool:
    return binding.name == "$return" and binding.type.lower() != "http"


class HttpOutput(Output):
    """``$return`` or a named output of type ``http``: its value is the response to the request."""

    replies = True

    def __init__(self, function: str) -> None:
        self._function = function
        self._cookies: CookieWarnings | None = None

    def encode(self, value: Any) -> HttpReply:
        """Return the response; see ``encode_reply``."""
        reply = encode_reply(value)
        if len(reply.headers) > 1:
            self._check_cookies(reply)
        return reply

    def _check_cookies(self, reply: HttpReply) -> None:
        if self._cookies is None:
            if not any(name == b"set-cookie" for name, _ in reply.headers):
                return
            from hosting.bindings.http.cookies import CookieWarnings  # few functions set cookies

            self._cookies = CookieWarnings(self._function)
        self._cookies.check(reply.headers)


class HttpProvider(Provider):
    """Collects the routes of an app's functions; the server gets them from ``router``."""

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        prefix = services.section("extensions", "http").get("routePrefix", "api")
        self.prefix = str(prefix).strip("/")
        self._routes: list[Route[HttpTrigger]] = []
        self._unavailable: list[Route[HttpTrigger]] = []
        if services.section("extensions", "http").get("dynamicThrottlesEnabled"):
            services.problems.append(_no_throttles())

    def trigger(self, function: Function, binding: Binding) -> HttpTrigger:
        """Return the trigger of a function, and add its route.

        Raises:
            FunctionLoadError: the route is invalid, reserved, or used by another function.
        """
        trigger = HttpTrigger(function, binding)
        route = self._compile(function, binding, trigger)
        self._check(function, route)
        self._routes.append(route)
        return trigger

    def add_unavailable(self, function: Function, binding: Binding, problem: Problem) -> None:
        """Add the route of a function that cannot run, for requests that no other route takes.

        A route that is invalid or reserved itself is left out.
        """
        try:
            trigger = _trigger_of_any_level(function, binding)
            route = self._compile(function, binding, trigger)
        except (FunctionLoadError, TypeError):
            return
        trigger.problem = problem
        if not is_reserved(route.route):
            self._unavailable.append(route)

    def unavailable_router(self) -> Router[HttpTrigger]:
        """Return a router for the functions that cannot run."""
        return Router(self._unavailable)

    def output(self, function: Function, binding: Binding) -> Output:
        """Return the output for the response."""
        if binding.type.lower() != "http":
            raise self._unfit(function, binding, "an output")
        streams = streams_of(function)
        return HttpOutput(function.name) if streams is None else StreamOutput(streams)

    def router(self) -> Router[HttpTrigger]:
        """Return a router for the functions that can run, and add a problem for each pair of overlapping routes."""
        routes = [route for route in self._routes if route.target.run is not None]
        self.services.problems.extend(_overlap(first, second) for first, second in overlapping_routes(routes))
        return Router(routes)

    def _compile(self, function: Function, binding: Binding, trigger: HttpTrigger) -> Route[HttpTrigger]:
        configured = binding.properties.get("route")
        has_prefix = function.addition is None or not function.addition.outside_prefix
        # Only an extension can add a route without a prefix, which may be the root.
        route = (str(configured).strip() if configured is not None else "") or (function.name if has_prefix else "")
        full = f"{self.prefix}/{route}" if self.prefix and has_prefix else route
        try:
            template = parse(full)
        except ValueError as error:
            raise FunctionLoadError(
                f"Function '{function.name}': route '{route}' cannot be used: {error}.",
                remedy="Correct the route; it has the syntax of ASP.NET Core.",
                file=function.file,
            ) from error
        return Route(function.name, route, template, trigger.methods, trigger, has_prefix)

    def _check(self, function: Function, route: Route[HttpTrigger]) -> None:
        if is_reserved(route.route):
            raise FunctionLoadError(
                f"Function '{function.name}': the specified route conflicts with one or more built in routes.",
                remedy=f"Change the route '{route.route}': it must not begin with 'admin' or 'runtime'.",
                file=function.file,
            )
        for other in self._routes:
            if is_same_route(other, route):
                raise FunctionLoadError(
                    f"Function '{function.name}': the route specified conflicts with the route defined by function "
                    f"'{other.function}'.",
                    remedy=f"Change the route '{route.route}' or the methods of one of the functions.",
                    file=function.file,
                )


def _trigger_of_any_level(function: Function, binding: Binding) -> HttpTrigger:
    """Return the trigger of a function that cannot run; an invalid level counts as the strictest."""
    try:
        return HttpTrigger(function, binding)
    except FunctionLoadError:
        properties = {key: value for key, value in binding.properties.items() if key.lower() != "authlevel"}
        return HttpTrigger(function, binding._replace(properties={**properties, "authLevel": "admin"}))


def _level(function: Function, binding: Binding) -> str:
    level = str(binding.properties.get("authLevel") or "function").lower()
    if level not in LEVELS:
        raise FunctionLoadError(
            f"Function '{function.name}': '{level}' is not an authorization level.",
            remedy=f"Use one of {', '.join(LEVELS)}.",
            file=function.file,
        )
    return level


def _methods(binding: Binding) -> frozenset[str] | None:
    methods = binding.properties.get("methods")
    if methods is None:
        return None
    return frozenset(str(method).upper() for method in ([methods] if isinstance(methods, str) else methods))


def full_route(route: Route[Any], prefix: str) -> str:
    """Return a route with its prefix as Azure's host prints it, with the parameters in braces."""
    path = route.route.removeprefix("/")
    return f"{prefix}/{path}" if prefix and route.has_prefix else path


def _no_throttles() -> Problem:
    return Problem(
        "warning",
        "host.json: extensions.http.dynamicThrottlesEnabled has no effect here.",
        remedy="Azure rejects requests when the machine is busy. To limit them here, set maxOutstandingRequests.",
    )


def _overlap(first: Route[HttpTrigger], second: Route[HttpTrigger]) -> Problem:
    return Problem(
        "warning",
        f"The routes of functions '{first.function}' ('{first.route}') and '{second.function}' ('{second.route}') "
        f"overlap: '{first.function}' handles requests that match both, because its name comes first.",
        remedy="Azure does the same. Rename a function, or add a constraint such as {id:int} to a parameter.",
        function=second.function,
    )
