"""The same order on every machine, with a reason for each place, and circles that are shown and survived."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hosting
from hosting.errors import OrderCycleError
from hosting.extensions import ExtensionHost
from hosting.extensions._model import Extension, Hook
from hosting.extensions._ordering import Ordering
from tests.extensions.conftest import Start
from tests.support.invoking import ON, function, told
from tests.support.sites import PRE, Site, hook

MARKS: dict[str, dict[str, Any]] = {"first": {"tryfirst": True}, "last": {"trylast": True}, "": {}}


def extension(name: str, mark: str = "", *, before: Sequence[str] = (), after: Sequence[str] = ()) -> SimpleNamespace:
    """An extension with one pre hook and these wishes."""

    def pre_invocation_app_level() -> None:
        pass

    marked = hosting.hookimpl(**MARKS[mark])(pre_invocation_app_level)
    order = hosting.Order(before=tuple(before), after=tuple(after))
    return SimpleNamespace(pre_invocation_app_level=marked, order=order)


def line(extensions: Mapping[str, Any], order: Sequence[str] = ()) -> list[str]:
    """The names of those that run, in line."""
    return [entry["name"] for entry in entries(extensions, order) if entry["position"] is not None]


def reasons(extensions: Mapping[str, Any], order: Sequence[str] = ()) -> dict[str, str]:
    """Why each stands where it stands."""
    return {entry["name"]: entry["reason"] for entry in entries(extensions, order)}


def entries(extensions: Mapping[str, Any], order: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The diagnosis of these extensions."""
    host = ExtensionHost(environ=ON, section={"order": list(order)})
    for name, target in extensions.items():
        host.register(name, target)
    host.load([])
    found: list[dict[str, Any]] = host.diagnosis()["extensions"]
    return found


def f() -> None:
    """A function."""


def test_ties_break_by_name() -> None:
    """Where nobody asks for anything the name decides, ignoring case; not the order of installation."""
    extensions = {name: extension(name) for name in ("b", "C", "a")}
    assert line(extensions) == ["a", "b", "C"]
    assert reasons(extensions)["a"] == "by name"


def test_tryfirst_and_trylast() -> None:
    """Hooks with tryfirst go before, those with trylast after all others, by name among themselves."""
    marks = {"a": "last", "b": "", "c": "first", "d": "first", "e": "last"}
    extensions = {name: extension(name, mark) for name, mark in marks.items()}
    assert line(extensions) == ["c", "d", "b", "a", "e"]
    assert reasons(extensions)["c"] == "tryfirst, then by name"
    assert reasons(extensions)["e"] == "trylast, then by name"


def test_before_and_after() -> None:
    """What an extension declares beats tryfirst, trylast and names; the reason names the other one for both."""
    extensions = {
        "a": extension("a", "first", after=["m"]),
        "m": extension("m", "last"),
        "z": extension("z", before=["m"]),
    }
    assert line(extensions) == ["z", "m", "a"]
    assert reasons(extensions) == {
        "z": "before m, then by name",
        "m": "after z, before a, trylast, then by name",
        "a": "after m, tryfirst, then by name",
    }


def test_names_in_constraints_ignore_case() -> None:
    """A constraint finds its extension whatever the capitals."""
    assert line({"Otel": extension("Otel"), "b": extension("b", before=["OTEL"])}) == ["b", "Otel"]


def test_who_is_not_installed_is_ignored() -> None:
    """A constraint towards an extension that is not there, or does not run, has no effect and is no problem."""
    extensions = {"a": extension("a", after=["absent", "broken"], before=["nobody"]), "broken": object()}
    assert line(extensions) == ["a"]
    assert reasons(extensions)["a"] == "by name"


def test_host_json_has_the_last_word() -> None:
    """Names before '*' go first, those after it last, whatever the extensions want."""
    extensions = {
        "a": extension("a", "first", before=["b", "d"]),
        "b": extension("b"),
        "c": extension("c", "first"),
        "d": extension("d", "last"),
    }
    assert line(extensions, ["D", "b", "*", "a"]) == ["d", "b", "c", "a"]
    assert reasons(extensions, ["d", "b", "*", "a"]) == {
        "d": "number 1 of those that host.json puts first",
        "b": "number 2 of those that host.json puts first",
        "c": "tryfirst, then by name",
        "a": "number 1 of those that host.json puts last",
    }


def test_host_json_without_star() -> None:
    """Without '*' those that are not named come after those that are."""
    extensions = {name: extension(name) for name in "abc"}
    assert line(extensions, ["c", "b"]) == ["c", "b", "a"]
    assert line(extensions, ["*", "a"]) == ["b", "c", "a"]


def test_host_json_names_who_is_not_there() -> None:
    """A name in 'order' that nobody has does not disturb the others, and is a problem with a suggestion."""
    host = ExtensionHost(environ=ON, section={"order": ["timr", "a"]})
    for name in ("a", "timer"):
        host.register(name, extension(name))
    host.load([])
    assert [entry["name"] for entry in host.diagnosis()["extensions"]] == ["a", "timer"]
    (problem,) = host.diagnosis()["problems"]
    assert "extensionHost.order names 'timr'" in problem["message"]
    assert problem["remedy"] == "Did you mean 'timer'?"


def test_a_cycle_is_shown_and_survived(site: Site, start: Start) -> None:
    """Who is part of a circle fails with the whole circle in words; the app starts with all others, in order."""
    for name, other in (("a", "b"), ("b", "c"), ("c", "a")):
        site.extension(name, f"order = hosting.Order(before=({other!r},))\n" + PRE)
    site.extension("outside", "order = hosting.Order(after=('a',))\n" + PRE)
    host = start(function(f))
    for name in "abc":
        entry = told(host, name)
        assert (entry["status"], entry["position"]) == ("failed", None)
        assert entry["error"]["phase"] == "order"
        assert "a -> b -> c -> a" in entry["error"]["message"]
        assert "cycle" in entry["reason"]
    assert told(host, "outside")["status"] == "active"
    assert host.diagnosis()["functions"][0]["extensions"] == {"pre_invocation_app_level": ["outside"]}
    assert all("extensionHost.order" in problem["remedy"] for problem in host.diagnosis()["problems"])


def test_two_cycles_are_both_shown() -> None:
    """Circles that have nothing to do with each other are each told for themselves."""
    wishes = {"a": "b", "b": "a", "x": "y", "y": "x"}
    found = {entry["name"]: entry for entry in entries({one: extension(one, before=[o]) for one, o in wishes.items()})}
    assert "a -> b -> a" in found["b"]["error"]["message"]
    assert "x -> y -> x" in found["y"]["error"]["message"]


def test_an_extension_before_itself() -> None:
    """The smallest circle of all."""
    (entry,) = entries({"a": extension("a", before=["a"])})
    assert "a -> a" in entry["error"]["message"]


def test_host_json_settles_a_cycle() -> None:
    """The remedy that the error names works: with their order in host.json both run."""
    extensions = {"a": extension("a", before=["b"]), "b": extension("b", before=["a"])}
    assert line(extensions, ["b", "a"]) == ["b", "a"]
    assert line(extensions, ["*", "a"]) == ["b", "a"]


def test_a_cycle_does_not_call_init(site: Site, start: Start) -> None:
    """An extension that falls out of line before its init is not set up either."""
    code = "order = hosting.Order(before=('a',))\n" + hook("init", "raise RuntimeError")
    site.extension("a", code)
    assert told(start(function(f)), "a")["error"]["phase"] == "order"


def test_marks_count_in_each_phase() -> None:
    """A mark on one hook moves that hook only; the extension's place is told by its hooks on the way in."""

    class First:
        @hosting.hookimpl(tryfirst=True)
        def startup(self) -> None:
            pass

        @hosting.hookimpl
        def pre_invocation_app_level(self) -> None:
            pass

    class Other(First):
        @hosting.hookimpl
        def startup(self) -> None:
            pass

    host = ExtensionHost(environ=ON)
    host.register("z", First)
    host.register("a", Other)
    host.load([])
    assert [one.extension.name for one in host._registry.hooks("startup")] == ["z", "a"]
    assert [entry["name"] for entry in host.diagnosis()["extensions"]] == ["a", "z"]


def test_installation_order_does_not_matter(site: Site, start: Start) -> None:
    """Distributions whose names sort the other way round stand by their extensions' names."""
    for name, distribution in (("c", "aaa"), ("a", "bbb"), ("b", "ccc")):
        site.extension(name, PRE, distribution=distribution)
    assert start(function(f))._info["AppExtension"] == ["a", "b", "c"]


NAMES = "abcdefgh"


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, tuple[str, list[str], list[str]]]:
    """Extensions by name, each with a mark and with whom it wants to stand before and after."""
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=1))
    wish = st.lists(st.sampled_from(NAMES), max_size=2, unique=True)
    return {name: (draw(st.sampled_from(sorted(MARKS))), draw(wish), draw(wish)) for name in names}


def made(name: str, mark: str, before: Sequence[str], after: Sequence[str]) -> Extension:
    """An extension as registration makes it."""
    subject = Extension(name, order=hosting.Order(before=tuple(before), after=tuple(after)))
    number = {"first": 0, "": 1, "last": 2}[mark]
    subject.hooks = {"init": Hook("init", subject, f, (), priority=number)}  # type: ignore[arg-type]
    return subject


@given(graphs(), st.randoms(use_true_random=False), st.lists(st.sampled_from(["*", *NAMES]), unique=True, max_size=4))
def test_any_graph_in_any_order_of_installation(
    graph: dict[str, tuple[str, list[str], list[str]]], random: Any, configured: list[str]
) -> None:
    """One graph gives one line, however it is installed; the line keeps every constraint, or there is a true circle."""
    extensions = [made(name, *wishes) for name, wishes in graph.items()]
    results = []
    for _ in range(3):
        random.shuffle(extensions)
        results.append(attempt(extensions, tuple(configured)))
    assert results[0] == results[1] == results[2]
    names, circle = results[0]
    pairs = {(one, o) for one, (_, before, _a) in graph.items() for o in before}
    pairs |= {(o, one) for one, (_, _b, after) in graph.items() for o in after}
    if circle:
        assert all(pair in pairs for pair in itertools.pairwise(circle))
        assert circle[0] == circle[-1]
        assert not set(circle) & set(configured)
        return
    assert sorted(names) == sorted(graph)
    place = {name: index for index, name in enumerate(names)}
    for earlier, later in pairs:
        if {earlier, later} <= graph.keys() - set(configured):
            assert place[earlier] < place[later]
    star = configured.index("*") if "*" in configured else len(configured)
    first = [name for name in configured[:star] if name in graph]
    last = [name for name in configured[star + 1 :] if name in graph]
    assert names[: len(first)] == first
    assert names[len(names) - len(last) :] == last


def attempt(extensions: Sequence[Extension], configured: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """The line, or the circle that is in the way."""
    try:
        ordering = Ordering(extensions, configured)
    except OrderCycleError as error:
        return [], error.message.partition(": ")[2].split(" -> ")
    hooks = ordering.hooks("init")
    assert [one.extension for one in hooks] == ordering.ordered({one.extension.name: one.priority for one in hooks})
    return [one.extension.name for one in hooks], []


@given(graphs(), st.permutations(NAMES))
def test_directories_in_any_order(graph: dict[str, tuple[str, list[str], list[str]]], shuffled: list[str]) -> None:
    """A whole host puts extensions in the same line however they were registered, and never stumbles over a graph."""
    names = [name for name in shuffled if name in graph]
    there = {name: extension(name, *graph[name][:1], before=graph[name][1], after=graph[name][2]) for name in names}
    assert entries(there) == entries({name: there[name] for name in sorted(there)})


@pytest.mark.parametrize("reverse", [False, True])
def test_installed_in_any_order(site: Site, start: Start, reverse: bool) -> None:
    """The folders of distributions in one order or the other give one line: real metadata, real imports."""
    wishes = {"a": ((), ("c",)), "b": (("a",), ()), "c": ((), ()), "d": (("c",), ("b",))}
    for number, (name, (before, after)) in enumerate(sorted(wishes.items(), reverse=reverse)):
        order = f"order = hosting.Order(before={before!r}, after={after!r})\n"
        site.extension(name, order + PRE, distribution=f"dist{number}")
    assert start(function(f))._info["AppExtension"] == ["b", "d", "c", "a"]
