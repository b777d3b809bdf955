"""Extension ordering: the same on every machine, with a reason for each position; cycles are reported and survived."""

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
from tests.support.invoking import ON, extension_entry, function
from tests.support.sites import PRE, Site, hook

MARKS: dict[str, dict[str, Any]] = {"first": {"tryfirst": True}, "last": {"trylast": True}, "": {}}


def extension(name: str, mark: str = "", *, before: Sequence[str] = (), after: Sequence[str] = ()) -> SimpleNamespace:
    """Return an extension with one pre hook and these constraints."""

    def pre_invocation_app_level() -> None:
        pass

    marked = hosting.hookimpl(**MARKS[mark])(pre_invocation_app_level)
    order = hosting.Order(before=tuple(before), after=tuple(after))
    return SimpleNamespace(pre_invocation_app_level=marked, order=order)


def ordered_names(extensions: Mapping[str, Any], order: Sequence[str] = ()) -> list[str]:
    """Return the names of the extensions that run, in order."""
    return [entry["name"] for entry in entries(extensions, order) if entry["position"] is not None]


def reasons(extensions: Mapping[str, Any], order: Sequence[str] = ()) -> dict[str, str]:
    """Return the reason for each extension's position."""
    return {entry["name"]: entry["reason"] for entry in entries(extensions, order)}


def entries(extensions: Mapping[str, Any], order: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return the diagnosis of these extensions."""
    host = ExtensionHost(environ=ON, section={"order": list(order)})
    for name, target in extensions.items():
        host.register(name, target)
    host.load([])
    diagnosis: list[dict[str, Any]] = host.diagnosis()["extensions"]
    return diagnosis


def f() -> None:
    """Do nothing."""


def test_extensions_without_constraints_are_ordered_by_name() -> None:
    """Without constraints the name decides, ignoring case, and not the order of installation."""
    extensions = {name: extension(name) for name in ("b", "C", "a")}
    assert ordered_names(extensions) == ["a", "b", "C"]
    assert reasons(extensions)["a"] == "by name"


def test_tryfirst_hooks_go_first_and_trylast_hooks_last() -> None:
    """Hooks with the same mark are ordered by name among themselves."""
    marks = {"a": "last", "b": "", "c": "first", "d": "first", "e": "last"}
    extensions = {name: extension(name, mark) for name, mark in marks.items()}
    assert ordered_names(extensions) == ["c", "d", "b", "a", "e"]
    assert reasons(extensions)["c"] == "tryfirst, then by name"
    assert reasons(extensions)["e"] == "trylast, then by name"


def test_before_and_after_have_precedence_over_marks_and_names() -> None:
    """The constraints of an extension override tryfirst, trylast and names; both reasons name the other extension."""
    extensions = {
        "a": extension("a", "first", after=["m"]),
        "m": extension("m", "last"),
        "z": extension("z", before=["m"]),
    }
    assert ordered_names(extensions) == ["z", "m", "a"]
    assert reasons(extensions) == {
        "z": "before m, then by name",
        "m": "after z, before a, trylast, then by name",
        "a": "after m, tryfirst, then by name",
    }


def test_constraint_finds_its_extension_in_any_case() -> None:
    """A constraint finds its extension in whatever case the name is written."""
    assert ordered_names({"Otel": extension("Otel"), "b": extension("b", before=["OTEL"])}) == ["b", "Otel"]


def test_constraint_on_an_extension_that_is_not_there_is_ignored() -> None:
    """A constraint on an extension that is not installed, or does not run, has no effect and is no problem."""
    extensions = {"a": extension("a", after=["absent", "broken"], before=["missing"]), "broken": object()}
    assert ordered_names(extensions) == ["a"]
    assert reasons(extensions)["a"] == "by name"


def test_order_in_host_json_overrides_the_extensions_constraints() -> None:
    """Names before '*' go first, those after it last, whatever the extensions declare."""
    extensions = {
        "a": extension("a", "first", before=["b", "d"]),
        "b": extension("b"),
        "c": extension("c", "first"),
        "d": extension("d", "last"),
    }
    assert ordered_names(extensions, ["D", "b", "*", "a"]) == ["d", "b", "c", "a"]
    assert reasons(extensions, ["d", "b", "*", "a"]) == {
        "d": "number 1 of those that host.json puts first",
        "b": "number 2 of those that host.json puts first",
        "c": "tryfirst, then by name",
        "a": "number 1 of those that host.json puts last",
    }


def test_order_in_host_json_without_star_puts_other_extensions_last() -> None:
    """Without '*', extensions that are not named come after those that are."""
    extensions = {name: extension(name) for name in "abc"}
    assert ordered_names(extensions, ["c", "b"]) == ["c", "b", "a"]
    assert ordered_names(extensions, ["*", "a"]) == ["b", "c", "a"]


def test_order_with_an_unknown_name_is_a_problem_with_a_suggestion() -> None:
    """A name in 'order' without an extension does not disturb the others."""
    host = ExtensionHost(environ=ON, section={"order": ["timr", "a"]})
    for name in ("a", "timer"):
        host.register(name, extension(name))
    host.load([])
    assert [entry["name"] for entry in host.diagnosis()["extensions"]] == ["a", "timer"]
    (problem,) = host.diagnosis()["problems"]
    assert "extensionHost.order names 'timr'" in problem["message"]
    assert problem["remedy"] == "Did you mean 'timer'?"


def test_cycle_fails_its_extensions_and_the_others_start(site: Site, start: Start) -> None:
    """The error shows the whole cycle; the app starts with all other extensions, in order."""
    for name, other in (("a", "b"), ("b", "c"), ("c", "a")):
        site.extension(name, f"order = hosting.Order(before=({other!r},))\n" + PRE)
    site.extension("outside", "order = hosting.Order(after=('a',))\n" + PRE)
    host = start(function(f))
    for name in "abc":
        entry = extension_entry(host, name)
        assert (entry["status"], entry["position"]) == ("failed", None)
        assert entry["error"]["phase"] == "order"
        assert "a -> b -> c -> a" in entry["error"]["message"]
        assert "cycle" in entry["reason"]
    assert extension_entry(host, "outside")["status"] == "active"
    assert host.diagnosis()["functions"][0]["extensions"] == {"pre_invocation_app_level": ["outside"]}
    assert all("extensionHost.order" in problem["remedy"] for problem in host.diagnosis()["problems"])


def test_two_separate_cycles_are_reported_separately() -> None:
    """Each of two independent cycles has an error of its own."""
    constraints = {"a": "b", "b": "a", "x": "y", "y": "x"}
    by_name = {
        entry["name"]: entry for entry in entries({one: extension(one, before=[o]) for one, o in constraints.items()})
    }
    assert "a -> b -> a" in by_name["b"]["error"]["message"]
    assert "x -> y -> x" in by_name["y"]["error"]["message"]


def test_extension_with_a_constraint_on_itself_is_a_cycle() -> None:
    """An extension that declares itself before itself fails."""
    (entry,) = entries({"a": extension("a", before=["a"])})
    assert "a -> a" in entry["error"]["message"]


def test_order_in_host_json_resolves_a_cycle() -> None:
    """The remedy that the error names works: with their order in host.json, both run."""
    extensions = {"a": extension("a", before=["b"]), "b": extension("b", before=["a"])}
    assert ordered_names(extensions, ["b", "a"]) == ["b", "a"]
    assert ordered_names(extensions, ["*", "a"]) == ["b", "a"]


def test_extension_in_a_cycle_is_not_initialised(site: Site, start: Start) -> None:
    """An extension that fails because of a cycle is not set up either."""
    code = "order = hosting.Order(before=('a',))\n" + hook("init", "raise RuntimeError")
    site.extension("a", code)
    assert extension_entry(start(function(f)), "a")["error"]["phase"] == "order"


def test_mark_on_one_hook_moves_only_that_hook() -> None:
    """The reported position of the extension is that of its hooks before the function."""

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


def test_order_depends_on_extension_names_and_not_distribution_names(site: Site, start: Start) -> None:
    """Distributions whose names sort in reverse are ordered by their extensions' names."""
    for name, distribution in (("c", "aaa"), ("a", "bbb"), ("b", "ccc")):
        site.extension(name, PRE, distribution=distribution)
    assert start(function(f))._info["AppExtension"] == ["a", "b", "c"]


NAMES = "abcdefgh"


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, tuple[str, list[str], list[str]]]:
    """Draw extensions by name, each with a mark and with names that it wants before and after it."""
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=1))
    constraint = st.lists(st.sampled_from(NAMES), max_size=2, unique=True)
    return {name: (draw(st.sampled_from(sorted(MARKS))), draw(constraint), draw(constraint)) for name in names}


def build_extension(name: str, mark: str, before: Sequence[str], after: Sequence[str]) -> Extension:
    """Return an extension as registration builds it."""
    subject = Extension(name, order=hosting.Order(before=tuple(before), after=tuple(after)))
    number = {"first": 0, "": 1, "last": 2}[mark]
    subject.hooks = {"init": Hook("init", subject, f, (), priority=number)}  # type: ignore[arg-type]
    return subject


@given(graphs(), st.randoms(use_true_random=False), st.lists(st.sampled_from(["*", *NAMES]), unique=True, max_size=4))
def test_any_graph_has_one_order_or_a_true_cycle_in_any_order_of_installation(
    graph: dict[str, tuple[str, list[str], list[str]]], random: Any, configured: list[str]
) -> None:
    """One graph has one order, which keeps every constraint, or there is a true cycle."""
    extensions = [build_extension(name, *constraints) for name, constraints in graph.items()]
    results = []
    for _ in range(3):
        random.shuffle(extensions)
        results.append(order_or_cycle(extensions, tuple(configured)))
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


def order_or_cycle(extensions: Sequence[Extension], configured: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """Return the order, or the cycle that prevents it."""
    try:
        ordering = Ordering(extensions, configured)
    except OrderCycleError as error:
        return [], error.message.partition(": ")[2].split(" -> ")
    hooks = ordering.hooks("init")
    assert [one.extension for one in hooks] == ordering.ordered({one.extension.name: one.priority for one in hooks})
    return [one.extension.name for one in hooks], []


@pytest.mark.slow
@given(graphs(), st.permutations(NAMES))
def test_host_orders_extensions_alike_in_any_order_of_registration(
    graph: dict[str, tuple[str, list[str], list[str]]], shuffled: list[str]
) -> None:
    """A whole host orders extensions alike however they were registered, and never fails on a graph."""
    names = [name for name in shuffled if name in graph]
    there = {name: extension(name, *graph[name][:1], before=graph[name][1], after=graph[name][2]) for name in names}
    assert entries(there) == entries({name: there[name] for name in sorted(there)})


@pytest.mark.parametrize("reverse", [False, True])
def test_host_orders_installed_extensions_alike_in_any_order_of_folders(
    site: Site, start: Start, reverse: bool
) -> None:
    """Real metadata and real imports give one order, in whichever order the folders are read."""
    constraints = {"a": ((), ("c",)), "b": (("a",), ()), "c": ((), ()), "d": (("c",), ("b",))}
    for number, (name, (before, after)) in enumerate(sorted(constraints.items(), reverse=reverse)):
        order = f"order = hosting.Order(before={before!r}, after={after!r})\n"
        site.extension(name, order + PRE, distribution=f"dist{number}")
    assert start(function(f))._info["AppExtension"] == ["b", "d", "c", "a"]
