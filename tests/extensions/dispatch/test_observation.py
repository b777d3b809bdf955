"""Observers of hooks: what they are called with, and that nothing they do changes an invocation."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import hosting
import hosting.testing
from hosting.app_handle import SharedApp
from hosting.errors import ExtensionError
from tests.support.hooks import HELLO, hooks
from tests.support.invoking import Context, exceed_budget, extension_entry, function, invoke, load_host


async def waiting() -> str:
    await asyncio.sleep(0)
    return "returned"


KINDS: dict[str, Any] = {"def": lambda: "returned", "async def": waiting}


def answer() -> None:
    raise hosting.ShortCircuit("cached")


class Cache:
    """Answers in the place of everything further in."""

    order = hosting.Order(before=("gate",))

    @hosting.hookimpl
    def invocation_app_level(self) -> Any:
        answer()
        yield


class Gate:
    """A guard that lets every invocation pass."""

    guard = True

    @hosting.hookimpl
    def invocation_app_level(self) -> Any:
        yield


class AsyncGate:
    """The same with an async hook."""

    guard = True

    @hosting.hookimpl
    async def pre_invocation_app_level(self) -> None: ...


class Denies:
    """A guard that denies every invocation."""

    guard = True

    @hosting.hookimpl
    def pre_invocation_app_level(self) -> None:
        raise hosting.ShortCircuit("denied")


def raised(call: hosting.HookCall) -> str:
    return "" if call.exception is None else type(call.exception).__name__


AROUND, PRE = "invocation_app_level", "pre_invocation_app_level"
GUARDED: list[tuple[list[Any], str, list[tuple[str, str, bool, str]]]] = [
    # extensions, result, calls with the type of what they raised
    ([Denies], "denied", [("gate", PRE, False, "ShortCircuit")]),
    (
        [Cache, Gate],
        "cached",
        [("cache", AROUND, False, "ShortCircuit"), ("gate", AROUND, False, ""), ("gate", AROUND, True, "")],
    ),
    ([Cache, AsyncGate], "cached", [("cache", AROUND, False, "ShortCircuit"), ("gate", PRE, False, "")]),
    ([Cache, Denies], "denied", [("cache", AROUND, False, "ShortCircuit"), ("gate", PRE, False, "ShortCircuit")]),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("extensions", "result", "expected"), GUARDED)
def test_hook_that_answers_and_guard_behind_it_are_observed(
    kind: str, extensions: list[Any], result: str, expected: list[tuple[str, str, bool, str]]
) -> None:
    """Each call once, with the exception that is the answer; times are not negative."""
    seen: list[hosting.HookCall] = []
    target = function(KINDS[kind])
    names = ("cache", "gate") if len(extensions) == 2 else ("gate",)
    host = load_host(dict(zip(names, extensions, strict=True)), target, observer=lambda _, call: seen.append(call))
    assert invoke(host, target) == result
    assert [(call.extension, call.hook, call.is_resumed, raised(call)) for call in seen] == expected
    assert all(call.seconds >= 0 for call in seen)


@pytest.mark.parametrize("kind", KINDS)
def test_observer_gets_the_invocation_that_hooks_get(kind: str) -> None:
    """So that it can keep something in ``invocation.state``."""
    seen: list[Any] = []
    target = function(KINDS[kind])
    pre = hooks(pre_invocation_app_level=lambda invocation: seen.append(invocation))
    invoke(load_host({"pre": pre}, target, observer=lambda invocation, _: seen.append(invocation)), target)
    assert seen[0] is seen[1]


@pytest.mark.parametrize("kind", KINDS)
def test_async_hook_that_exceeds_its_time_is_observed_as_cancelled(kind: str) -> None:
    """The error that is recorded is the TimeoutError; what the observer gets is what the hook raised."""
    seen: list[hosting.HookCall] = []

    async def forever() -> None:
        await asyncio.Event().wait()

    target = function(KINDS[kind])
    late, section = hooks(pre_invocation_app_level=forever), {"budgets": {"hook": 0.05}}
    host = load_host({"late": late}, target, section=section, observer=lambda _, call: seen.append(call))
    assert invoke(host, target) == "returned"
    (call,) = seen
    assert raised(call) in ("CancelledError", "TimeoutError")
    assert extension_entry(host, "late")["error"]["type"] == "TimeoutError"


@pytest.mark.parametrize("kind", KINDS)
def test_observer_that_raises_changes_nothing_and_is_not_called_again(kind: str) -> None:
    """Its error is the extension's error, with the function and the invocation."""
    count = 0

    def observe(*_: Any) -> None:
        nonlocal count
        count += 1
        raise SystemExit("the observer")

    target = function(KINDS[kind])
    many = {name: hooks(pre_invocation_app_level=lambda: None) for name in "abc"}
    host = load_host(many, target, observer=observe)
    assert invoke(host, target, Context("i1")) == "returned"
    assert count == 1
    error = extension_entry(host, "the-observer")["error"]
    assert (error["type"], error["function"], error["invocation_id"]) == ("SystemExit", "F", "i1")


def test_extension_that_is_paused_observes_nothing() -> None:
    """As none of its hooks is called."""
    seen: list[Any] = []
    target = function(KINDS["def"])
    host = load_host(
        {"pre": hooks(pre_invocation_app_level=lambda: None)}, target, observer=lambda *call: seen.append(call)
    )
    host.pause("the-observer")
    invoke(host, target)
    assert seen == []


def test_time_of_the_observed_hooks_is_in_the_statistics() -> None:
    """Each call is measured, and the source that is printed is the one that runs."""
    target = function(KINDS["def"])
    host: Any = load_host(
        {"pre": hooks(pre_invocation_app_level=lambda: exceed_budget(host))},
        target,
        section={"budgets": {"hook": 0.05}},
        observer=lambda *_: None,
    )
    invoke(host, target)
    figures = extension_entry(host, "pre")["statistics"][PRE]
    assert figures["calls"] == 1
    assert figures["total_ms"] >= 50
    assert "observe(0, " in host.describe_chain("F")["source"]


WRONG: dict[str, tuple[Any, str]] = {
    "not a function": (lambda app: app.observe_hooks(None), "observer must be a function, found NoneType"),
    "one parameter": (
        lambda app: app.observe_hooks(lambda call: None),
        "observer is called with an invocation and a hosting.HookCall, which it does not accept",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_observer_that_cannot_be_called_is_an_error_that_names_the_extension(case: str) -> None:
    """The message says which call, which extension and what was found."""
    act, message = WRONG[case]
    with pytest.raises(ExtensionError, match=rf"observe_hooks\(\) of extension 'mine': {message}"):
        act(SharedApp().handle("mine"))


def test_observer_that_comes_too_late_is_an_error() -> None:
    """Chains are compiled then."""
    shared = SharedApp()
    shared.note_start()
    with pytest.raises(ExtensionError, match=r"only in 'prepare' and 'startup'"):
        shared.handle("mine").observe_hooks(lambda *_: None)


def test_observer_that_is_added_at_startup_sees_hooks_of_a_served_app() -> None:
    """The hooks around, before and after a function, and none of its own extension or at the edges."""
    seen: list[str] = []
    observer = hooks(
        startup=lambda app: app.observe_hooks(lambda _, call: seen.append(f"{call.extension} {call.hook}")),
        pre_invocation_app_level=lambda: None,
    )
    other = hooks(post_invocation_app_level=lambda: None, invocation_end=lambda: None)
    with hosting.testing.make_host(HELLO, extensions={"watch": observer, "other": other}) as host:
        assert host.get("/api/hello").text == "hello"
    assert seen == ["other post_invocation_app_level"]


def test_chain_measures_hooks_only_where_an_extension_observes_them() -> None:
    """Without an observer no invocation looks at the clock for it."""
    hook, target = hooks(pre_invocation_app_level=lambda: None), function(lambda: "returned")
    plain = load_host({"timer": hook}, target).describe_chain("F")["source"]
    observed = load_host({"timer": hook}, target, observer=lambda call, invocation: None).describe_chain("F")["source"]
    assert ("observe(" in plain, "now()" in plain) == (False, False)
    assert ("observe(" in observed, "now()" in observed) == (True, True)
