"""Which function answers: order of names, methods, HEAD, conflicts and overlaps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.bindings.http.provider import full_route
from hosting.bindings.http.routes import Route, Router, is_reserved, is_same_route, overlapping_routes
from hosting.bindings.http.template import parse


def route(function: str, text: str, *methods: str) -> Route[None]:
    return Route(function, text, parse(text), frozenset(methods) or None, None)


def answered_by(router: Router[None], method: str, path: str) -> str | None:
    found = router.match(method, path)
    return found[0].function if found else None


def test_first_route_wins() -> None:
    """A parameter beats a literal when its function's name comes first: there is no scoring."""
    router = Router([route("A", "items/{id}"), route("B", "items/special")])
    assert answered_by(router, "GET", "/items/special") == "A"


def test_literal_first() -> None:
    """A literal whose function comes first wins, whatever its case; the rest goes to the parameter."""
    router = Router([route("A", "items/Special"), route("B", "items/{id}")])
    assert answered_by(router, "GET", "/items/special") == "A"
    assert answered_by(router, "GET", "/ITEMS/SPECIAL/") == "A"
    assert answered_by(router, "GET", "/items/other") == "B"


def test_method_is_part_of_the_route() -> None:
    """A wrong method goes on to the next route that takes it, or to none."""
    router = Router([route("A", "items", "GET"), route("B", "items", "POST"), route("C", "other", "GET")])
    assert answered_by(router, "POST", "/items") == "B"
    assert answered_by(router, "DELETE", "/items") is None
    assert answered_by(router, "POST", "/other") is None


def test_head() -> None:
    """HEAD goes to a route that lists it, else to the first that takes GET."""
    router = Router([route("A", "items", "GET"), route("B", "{x}", "HEAD"), route("C", "other/y", "GET")])
    assert answered_by(router, "HEAD", "/items") == "B"
    assert answered_by(router, "HEAD", "/other/y") == "C"


@pytest.mark.parametrize("text", ["admin", "/Admin/x", "administrators", "runtime", "runtimes/x"])
def test_reserved(text: str) -> None:
    """Whatever begins like a route of the host itself is refused, as in Azure's host."""
    assert is_reserved(text)


def test_not_reserved() -> None:
    """The words may stand anywhere else."""
    assert not is_reserved("my/admin")


def test_same_route() -> None:
    """Two functions conflict when the route is the same, ignoring case and outer slashes, and a method is shared."""
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
def test_overlaps(first: str, second: str, meet: bool) -> None:
    """Two routes overlap when one path can match both."""
    assert bool(list(overlapping_routes([route("A", first), route("B", second)]))) is meet


SEGMENTS = st.sampled_from(["a", "b", "{x}", "{x?}", "{x:int}", "1"])


@given(
    st.lists(st.tuples(SEGMENTS, SEGMENTS, st.sampled_from([(), ("GET",), ("POST",)])), max_size=5),
    st.lists(st.sampled_from(["a", "B", "1", "zz"]), min_size=1, max_size=3),
    st.sampled_from(["GET", "POST"]),
)
def test_lookup_equals_search(
    given_routes: list[tuple[str, str, tuple[str, ...]]], path: list[str], method: str
) -> None:
    """The table of literal routes never answers differently from trying the routes one by one."""
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
def test_path_that_is_printed(prefix: str, text: str, shown: str) -> None:
    """A person reads one slash between prefix and route, wherever the author wrote one."""
    assert full_route(route("F", text), prefix) == shown
