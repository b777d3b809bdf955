"""Invocations that do not just return: cancelled, answered for, or run by an extension that erred too often."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

import hosting
from hosting.errors import ExtensionError
from hosting.extensions import ExtensionHost, ThreadPool
from tests.support.invoking import Context, function, invoke, invoker_of, loaded, told


class Errors:
    """Writes down the exceptions that error hooks and around hooks are told of."""

    def __init__(self) -> None:
        self.seen: list[BaseException | None] = []

    @hosting.hookimpl
    async def invocation_error_app_level(self, exception: BaseException) -> None:
        await asyncio.sleep(0)
        self.seen.append(exception)

    @hosting.hookimpl
    def invocation(self) -> Any:
        outcome = yield
        self.seen.append(outcome.exception)


async def cancelled_after(host: ExtensionHost, invocation: Any, seconds: float) -> None:
    task = asyncio.create_task(invocation)
    await asyncio.sleep(seconds)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await host.shutdown()


async def endless() -> None:
    await asyncio.sleep(60)


async def test_a_cancelled_invocation_runs_its_error_hooks_and_stays_cancelled() -> None:
    """Error and around hooks learn of the cancellation, and the caller still gets it."""
    errors = Errors()
    target = function(endless, "F", "errors")
    host = loaded({"errors": errors}, target)
    await cancelled_after(host, invoker_of(host, target)(Context(), {}), 0.02)
    assert [type(exception) for exception in errors.seen] == [asyncio.CancelledError] * 2


async def test_an_invocation_cancelled_in_a_pre_hook_unwinds_what_was_entered() -> None:
    """The function does not run; who was entered before learns of the cancellation; nobody is blamed."""
    errors, ran = Errors(), list[str]()

    class Waiting:
        order = hosting.Order(after=("errors",))

        @hosting.hookimpl
        async def pre_invocation_app_level(self) -> None:
            await asyncio.sleep(60)

    async def call() -> None:
        ran.append("function")

    target = function(call, "F", "errors")
    host = loaded({"errors": errors, "waiting": Waiting}, target)
    await cancelled_after(host, invoker_of(host, target)(Context(), {}), 0.02)
    assert ran == []
    assert [type(exception) for exception in errors.seen] == [asyncio.CancelledError]
    assert told(host, "waiting")["error"] is None


def test_the_hosts_cancellation_is_told_from_a_timed_out_hook() -> None:
    """A hook cancelled for its time leaves no trace of a cancellation for the function."""

    class Slow:
        @hosting.hookimpl
        async def pre_invocation_app_level(self) -> None:
            await asyncio.sleep(60)

    async def call() -> int:
        async with asyncio.timeout(5):
            await asyncio.sleep(0.01)
        task = asyncio.current_task()
        assert task is not None
        return task.cancelling()

    target = function(call)
    host = loaded({"slow": Slow}, target, section={"budgets": {"hook": 0.05}})
    assert invoke(host, target) == 0
    assert told(host, "slow")["error"]["type"] == "TimeoutError"


@pytest.mark.parametrize(
    "exception", [SystemExit(3), StopIteration("x"), KeyboardInterrupt(), type("Odd", (BaseException,), {})("x")]
)
@pytest.mark.parametrize("hooked", [False, True])
def test_a_sync_function_may_raise_anything(exception: BaseException, hooked: bool) -> None:
    """What cannot cross a future or a task is still the function's exception, for its hooks and its caller."""
    errors = Errors()

    def call() -> None:
        raise exception

    target = function(call, "F", "errors")
    host = loaded({"errors": errors} if hooked else {}, target)
    with pytest.raises((type(exception), RuntimeError)) as caught:
        invoke(host, target)
    assert exception in (caught.value, caught.value.__cause__)
    assert errors.seen == [exception, exception][: 2 * hooked]


def test_keyboard_interrupt_passes_through_hooks() -> None:
    """Isolation never holds back the person at the keyboard."""

    class Interrupting:
        @hosting.hookimpl
        def pre_invocation_app_level(self) -> None:
            raise KeyboardInterrupt

    target = function(lambda: "never")
    with pytest.raises(KeyboardInterrupt):
        invoke(loaded({"interrupting": Interrupting}, target), target)


class Flaky:
    """Errs as long as it is told to."""

    def __init__(self) -> None:
        self.errs = True
        self.ran = 0

    @hosting.hookimpl
    def pre_invocation_app_level(self) -> None:
        self.ran += 1
        if self.errs:
            raise LookupError

    @hosting.hookimpl
    def post_invocation_app_level(self) -> None:
        if self.errs:
            raise LookupError


async def invoke_repeatedly(host: ExtensionHost, target: Any, times: int) -> None:
    invoker = invoker_of(host, target)
    for _ in range(times):
        assert await invoker(Context(), {}) == "fine"


def quarantining(flaky: Flaky, *, after: int = 3) -> tuple[ExtensionHost, Any]:
    target = function(lambda: "fine")
    return loaded({"flaky": flaky}, target, section={"quarantine": {"consecutiveErrors": after}}), target


async def test_an_extension_that_errs_in_a_row_is_quarantined_and_says_so_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Two errors in one invocation count as one; after the limit it is out, loudly, and the app goes on."""
    flaky = Flaky()
    host, target = quarantining(flaky)
    with caplog.at_level(logging.ERROR, logger="hosting.extensions"):
        await invoke_repeatedly(host, target, 10)
    assert flaky.ran == 3
    assert told(host, "flaky")["status"] == "quarantined"
    assert sum("is quarantined: it failed in 3 invocations in a row" in message for message in caplog.messages) == 1
    assert host._info["AppExtension"] == []
    problem = next(problem for problem in host.diagnosis()["problems"] if "flaky" in problem["message"])
    assert "resume" in problem["remedy"]


async def test_an_invocation_without_error_starts_the_count_again() -> None:
    """Only errors in a row count, over all functions."""
    flaky = Flaky()
    host, target = quarantining(flaky)
    for errs in (True, True, False) * 4:
        flaky.errs = errs
        await invoke_repeatedly(host, target, 1)
    assert told(host, "flaky")["status"] == "active"
    assert told(host, "flaky")["statistics"]["pre_invocation_app_level"] | {"total_ms": 0, "max_ms": 0} == {
        "calls": 12,
        "errors": 8,
        "total_ms": 0,
        "max_ms": 0,
    }


async def test_resume_brings_a_quarantined_extension_back() -> None:
    """After ``resume`` it runs again and starts from zero."""
    flaky = Flaky()
    host, target = quarantining(flaky)
    await invoke_repeatedly(host, target, 5)
    flaky.errs = False
    host.resume("flaky")
    await invoke_repeatedly(host, target, 5)
    assert flaky.ran == 8
    assert told(host, "flaky")["status"] == "active"
    assert told(host, "flaky")["statistics"]["pre_invocation_app_level"]["calls"] == 8


async def test_pause_takes_an_extension_out_until_resume() -> None:
    """A paused extension's hooks do not run; its figures stay."""
    flaky = Flaky()
    flaky.errs = False
    host, target = quarantining(flaky)
    await invoke_repeatedly(host, target, 2)
    host.pause("flaky")
    await invoke_repeatedly(host, target, 2)
    assert (flaky.ran, told(host, "flaky")["status"]) == (2, "paused")
    host.resume("flaky")
    await invoke_repeatedly(host, target, 1)
    assert flaky.ran == 3


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_function_bound_during_a_pause_gets_its_hooks_when_it_is_over(is_async: bool) -> None:
    """The host looks for hooks whenever extensions come or go, not only when a function is bound."""
    flaky = Flaky()
    flaky.errs = False

    async def fine() -> str:
        return "fine"

    target = function(fine if is_async else lambda: "fine")
    host = loaded({"flaky": flaky}, target)
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
def test_an_unknown_name_cannot_be_paused_or_resumed(switch: str) -> None:
    """The error names it and tells where the names are listed."""
    host, _ = quarantining(Flaky())
    with pytest.raises(ExtensionError, match="no extension 'nope' is loaded"):
        getattr(host, switch)("nope")
