"""Routing: the order of names, methods, HEAD, conflicts and overlaps."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.bindings.http.provider import full_route
from hosting.bindings.http.routes import Route, Router, is_reserved, is_same_route, overlapping_routes
from hosting.bindings.http.template import parse


def route(function: str, text: str, *methods: str) -> Route[None]:
    return Route(function, text, parse(text), frozenset(methods) or None, None)


def answered_by(router: Router[None], method: str, path: str) -> str | None:
    match = router.match(method, path)
    return match[0].function if match else None


def test_route_of_the_first_name_wins() -> None:
    """A parameter wins over a literal if its function's name comes first: there is no scoring."""
    router = Router([route("A", "items/{id}"), route("B", "items/special")])
    assert answered_by(router, "GET", "/items/special") == "A"


def test_literal_route_of_the_first_name_wins() -> None:
    """Its case does not matter; other paths go to the parameter."""
    router = Router([route("A", "items/Special"), route("B", "items/{id}")])
    assert answered_by(router, "GET", "/items/special") == "A"
    assert answered_by(router, "GET", "/ITEMS/SPECIAL/") == "A"
    assert answered_by(router, "GET", "/items/other") == "B"


def test_wrong_method_continues_with_the_next_route() -> None:
    """If no other route has the method, there is no match."""
    router = Router([route("A", "items", "GET"), route("B", "items", "POST"), route("C", "other", "GET")])
    assert answered_by(router, "POST", "/items") == "B"
    assert answered_by(router, "DELETE", "/items") is None
    assert answered_by(router, "POST", "/other") is None


def test_head_matches_a_route_for_head_or_else_for_get() -> None:
    """The first route for GET is used."""
    router = Router([route("A", "items", "GET"), route("B", "{x}", "HEAD"), route("C", "other/y", "GET")])
    assert answered_by(router, "HEAD", "/items") == "B"
    assert answered_by(router, "HEAD", "/other/y") == "C"


@pytest.mark.parametrize("text", ["admin", "/Admin/x", "administrators", "runtime", "runtimes/x"])
def test_route_that_begins_like_one_of_the_host_is_reserved(text: str) -> None:
    """Azure's host rejects it."""
    assert is_reserved(text)


def test_reserved_words_are_allowed_elsewhere_in_a_route() -> None:
    """Only the beginning counts."""
    assert not is_reserved("my/admin")


def test_same_route_ignores_case_and_outer_slashes() -> None:
    """Two functions conflict if they share a method too."""
    assert is_same_route(route("A", "x/{a}", "GET"), route("B", "/X/{A}/", "GET", "POST"))
    assert not is_same_route(route("A", "x", "GET"), route("B", "x", "POST"))
    assert not is_same_route(route("A", "x/{a}"), route("B", "x/{b}"))


@pytest.mark.parametrize(
    ("first", "second", "meet"),
    [
        ("items/{id}", "items/special", True),
        ("items/{id:int}", "items/special", False),
        ("items/{id:int}", "items/5", True),
        ("{*rest}", "items/5", True),
        ("items/{a?}", "items", True),
        ("items/{a}", "items", False),
        ("items/{a:int}", "items/{b:alpha}", False),
        ("items/{a}", "items/{b}", True),
        ("items/{a}", "things/{b}", False),
        ("a/b", "a/b/c", False),
    ],
)
def test_routes_overlap_if_a_path_can_match_both(first: str, second: str, meet: bool) -> None:
    """The pairs are in the order of the routes."""
    assert bool(list(overlapping_routes([route("A", first), route("B", second)]))) is meet


@pytest.mark.parametrize(
    ("first", "second", "warned"),
    [
        ("items/special", "items/{id}", False),
        ("items/special", "{*rest}", False),
        ("items/special", "ITEMS/{*rest}", False),
        ("items/{id}", "{*rest}", False),
        ("items/{id:int}", "items/{id}", False),
        ("items/{id:int}", "items/{id?}", False),
        ("items/{a}/{b}", "items/{a}/{b?}", False),
        ("items/{name}.png", "items/{file}", False),
        ("GET items/{a}", "items/{b}", False),
        ("GET items/{a}", "GET,POST items/{b}", False),
        ("GET items/{a}", "POST items/{b}", False),
        ("POST {*rest}", "GET items", False),
        ("{*rest}", "items/special", True),
        ("{*rest}", "items/{id}", True),
        ("items/{id}", "items/{id:int}", True),
        ("items/{id?}", "items", True),
        ("items/{a}", "items/{b}", True),
        ("items/{a}", "GET items/{b}", True),
        ("GET,POST items/{a}", "POST,PUT items/{b}", True),
        ("items/{a?}", "items/{b}", True),
        ("{a}/new", "items/{b}", True),
        ("{*a}", "{*b}", True),
        ("{*rest}", "", True),
        ("GET {*rest}", "GET,POST items", True),
    ],
)
def test_overlap_is_reported_unless_the_more_specific_route_is_tried_first(
    first: str, second: str, warned: bool
) -> None:
    """Then each route has the requests that its author expects."""
    routes = []
    for name, text in (("A", first), ("B", second)):
        methods, _, path = text.rpartition(" ")
        routes.append(route(name, path, *(methods.split(",") if methods else ())))
    assert bool(list(overlapping_routes(routes))) is warned


PATHS = st.lists(st.sampled_from(["a", "B", "1", "zz"]), max_size=3)
TEMPLATES = st.lists(st.sampled_from(["a", "b", "{}", "{}", "{:int}", "1", "{?}", "{*}"]), max_size=3)


def _template(pieces: list[str]) -> str:
    """Return a route with the names of its parameters filled in; what must come last stands there."""
    ends = [one for one in pieces if one in ("{?}", "{*}")][:1]
    ordered = [one for one in pieces if one not in ("{?}", "{*}")] + ends
    names = {"{}": "{p%d}", "{:int}": "{p%d:int}", "{?}": "{p%d?}", "{*}": "{*p%d}"}
    return "/".join(names[one] % index if one in names else one for index, one in enumerate(ordered))


@given(TEMPLATES, TEMPLATES, PATHS)
def test_pair_that_is_not_reported_has_no_request_that_the_broader_route_takes_away(
    first: list[str], second: list[str], path: list[str]
) -> None:
    """If the routes have a path in common and are not reported, the second one matches all paths of the first."""
    one, other = route("A", _template(first)), route("B", _template(second))
    url = "/" + "/".join(path)
    if one.template.match(url) is not None and not list(overlapping_routes([one, other])):
        assert other.template.match(url) is not None or not _have_common_path(one, other)


def _have_common_path(one: Route[None], other: Route[None]) -> bool:
    tried = itertools.chain.from_iterable(itertools.product(("a", "b", "1", "zz"), repeat=size) for size in range(4))
    urls = ["/" + "/".join(pieces) for pieces in tried]
    return any(one.template.match(url) is not None and other.template.match(url) is not None for url in urls)


SEGMENTS = st.sampled_from(["a", "b", "{x}", "{x?}", "{x:int}", "1"])


@given(
    st.lists(st.tuples(SEGMENTS, SEGMENTS, st.sampled_from([(), ("GET",), ("POST",)])), max_size=5),
    st.lists(st.sampled_from(["a", "B", "1", "zz"]), min_size=1, max_size=3),
    st.sampled_from(["GET", "POST"]),
)
def test_lookup_has_the_same_result_as_trying_each_route(
    given_routes: list[tuple[str, str, tuple[str, ...]]], path: list[str], method: str
) -> None:
    """The table of literal routes is only an optimization."""
    routes = []
    for number, (first, second, methods) in enumerate(given_routes):
        routes.append(route(str(number), f"{first}/{second.replace('x', 'y')}", *methods))
    url = "/" + "/".join(path)
    expected = next((r.function for r in routes if r.allows(method) and r.template.match(url) is not None), None)
    assert answered_by(Router(routes), method, url) == expected


@pytest.mark.parametrize(
    ("prefix", "text", "shown"),
    [("api", "a/{id}", "api/a/{id}"), ("", "a", "a"), ("", "/", ""), ("", "/a/", "a/"), ("api", "/a", "api/a")],
)
def test_full_route_has_one_slash_after_the_prefix(prefix: str, text: str, shown: str) -> None:
    """It does not matter where the app has slashes."""
    assert full_route(route("F", text), prefix) == shown
