"""The invocation as hooks see it: the function, its arguments, the HTTP request and a way to respond to it.

Everything is made when it is first read: most invocations pay for nothing here.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

from hosting._exceptions import as_repr, type_name
from hosting.core import Function
from hosting.errors import ExtensionError

Source: TypeAlias = tuple[Function, Any, dict[str, Any], Any, str]
"""A function, what its trigger brought or None, the arguments of the call, the context's ``retry_context``, the id."""


OutcomeKind: TypeAlias = Literal["succeeded", "failed", "cancelled", "refused"]
Phase: TypeAlias = Literal["decode", "input", "encode", "write"]
"""A part of an invocation that is about its bindings."""


class MultiValues(Mapping[str, str]):
    """Headers or query parameters: names ignore case, and a name may have several values.

    ``values["name"]`` joins several values by commas, without empty ones, as ``azure.functions.HttpRequest`` does.

    Args:
        items: the names and values in the order of the request.
    """

    def __init__(self, items: Iterable[tuple[str, str]]) -> None:
        self._items = tuple(items)
        self._values: dict[str, list[str]] = {}
        for name, value in self._items:
            self._values.setdefault(name.lower(), []).append(value)

    def __getitem__(self, name: str) -> str:
        values = self._values[name.lower()]
        return values[0] if len(values) == 1 else ",".join(filter(None, values))

    def get(self, name: str, default: Any = None) -> Any:
        """Return the value of a name; the default if there is none."""
        return self[name] if name.lower() in self._values else default

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def get_all(self, name: str) -> tuple[str, ...]:
        """Return all values of a name, each as it was sent; empty if there are none."""
        return tuple(self._values.get(name.lower(), ()))

    def multi_items(self) -> tuple[tuple[str, str], ...]:
        """Return all names, as they were spelled, and values, in the order of the request."""
        return self._items

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {', '.join(self._values)}>"  # no values: they may be secrets


class Request:
    """The HTTP request of an invocation, for reading, whatever class of request the function takes.

    Under ``hosting start`` and in ``hosting.testing``, repeated headers are separate values of ``headers``. Azure's
    host joins them before the worker gets them.

    Args:
        argument: the function's request: ``azure.functions.HttpRequest``, or that of a web extension.
        function: the function.
        scope: the ASGI scope of the request; None where there is none, as in Azure's worker.
    """

    def __init__(self, argument: Any, function: Function, scope: Mapping[str, Any] | None = None) -> None:
        self._argument = argument
        self._function = function
        self._scope = scope
        self._is_stream = _is_stream(argument)
        self._content: bytes | None = None
        # Not cached properties, which are slow before Python 3.12: extensions read these for each request.
        self._url: str | None = None
        self._headers: MultiValues | None = None

    @property
    def method(self) -> str:
        """The method, in capitals."""
        return str(self._argument.method).upper()

    @property
    def url(self) -> str:
        """The whole URL, with the query, as the function sees it."""
        if self._url is None:
            self._url = str(self._argument.url)
        return self._url

    @cached_property
    def path(self) -> str:
        """The path as it was sent, without the query."""
        path = self.url.partition("?")[0].partition("#")[0]
        _, separator, rest = path.partition("://")
        return f"/{rest.partition('/')[2]}" if separator else path

    @property
    def route(self) -> str:
        """The template of the function's route, with the prefix: ``api/items/{id:int}``."""
        return self._function.route or ""

    @cached_property
    def route_params(self) -> Mapping[str, str]:
        """The values of the route's parameters, by name."""
        values = self._argument.path_params if self._is_stream else self._argument.route_params
        return dict(values)

    @cached_property
    def query(self) -> MultiValues:
        """The parameters of the query."""
        from urllib.parse import parse_qsl  # few hooks read it

        query = self.url.partition("#")[0].partition("?")[2]
        return MultiValues(parse_qsl(query, keep_blank_values=True))

    @property
    def headers(self) -> MultiValues:
        """The headers."""
        if self._headers is None:
            self._headers = MultiValues(self._argument.headers.items() if self._scope is None else self._raw_headers())
        return self._headers

    def _raw_headers(self) -> Iterator[tuple[str, str]]:
        return ((name.decode("latin-1"), _text(value)) for name, value in cast("Any", self._scope)["headers"])

    @property
    def client(self) -> str | None:
        """The address of the machine that is connected, which may be a proxy; None in Azure's worker."""
        client = None if self._scope is None else self._scope.get("client")
        return None if client is None else str(client[0])

    @property
    def forwarded_for(self) -> tuple[str, ...]:
        """The addresses in ``X-Forwarded-For``, the caller's first. Trust only those that your own proxy has added."""
        values = ",".join(self.headers.get_all("x-forwarded-for")).split(",")
        return tuple(value.strip() for value in values if value.strip())

    async def body(self) -> bytes:
        """Return the whole body; that of a stream is read from the connection, and kept for the function, too.

        In a ``def`` hook call ``read``.
        """
        if not self._is_stream:
            return cast("bytes", self._argument.get_body())
        if self._content is None:
            self._content = await self._argument.body()
        return self._content

    def read(self) -> bytes:
        """Return the whole body without waiting.

        Raises:
            ExtensionError: the body is a stream, and no hook has awaited ``body()`` before.
        """
        if not self._is_stream:
            return cast("bytes", self._argument.get_body())
        if self._content is None:
            raise ExtensionError(
                f"the request of function '{self._function.name}' is a stream, and its body has not been read",
                remedy="Write 'await invocation.request.body()' in an async def hook.",
            )
        return self._content

    async def json(self) -> Any:
        """Return the body parsed as JSON; see ``body``.

        Raises:
            ValueError: the body is not JSON.
        """
        import json

        return json.loads(await self.body())

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.path}>"


class InvocationOutcome:
    """How an invocation ended.

    Args:
        kind: ``succeeded``; ``failed``, where anything raised; ``cancelled`` by the host, for example because the
            client has gone; or ``refused``, where a hook kept the function from running, with an exception or with a
            status of 400 or above.
        exception: why it failed, or the CancelledError; None where nothing was raised.
        status: the status of the HTTP response; None if there is none.
    """

    __slots__ = ("exception", "kind", "status")

    def __init__(self, kind: OutcomeKind, exception: BaseException | None = None, status: int | None = None) -> None:
        self.kind, self.exception, self.status = kind, exception, status

    def __repr__(self) -> str:
        return f"InvocationOutcome({self.kind!r}, {self.exception!r}, {self.status!r})"


class Invocation:
    """One invocation: the argument ``invocation`` of a hook, and ``context.invocation``.

    Args:
        source: what it is made of.
    """

    __slots__ = ("__weakref__", "_principal", "_request", "_source", "_state")

    if TYPE_CHECKING:  # not set before they are used
        _state: dict[str, Any]
        _request: Request | None

    def __init__(self, source: Source) -> None:
        self._source = source

    @property
    def id(self) -> str:
        """The invocation's id."""
        return self._source[4]

    @property
    def function(self) -> Function:
        """The function: its name, trigger, bindings with their properties, route, methods and auth level."""
        return self._source[0]

    @property
    def trigger(self) -> str:
        """The type of the function's trigger, such as ``queueTrigger``."""
        return self._source[0].trigger.type

    @property
    def args(self) -> dict[str, Any]:
        """The arguments of the call by name, the same object as ``func_args``."""
        return self._source[2]

    @property
    def attempt(self) -> int:
        """Which attempt this is under the function's retry policy: 1 for the first."""
        return 1 + int(getattr(self._source[3], "retry_count", None) or 0)

    @property
    def max_attempts(self) -> int | None:
        """The number of attempts that the function's retry policy allows: 1 without a policy; None for no limit."""
        retries = int(getattr(self._source[3], "max_retry_count", None) or 0)
        return None if retries < 0 else 1 + retries

    @property
    def is_replay(self) -> bool:
        """Whether the function runs again over steps that it has done, as an orchestrator does from its second turn on.

        A provider says so with an attribute ``is_replay`` of what it passes to ``invoke``. Hooks run once for a turn.
        """
        return getattr(self._source[1], "is_replay", False) is True

    @property
    def dequeue_count(self) -> int | None:
        """How often the message of a queue has been delivered, this time included; None where that is not known.

        In Azure's worker it is known where the function takes the message as an object of the SDK.
        """
        function, data, args, _, _ = self._source
        for message in (args.get(function.trigger.name), data):
            for name in ("dequeue_count", "delivery_count"):
                count = getattr(message, name, None)
                if isinstance(count, int):
                    return count
        return None

    @property
    def enqueued_at(self) -> datetime | None:
        """When the message that triggers the function was sent, with a time zone; None where that is not known.

        Of a batch it is the time of the first message. In Azure's worker it is known where the function takes the
        message as an object of the SDK.
        """
        function, data, args, _, _ = self._source
        for value in (args.get(function.trigger.name), data):
            message = value[0] if isinstance(value, list) and value else value
            for name in ("insertion_time", "enqueued_time_utc", "enqueued_time", "event_time"):
                time = getattr(message, name, None)
                if isinstance(time, datetime):
                    return time if time.tzinfo else time.replace(tzinfo=UTC)
        return None

    @property
    def state(self) -> dict[str, Any]:
        """What extensions and the function keep for this invocation, by names of their own."""
        try:
            return self._state
        except AttributeError:
            self._state = {}
            return self._state

    @property
    def principal(self) -> Any:
        """Who calls, as an extension that authenticates callers has set it; None if none has."""
        return getattr(self, "_principal", None)

    @principal.setter
    def principal(self, value: Any) -> None:
        """Say who calls, for later hooks and the function."""
        self._principal = value

    @property
    def request(self) -> Request | None:
        """The HTTP request; None if the function is not triggered by HTTP.

        Raises:
            ExtensionError: an extension has replaced the argument with an object that is not a request.
        """
        try:
            return self._request
        except AttributeError:
            self._request = self._make_request()
            return self._request

    @property
    def caller_request(self) -> Request | None:
        """The HTTP request of the caller who waits for the result; None if there is none.

        It is ``request`` of an HTTP function, and for another one the request that brought the call, as for a tool of
        an MCP server. A guard that checks who calls reads it.

        Raises:
            ExtensionError: as for ``request``.
        """
        function, data, _, _, _ = self._source
        carrier = getattr(data, "caller_request", None) if function.trigger.name and self.request is None else None
        return self.request if carrier is None else Request(carrier, function, getattr(data, "scope", None))

    def _make_request(self) -> Request | None:
        function, data, args, _, _ = self._source
        trigger = function.trigger
        if trigger.name and trigger.type.lower() != "httptrigger":
            return None
        argument = args.get(trigger.name)
        if not trigger.name:  # a v1 function in Azure's worker without a known function.json
            argument = next(filter(_is_request, args.values()), None)
            if argument is None:
                return None
        if not _is_request(argument):
            raise ExtensionError(
                f"argument '{function.trigger.name}' of function '{function.name}' is not an HTTP request but a value "
                f"of type '{type_name(argument, is_qualified=False)}'",
                remedy="Keep the request in func_args, or read invocation.request before you replace it.",
            )
        return Request(argument, function, getattr(data, "scope", None))

    def respond(
        self,
        status: int,
        body: bytes | str = b"",
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        media_type: str | None = None,
    ) -> Any:
        """Return an HTTP response of the kind that this function returns, for ``hosting.ShortCircuit``.

        It is an ``azure.functions.HttpResponse``, or a response of the app's web extension. Where the response is an
        output parameter of the function, it sets that parameter, and returns None. Where another caller waits, such as
        that of an MCP tool, it is an ``azure.functions.HttpResponse``, which the trigger's package sends in its way.

        Args:
            status: the status code.
            body: the body; text is encoded as UTF-8.
            headers: names and values; a name may come several times.
            media_type: the content type (default: plain text for a ``str``, else ``application/octet-stream``). A
                ``content-type`` in ``headers`` comes first.

        Raises:
            ExtensionError: no caller waits for a response, or the function has no HTTP output; or the status is not a
                number from 200 to 599, of which some kinds of responses would make a 200.
        """
        function, _, args, _, _ = self._source
        _check_status(function, status)
        request = self.caller_request
        if request is None:
            raise ExtensionError(
                f"respond: function '{function.name}' has a '{self.trigger}' and gives no HTTP response",
                remedy="Call it only where invocation.caller_request is not None; elsewhere raise an exception.",
            )
        output = next((one.name for one in function.bindings if one.is_http_output), None)
        if output is None and function.trigger.name and self.request is not None:
            raise ExtensionError(
                f"respond: function '{function.name}' has no HTTP output, so its caller always gets an empty response",
                remedy="Add an output of type 'http' to the function.",
            )
        make = _stream_response if request._is_stream else _classic_response
        pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
        response = make(status, body, pairs, _media_type(body, pairs, media_type))
        if output in (None, "$return"):
            return response
        args[output].set(response)
        return None

    def __repr__(self) -> str:
        return f"<Invocation {self.id} of {self.function.name}>"


def invocation_of(context: Any, function: Function, args: dict[str, Any]) -> Invocation:
    """Return the invocation that a context belongs to; make it if nothing has read it before.

    Args:
        context: the invocation's context. ``_hosting_invocation`` is the invocation, or its ``Source``.
        function: the function, for a context that another host has made.
        args: the arguments of the call, likewise.
    """
    try:
        known = context._hosting_invocation
    except AttributeError:
        return _of_foreign(context, function, args)
    if type(known) is tuple:
        invocation = _new(Invocation)  # without __init__: hooks of every invocation may wait for it
        invocation._source = known
        context._hosting_invocation = invocation
        return invocation
    return known if type(known) is Invocation else _of_foreign(context, function, args)


_new = object.__new__


def _of_foreign(context: Any, function: Function, args: dict[str, Any]) -> Invocation:
    retry, invocation_id = (getattr(context, name, None) for name in ("retry_context", "invocation_id"))
    invocation = Invocation((function, None, args, retry, invocation_id or ""))
    with suppress(Exception):  # the object of a test may refuse it
        context._hosting_invocation = invocation
    return invocation


def _is_request(argument: Any) -> bool:
    return _is_stream(argument) or (hasattr(argument, "get_body") and hasattr(argument, "route_params"))


def _is_stream(argument: Any) -> bool:
    return hasattr(argument, "scope") and hasattr(argument, "stream")


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _check_status(function: Function, status: object) -> None:
    if not isinstance(status, int) or isinstance(status, bool) or not 200 <= status <= 599:
        raise ExtensionError(
            f"respond: the status for function '{function.name}' is {as_repr(status)}",
            remedy="Pass a number from 200 to 599.",
        )


def _media_type(body: bytes | str, headers: Iterable[tuple[str, str]], media_type: str | None) -> str | None:
    """Return the content type that is not among the headers."""
    if any(name.lower() == "content-type" for name, _ in headers):
        return None
    return media_type or ("text/plain" if isinstance(body, str) or not body else "application/octet-stream")


def _classic_response(status: int, body: bytes | str, headers: list[tuple[str, str]], media_type: str | None) -> Any:
    from azure.functions import HttpResponse  # heavy: only an answer needs it

    response = HttpResponse(body, status_code=status, mimetype=media_type)
    for name, value in headers:
        response.headers.add(name, value)
    return response


def _stream_response(status: int, body: bytes | str, headers: list[tuple[str, str]], media_type: str | None) -> Any:
    response_class: Any = importlib.import_module("starlette.responses").Response
    response = response_class(body, status_code=status, media_type=media_type)
    for name, value in headers:
        response.headers.append(name, value)
    return response
