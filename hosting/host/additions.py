"""Functions that extensions add in ``prepare``: checked against those of the app, so that none of these is affected."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from hosting.app_handle import AddedRoute, SharedApp
from hosting.apps.added import copy_blueprint, routes_blueprint
from hosting.apps.host_json import apply_host_json
from hosting.bindings.http.routes import is_reserved
from hosting.bindings.http.template import parse
from hosting.core import Addition, Function, Problem
from hosting.errors import ExtensionError, HostingError
from hosting.extensions import Extension

_PARAMETER = re.compile(r"\{(\*{0,2})[^{}:=?]*")

ReadBlueprint = Callable[[Any, "str | None"], list[Function]]
"""Reads the functions of a Blueprint, which comes from a file."""


class Additions:
    """The functions of an app while the ``prepare`` hooks run.

    Args:
        app: what extensions see of the app.
        functions: the functions of the app itself.
        in_error: its functions with an invalid definition.
        read: reads the functions of a Blueprint.
        register: called with each Blueprint that is accepted.
    """

    def __init__(
        self,
        app: SharedApp,
        functions: Sequence[Function],
        in_error: Sequence[Function],
        read: ReadBlueprint,
        register: Callable[[Any], None] = lambda _blueprint: None,
    ) -> None:
        self.app = app
        self.added: dict[str, Function] = {}
        """The functions that extensions have added, by name in lower case."""
        self._own = functions
        self._read = read
        self._register = register
        self.app.list_functions = lambda: [*functions, *in_error, *self.added.values()]

    @property
    def functions(self) -> Sequence[Function]:
        """The functions, with those that extensions have added so far."""
        return [*self._own, *self.added.values()]

    def accept(self, extension: Extension, returned: Any) -> None:
        """Add the routes and the Blueprint of one extension, or none of them.

        Raises:
            ExtensionError: one of the functions is not valid, or has the name or the route of another one.
        """
        routes = self.app.close_routes(extension.name)
        if routes is None:  # it has returned after the end of its time
            return
        _check_returned(extension, returned)
        if returned is None and not routes:
            return
        if "routes" not in self.app.capabilities:
            self.app.problems.append(_not_possible(extension, routes))
            return
        blueprints = [routes_blueprint(routes)] if routes else []
        blueprints += [] if returned is None else [copy_blueprint(returned)]
        functions = self._read_all(extension, blueprints)
        self._mark(extension, functions, routes)
        self._check(extension, functions)
        for blueprint in blueprints:
            self._register(blueprint)
        self.added.update((function.name.lower(), function) for function in functions)

    def _read_all(self, extension: Extension, blueprints: Iterable[Any]) -> list[Function]:
        try:
            return [function for blueprint in blueprints for function in self._read(blueprint, extension.file)]
        except HostingError as error:
            raise ExtensionError(
                f"a function that extension '{extension.name}' adds is not valid: {error.message}",
                remedy=error.remedy,
                file=error.file,
                line=error.line,
            ) from error

    def _mark(self, extension: Extension, functions: Collection[Function], routes: Iterable[AddedRoute]) -> None:
        """Note which extension has added the functions, and how."""
        can_be_outside = "outside_prefix" in self.app.capabilities
        by_name = {route.name.lower(): route for route in routes}
        apply_host_json(self.app.host_json, functions)
        for function in functions:
            route = by_name.get(function.name.lower())
            is_outside = route is not None and route.outside_prefix
            if is_outside and not can_be_outside:
                self.app.problems.append(_below_prefix(extension, function))
            function.addition = Addition(
                extension.name, is_outside and can_be_outside, route is not None and route.is_open
            )

    def _check(self, extension: Extension, functions: Iterable[Function]) -> None:
        known = list(self.app.list_functions())
        for function in functions:
            reason = _clash(function, known) or _route_fault(function)
            if reason:
                raise ExtensionError(
                    f"function '{function.name}' of extension '{extension.name}' cannot be added: {reason}",
                    remedy="Choose another name or route in the extension's 'prepare'.",
                    file=function.file,
                )
            known.append(function)


def _check_returned(extension: Extension, returned: Any) -> None:
    is_blueprint = hasattr(returned, "_function_builders") and not hasattr(returned, "get_functions")
    if returned is not None and not is_blueprint:
        raise ExtensionError(
            f"'prepare' of extension '{extension.name}' returned an object of type {type(returned).__name__}",
            remedy="Return an azure.functions.Blueprint, or None.",
        )


def _clash(one: Function, others: Iterable[Function]) -> str:
    """Return why a function cannot be added to others: its name or its route is taken; empty if it can."""
    for other in others:
        by = f", which extension '{other.added_by}' has added" if other.added_by else f" in {other.file}"
        if other.name.lower() == one.name.lower():
            return f"the name '{one.name}' belongs to function '{other.name}'{by}"
        if _is_same_route(one, other):
            return f"the route '{one.route}' belongs to function '{other.name}'{by}"
    return ""


def _is_same_route(one: Function, other: Function) -> bool:
    if one.route is None or other.route is None or _shape(one.route) != _shape(other.route):
        return False
    return not one.methods or not other.methods or not set(one.methods).isdisjoint(other.methods)


def _shape(route: str) -> str:
    """Return a route without the names of its parameters, which do not tell requests apart."""
    return _PARAMETER.sub(r"{\1", route.strip("/").lower())


def _route_fault(function: Function) -> str:
    """Return what is wrong with the route of a function; empty if nothing is."""
    if function.route is None:
        return ""
    try:
        parse(function.route)
    except ValueError as error:
        return f"the route '{function.route}' cannot be used: {error}"
    own = str(function.trigger.get("route") or "")
    return f"the route '{own}' begins with a path of the host, 'admin' or 'runtime'" if is_reserved(own) else ""


def _not_possible(extension: Extension, routes: Sequence[AddedRoute]) -> Problem:
    paths = ", ".join(f"'{route.path}'" for route in routes)
    what = f"its routes {paths} are not served" if routes else "the functions of its Blueprint are not added"
    return Problem(
        "error",
        f"Extension '{extension.name}' ({extension.origin}): {what}: "
        "in Azure, functions can be added to an app of the v2 model only, if that is extended as a whole.",
        "Write app = hosting.extend(func.FunctionApp()); the extension can look for 'routes' in app.capabilities.",
        extension.file,
        extension=extension.name,
    )


def _below_prefix(extension: Extension, function: Function) -> Problem:
    return Problem(
        "warning",
        f"Extension '{extension.name}' ({extension.origin}): the route of its function '{function.name}' is below the "
        "prefix of routes, because Azure's host has no others.",
        "The extension can look for 'outside_prefix' in app.capabilities.",
        extension.file,
        extension=extension.name,
    )
