"""Routing of requests to functions: routes are tried in the order of the functions' names, as in Azure's host."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

from hosting.bindings.http.template import Parameter, Segment, Template

Target = TypeVar("Target")
RESERVED = ("admin", "runtime")
NO_VALUES: Mapping[str, str] = {}


class Route(NamedTuple, Generic[Target]):
    """The route of one function."""

    function: str
    """The function's name."""
    route: str
    """The route without its prefix, as the function declares it."""
    template: Template
    """The parsed route with its prefix."""
    methods: frozenset[str] | None
    """The methods in capitals; None for every method."""
    target: Target
    """The function's trigger."""
    has_prefix: bool = True
    """Whether the app's prefix of routes precedes it."""

    def allows(self, method: str) -> bool:
        """Return whether the route has a method, which is in capitals."""
        return self.methods is None or method in self.methods


class Router(Generic[Target]):
    """Finds the route of a request; the routes do not change.

    A route without parameters is found by a lookup, unless an earlier route with parameters could match its path.

    Args:
        routes: the routes, in the order in which they are tried.
    """

    def __init__(self, routes: Sequence[Route[Target]] = ()) -> None:
        self.routes = tuple(routes)
        self._direct: dict[str, Route[Target]] = {}
        for index, route in enumerate(self.routes):
            literal = route.template.literal
            if literal is not None and not any(_may_match(before, literal) for before in self.routes[:index]):
                # The two spellings that clients use; others are found by trying each route.
                self._direct.setdefault(literal, route)
                self._direct.setdefault(literal.lower(), route)

    def match(self, method: str, path: str) -> tuple[Route[Target], Mapping[str, str]] | None:
        """Return the first route that matches, with the values of its parameters; None if no route matches.

        A HEAD request without a matching route gets the first route for GET; Azure's host rejects it.

        Args:
            method: the request's method, in capitals.
            path: the decoded path, with its leading slash.
        """
        route = self._direct.get(path)
        if route is not None and route.allows(method):
            return route, NO_VALUES
        match = self._first(method, path)
        if match is None and method == "HEAD":
            return self._first("GET", path)
        return match

    def _first(self, method: str, path: str) -> tuple[Route[Target], Mapping[str, str]] | None:
        for route in self.routes:
            if route.allows(method):
                values = route.template.match(path)
                if values is not None:
                    return route, values
        return None


def _may_match(route: Route[Target], path: str) -> bool:
    return route.template.pattern.fullmatch(path) is not None


def is_reserved(route: str) -> bool:
    """Return whether Azure's host rejects a route because it begins like one of the host's own."""
    return route.lower().strip("/").startswith(RESERVED)


def is_same_route(first: Route[Target], second: Route[Target]) -> bool:
    """Return whether two functions have the same route, including the parameters' names, and a method in common."""
    alike = first.route.lower().strip("/") == second.route.lower().strip("/")
    return alike and first.has_prefix == second.has_prefix and _share_method(first, second)


def overlapping_routes(routes: Sequence[Route[Target]]) -> Iterator[tuple[Route[Target], Route[Target]]]:
    """Yield each pair of routes that can match the same request, in the order in which they are tried.

    A pair whose first route is the more specific one is left out: it is tried first, and the second one has the rest.
    """
    for index, first in enumerate(routes):
        for second in routes[index + 1 :]:
            overlap = _share_method(first, second) and _overlap(first.template.segments, second.template.segments)
            if overlap and not _is_more_specific(first, second):
                yield first, second


def _is_more_specific(first: Route[Target], second: Route[Target]) -> bool:
    """Return whether a route has fewer paths than another one that has them all, or the same with fewer methods."""
    one, other = first.template.segments, second.template.segments
    if not _covers(other, one):
        return False
    return not _covers(one, other) or _has_fewer_methods(first, second)


def _has_fewer_methods(first: Route[Target], second: Route[Target]) -> bool:
    return first.methods is not None and (second.methods is None or first.methods < second.methods)


def _covers(general: Sequence[Segment], specific: Sequence[Segment]) -> bool:
    """Return whether each path that matches ``specific`` matches ``general``; constraints are compared by their text.

    It may return False for two segments of several parts although one covers the other.
    """
    if general and _is_catch_all(general[0]):
        return _has_no_checks(general[0]) or general == specific
    if not general or not specific:
        return not specific and all(map(_can_be_absent, general))
    if _is_catch_all(specific[0]) or (_can_be_absent(specific[0]) and not _covers(general, ())):
        return False
    return _segment_covers(general[0], specific[0]) and _covers(general[1:], specific[1:])


def _segment_covers(general: Segment, specific: Segment) -> bool:
    one, other = general[0], specific[0]
    if len(general) > 1 or len(specific) > 1:
        return general == specific or (len(general) == 1 and _has_no_checks(general))
    if isinstance(other, str):
        return one.accepts(other) if isinstance(one, Parameter) else one.lower() == other.lower()
    return isinstance(one, Parameter) and (not one.checks or one.constraints == other.constraints)


def _has_no_checks(segment: Segment) -> bool:
    return isinstance(segment[0], Parameter) and not segment[0].checks


def _share_method(first: Route[Target], second: Route[Target]) -> bool:
    return first.methods is None or second.methods is None or bool(first.methods & second.methods)


def _overlap(first: Sequence[Segment], second: Sequence[Segment]) -> bool:
    """Return whether a path can match both sequences of segments."""
    if not first or not second:
        return all(_can_be_absent(segment) for segment in (*first, *second))
    if _is_catch_all(first[0]) or _is_catch_all(second[0]):
        return True
    if _segments_overlap(first[0], second[0]) and _overlap(first[1:], second[1:]):
        return True
    return (_can_be_absent(first[0]) and _overlap((), second)) or (_can_be_absent(second[0]) and _overlap(first, ()))


def _segments_overlap(first: Segment, second: Segment) -> bool:
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


def _is_catch_all(segment: Segment) -> bool:
    return isinstance(segment[0], Parameter) and segment[0].catch_all
