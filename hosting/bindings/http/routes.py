"""Which function a request goes to: routes tried in the order of the functions' names, as Azure's host does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

from hosting.bindings.http.template import Parameter, Segment, Template

Target = TypeVar("Target")
RESERVED = ("admin", "runtime")
NO_VALUES: Mapping[str, str] = {}


class Route(NamedTuple, Generic[Target]):
    """One function's route; ``methods`` in upper case, None for every method."""

    function: str
    route: str
    template: Template
    methods: frozenset[str] | None
    target: Target

    def allows(self, method: str) -> bool:
        return self.methods is None or method in self.methods


class Router(Generic[Target]):
    """Routes in the order they are tried; frozen once made.

    A path without parameters is looked up instead of tried, unless a route with parameters that comes first could
    take it.
    """

    def __init__(self, routes: Sequence[Route[Target]] = ()) -> None:
        self.routes = tuple(routes)
        self._direct: dict[str, Route[Target]] = {}
        for place, route in enumerate(self.routes):
            literal = route.template.literal
            if literal is not None and not any(_could_take(before, literal) for before in self.routes[:place]):
                # The two spellings that clients use; any other one is found by trying.
                self._direct.setdefault(literal, route)
                self._direct.setdefault(literal.lower(), route)

    def match(self, method: str, path: str) -> tuple[Route[Target], Mapping[str, str]] | None:
        """The first route that takes ``method`` and ``path``, with the values of its parameters.

        A HEAD request that no route takes goes to the first that takes GET; Azure's host refuses it.
        """
        route = self._direct.get(path)
        if route is not None and route.allows(method):
            return route, NO_VALUES
        found = self._first(method, path)
        if found is None and method == "HEAD":
            return self._first("GET", path)
        return found

    def _first(self, method: str, path: str) -> tuple[Route[Target], Mapping[str, str]] | None:
        for route in self.routes:
            if route.allows(method):
                values = route.template.match(path)
                if values is not None:
                    return route, values
        return None


def _could_take(route: Route[Target], path: str) -> bool:
    return route.template.pattern.fullmatch(path) is not None


def is_reserved(route: str) -> bool:
    """Whether Azure's host refuses the route because it begins like one of its own."""
    return route.lower().strip("/").startswith(RESERVED)


def is_same_route(first: Route[Target], second: Route[Target]) -> bool:
    """Whether two functions declare one route for a common method; names of parameters count."""
    alike = first.route.lower().strip("/") == second.route.lower().strip("/")
    return alike and _share_method(first, second)


def overlapping_routes(routes: Sequence[Route[Target]]) -> Iterator[tuple[Route[Target], Route[Target]]]:
    """Pairs of routes that a single request could match both, the one that is tried first in front."""
    for place, first in enumerate(routes):
        for second in routes[place + 1 :]:
            if _share_method(first, second) and _meet(first.template.segments, second.template.segments):
                yield first, second


def _share_method(first: Route[Target], second: Route[Target]) -> bool:
    return first.methods is None or second.methods is None or bool(first.methods & second.methods)


def _meet(first: Sequence[Segment], second: Sequence[Segment]) -> bool:
    if not first or not second:
        return all(_can_be_absent(segment) for segment in (*first, *second))
    if _catch_all(first[0]) or _catch_all(second[0]):
        return True
    if _segments_meet(first[0], second[0]) and _meet(first[1:], second[1:]):
        return True
    return (_can_be_absent(first[0]) and _meet((), second)) or (_can_be_absent(second[0]) and _meet(first, ()))


def _segments_meet(first: Segment, second: Segment) -> bool:
    one, other = first[0], second[0]
    if len(first) > 1 or len(second) > 1:
        return first == second
    if isinstance(one, str):
        return one.lower() == other.lower() if isinstance(other, str) else other.accepts(one)
    if isinstance(other, str):
        return one.accepts(other)
    return not one.checks or not other.checks or one.constraints == other.constraints


def _can_be_absent(segment: Segment) -> bool:
    return len(segment) == 1 and isinstance(segment[0], Parameter) and segment[0].can_be_absent


def _catch_all(segment: Segment) -> bool:
    return isinstance(segment[0], Parameter) and segment[0].catch_all
