"""Quarantine and pause: consecutive errors, also over invocations that run at the same time."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hosting
from hosting.core import Function
from hosting.errors import ExtensionError
from hosting.extensions import ExtensionHost, ThreadPool
from tests.support.invoking import Context, extension_entry, function, invoker_of, load_host


class Scripted:
    """Raises, before the function and after it, in invocations whose id begins with "bad"."""

    @hosting.hookimpl
    def pre_invocation_app_level(self, context: Context) -> None:
        if context.invocation_id.startswith("bad"):
            raise LookupError

    @hosting.hookimpl
    def post_invocation_app_level(self, context: Context) -> None:
        self.pre_invocation_app_level(context)


class Stepwise:
    """Invocations of one host that a test begins and ends one by one."""

    def __init__(self, host: ExtensionHost, target: Function) -> None:
        self._host, self._target = host, target
        self._running: dict[str, asyncio.Task[Any]] = {}

    async def begin(self, invocation: str) -> None:
        gate = asyncio.Event()
        call = invoker_of(self._host, self._target)(Context(invocation), {"gate": gate})
        self._running[invocation] = asyncio.ensure_future(call)
        self._running[invocation].gate = gate  # type: ignore[attr-defined]
        await asyncio.sleep(0)

    async def end(self, invocation: str) -> None:
        task = self._running.pop(invocation)
        task.gate.set()  # type: ignore[attr-defined]
        await task

    async def end_all(self) -> None:
        for invocation in [*self._running]:
            await self.end(invocation)
        await self._host.shutdown()


async def wait_for_gate(gate: asyncio.Event) -> None:
    await gate.wait()


def host_of(target: Function, limit: int) -> ExtensionHost:
    return load_host({"scripted": Scripted}, target, section={"quarantine": {"consecutiveErrors": limit}})


async def test_extension_that_always_fails_is_quarantined_when_invocations_overlap() -> None:
    """The end of one invocation does not reset the count while others run."""
    target = function(wait_for_gate)
    host = host_of(target, 12)

    invocations = Stepwise(host, target)
    for round_ in range(4):
        names = [f"bad {round_} {number}" for number in range(3)]
        for name in names:
            await invocations.begin(name)
        for name in names:
            await invocations.end(name)
    await invocations.end_all()
    assert extension_entry(host, "scripted")["status"] == "quarantined"


@given(good=st.booleans(), overlap=st.integers(1, 9))
async def test_overlapping_invocation_with_errors_counts_once(good: bool, overlap: int) -> None:
    """Two errors in each of nine invocations count as nine; an invocation without an error resets the count."""
    target = function(wait_for_gate)
    host = host_of(target, 10)

    invocations = Stepwise(host, target)
    names = [f"bad {number}" for number in range(9)]
    for position in range(0, 9, overlap):
        for name in names[position : position + overlap]:
            await invocations.begin(name)
        for name in names[position : position + overlap]:
            await invocations.end(name)
    if good:
        await invocations.begin("good")
        await invocations.end("good")
    await invocations.begin("bad again")
    await invocations.end_all()
    assert extension_entry(host, "scripted")["status"] == ("active" if good else "quarantined")


async def test_threads_that_reach_the_limit_together_quarantine_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The quarantine is logged once, and the statistics stay exact."""
    count, together = 8, threading.Barrier(8)

    class Together:
        @hosting.hookimpl
        def pre_invocation_app_level(self) -> None:
            together.wait()
            raise LookupError

    target = function(lambda: None)
    host = load_host({"together": Together}, target, section={"quarantine": {"consecutiveErrors": 2}})

    with caplog.at_level(logging.ERROR, logger="hosting.extensions"):
        pool = ThreadPool(count)
        await asyncio.gather(*(host.invoker(target, pool).invoke(Context(), {}) for _ in range(count)))
        await host.shutdown()
        pool.shutdown()
    assert sum("is quarantined: it failed in 2 invocations" in message for message in caplog.messages) == 1
    figures = extension_entry(host, "together")["statistics"]["pre_invocation_app_level"]
    assert (figures["calls"], figures["errors"]) == (count, count)


async def test_statistics_stay_exact_when_an_extension_leaves_during_an_invocation() -> None:
    """Hooks of other extensions in running invocations are counted, also on the old chain."""
    calls: list[str] = []

    class Counting:
        @hosting.hookimpl
        def pre_invocation_app_level(self) -> None:
            calls.append("pre_invocation_app_level")

        @hosting.hookimpl
        def post_invocation_app_level(self) -> None:
            calls.append("post_invocation_app_level")

        @hosting.hookimpl
        def invocation_error_app_level(self) -> None:
            calls.append("invocation_error_app_level")

    async def failing() -> None:
        raise ValueError("the function's")

    target = function(failing)
    host = load_host({"a": Scripted, "b": Counting}, target, section={"quarantine": {"consecutiveErrors": 3}})

    for number in range(5):
        with pytest.raises(ValueError, match="the function's"):
            await invoker_of(host, target)(Context(f"bad {number}"), {})
    host.pause("b")
    with pytest.raises(ValueError, match="the function's"):
        await invoker_of(host, target)(Context(), {})
    host.resume("b")
    with pytest.raises(ValueError, match="the function's"):
        await invoker_of(host, target)(Context(), {})
    await host.shutdown()
    counts = {hook: figures["calls"] for hook, figures in extension_entry(host, "b")["statistics"].items()}
    assert counts == {hook: calls.count(hook) for hook in counts}


class Flaky:
    """Raises in each hook while ``fails`` is true."""

    def __init__(self) -> None:
        self.fails = True
        self.ran = 0

    @hosting.hookimpl
    def pre_invocation_app_level(self) -> None:
        self.ran += 1
        if self.fails:
            raise LookupError

    @hosting.hookimpl
    def post_invocation_app_level(self) -> None:
        if self.fails:
            raise LookupError


async def invoke_repeatedly(host: ExtensionHost, target: Any, times: int) -> None:
    invoker = invoker_of(host, target)
    for _ in range(times):
        assert await invoker(Context(), {}) == "fine"


def host_with_quarantine(flaky: Flaky, *, after: int = 3) -> tuple[ExtensionHost, Any]:
    target = function(lambda: "fine")
    return load_host({"flaky": flaky}, target, section={"quarantine": {"consecutiveErrors": after}}), target


async def test_extension_that_fails_in_a_row_is_quarantined_with_one_log_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Two errors in one invocation count as one; at the limit the extension stops and the app continues."""
    flaky = Flaky()
    host, target = host_with_quarantine(flaky)
    with caplog.at_level(logging.ERROR, logger="hosting.extensions"):
        await invoke_repeatedly(host, target, 10)
    assert flaky.ran == 3
    assert extension_entry(host, "flaky")["status"] == "quarantined"
    assert sum("is quarantined: it failed in 3 invocations in a row" in message for message in caplog.messages) == 1
    assert host._info["AppExtension"] == []
    problem = next(problem for problem in host.diagnosis()["problems"] if "flaky" in problem["message"])
    assert "resume" in problem["remedy"]


async def test_invocation_without_an_error_resets_the_quarantine_count() -> None:
    """Only consecutive errors count, over all functions."""
    flaky = Flaky()
    host, target = host_with_quarantine(flaky)
    for fails in (True, True, False) * 4:
        flaky.fails = fails
        await invoke_repeatedly(host, target, 1)
    assert extension_entry(host, "flaky")["status"] == "active"
    assert extension_entry(host, "flaky")["statistics"]["pre_invocation_app_level"] | {"total_ms": 0, "max_ms": 0} == {
        "calls": 12,
        "errors": 8,
        "denied": 0,
        "total_ms": 0,
        "max_ms": 0,
    }


async def test_resumed_extension_after_quarantine_runs_again_and_counts_from_zero() -> None:
    """After ``resume`` the hooks run again."""
    flaky = Flaky()
    host, target = host_with_quarantine(flaky)
    await invoke_repeatedly(host, target, 5)
    flaky.fails = False
    host.resume("flaky")
    await invoke_repeatedly(host, target, 5)
    assert flaky.ran == 8
    assert extension_entry(host, "flaky")["status"] == "active"
    assert extension_entry(host, "flaky")["statistics"]["pre_invocation_app_level"]["calls"] == 8


async def test_paused_extension_runs_no_hooks_until_resume() -> None:
    """The statistics of a paused extension are kept."""
    flaky = Flaky()
    flaky.fails = False
    host, target = host_with_quarantine(flaky)
    await invoke_repeatedly(host, target, 2)
    host.pause("flaky")
    await invoke_repeatedly(host, target, 2)
    assert (flaky.ran, extension_entry(host, "flaky")["status"]) == (2, "paused")
    host.resume("flaky")
    await invoke_repeatedly(host, target, 1)
    assert flaky.ran == 3


@pytest.mark.parametrize("is_async", [False, True])
async def test_function_bound_during_a_pause_gets_its_hooks_after_resume(is_async: bool) -> None:
    """The host selects hooks whenever extensions pause or resume, not only when a function is bound."""
    flaky = Flaky()
    flaky.fails = False

    async def fine() -> str:
        return "fine"

    target = function(fine if is_async else lambda: "fine")
    host = load_host({"flaky": flaky}, target)
    host.pause("flaky")
    invoker = host.invoker(target, ThreadPool(1))

    async def invoke_once() -> int:
        assert await invoker.invoke(Context(), {}) == "fine"
        return flaky.ran

    assert await invoke_once() == 0
    host.resume("flaky")
    assert await invoke_once() == 1
    host.pause("flaky")
    assert await invoke_once() == 1
    await host.shutdown()


@pytest.mark.parametrize("switch", ["pause", "resume"])
def test_pause_and_resume_of_an_unknown_name_are_errors(switch: str) -> None:
    """The error names it and says where the names are listed."""
    host, _ = host_with_quarantine(Flaky())
    with pytest.raises(ExtensionError, match="no extension 'nope' is loaded"):
        getattr(host, switch)("nope")
