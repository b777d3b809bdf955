"""Functions that extensions add to an app: routes and Blueprints, read as functions of the app itself are."""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from hosting._author_line import defined_at, show_as
from hosting._invocation import Invocation
from hosting.app_handle import AddedRoute
from hosting.apps.expansion import disable_functions
from hosting.apps.load import new_reader
from hosting.apps.v2 import read_functions
from hosting.apps.web import classic_requests, settle_request_types, takes_classic_requests
from hosting.authoring import user_function
from hosting.core import Function
from hosting.errors import HostingError


class BlueprintReader:
    """Reads the functions of Blueprints as those of an app.

    Args:
        root: the app's folder.
        environ: the environment with the app settings.
        host_json: the content of host.json.
        own: the functions of the app itself, which show what requests it takes.
        auth_level: the level of HTTP functions that have none; None for the SDK's default.
    """

    def __init__(
        self,
        root: Path,
        environ: Mapping[str, str],
        host_json: Mapping[str, Any],
        own: Sequence[Function],
        auth_level: Any = None,
    ) -> None:
        self._root, self._environ, self._host_json, self._auth_level = root, environ, host_json, auth_level
        self._is_classic = takes_classic_requests(own)

    def read(self, blueprint: Any, file: str | None) -> list[Function]:
        """Return the functions of a Blueprint.

        Args:
            blueprint: the Blueprint.
            file: the file of the extension that it comes from, if it is known.

        Raises:
            HostingError: one of the functions is not valid, or the Blueprint has none.
        """
        from azure.functions import AuthLevel, FunctionApp  # heavy: only an extension that adds functions needs it

        app = FunctionApp(self._auth_level or AuthLevel.FUNCTION)
        app.register_functions(blueprint)
        reader = new_reader(self._root, self._environ, self._host_json)
        with classic_requests(app) if self._is_classic else nullcontext():
            found = read_functions(reader, app, Path(file or self._root))
            settle_request_types(reader.functions)
        if not found:
            raise HostingError(
                "the Blueprint has no functions", remedy="Decorate a function with @blueprint.route(...)."
            )
        if reader.failures:
            raise reader.failures[0]
        disable_functions(reader.functions, reader.settings)
        return reader.functions


def copy_blueprint(blueprint: Any) -> Any:
    """Return a Blueprint with the same functions: the SDK and the host write to its parts, which others may use."""
    copied = copy.copy(blueprint)
    # not iter(): a Blueprint that is extended replaces its functions while an app iterates over them
    copied._function_builders = [_copy_builder(one) for one in list.__iter__(blueprint._function_builders)]
    return copied


def _copy_builder(builder: Any) -> Any:
    call = user_function(builder)
    copied, keeps = copy.copy(builder), {id(builder._function._func): call}
    copied._function = copy.deepcopy(builder._function, keeps)
    return copied


def routes_blueprint(routes: Sequence[AddedRoute]) -> Any:
    """Return a Blueprint with a function for each route that an extension has added."""
    from azure.functions import AuthLevel, Blueprint  # heavy: only an extension that adds functions needs it

    blueprint = Blueprint()  # type: ignore[no-untyped-call]
    for route in routes:
        declare = blueprint.route(
            route=route.path, methods=route.methods, auth_level=AuthLevel(route.auth_level), trigger_arg_name="req"
        )
        blueprint.function_name(route.name)(declare(_function_of(route)))
    return blueprint


def _function_of(route: AddedRoute) -> Callable[..., Any]:
    """Return the function that calls a handler: with a parameter name that Azure's worker accepts.

    It has the handler's name, docstring, file and line.
    """
    handler = route.handler

    # Each is on one line, so that a traceback shows the line of the handler.
    # fmt: off
    def function(req, context): return _response(handler(context.invocation.request), context)  # type: ignore[no-untyped-def]
    async def async_function(req, context): return _response(await handler(context.invocation.request), context)  # type: ignore[no-untyped-def]
    # fmt: on
    is_async = _is_async(handler)
    placed: Callable[..., Any] = async_function if is_async else function
    placed.__name__ = placed.__qualname__ = getattr(handler, "__name__", route.name)
    placed.__doc__ = handler.__doc__
    placed.__module__ = getattr(handler, "__module__", None) or placed.__module__
    show_as(placed, placed.__name__, *defined_at(_innermost(handler)))
    return placed


def _response(value: Any, context: Any) -> Any:
    """Return what a handler has returned, in an app with a web extension as a response of that extension."""
    from azure.functions import HttpRequest, HttpResponse  # a function of an extension runs, so it is imported

    invocation: Invocation = context.invocation
    if not isinstance(value, str | HttpResponse) or isinstance(invocation.args.get("req"), HttpRequest):
        return value
    if isinstance(value, str):
        return invocation.respond(200, value)
    headers = [*value.headers.items()]
    return invocation.respond(
        value.status_code, value.get_body(), headers, f"{value.mimetype}; charset={value.charset}"
    )


def _is_async(handler: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(getattr(handler, "__call__", None))  # noqa: B004


def _innermost(handler: Any) -> Any:
    """Return the function inside of a partial, or the method that calls a callable object."""
    while isinstance(handler, functools.partial):
        handler = handler.func
    return handler if hasattr(inspect.unwrap(handler), "__code__") or inspect.ismethod(handler) else handler.__call__
