"""Invocations that do not simply return: cancelled, failed, or with a quarantined or paused extension."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

import hosting
from hosting.errors import ExtensionError
from hosting.extensions import ExtensionHost, ThreadPool
from tests.support.invoking import Context, extension_entry, function, invoke, invoker_of, load_host


class Errors:
    """Records the exceptions that error hooks and around hooks get."""

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


async def cancel_after(host: ExtensionHost, invocation: Any, seconds: float) -> None:
    task = asyncio.create_task(invocation)
    await asyncio.sleep(seconds)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await host.shutdown()


async def endless() -> None:
    await asyncio.sleep(60)


async def test_cancelled_invocation_runs_its_error_hooks_and_stays_cancelled() -> None:
    """Error and around hooks get the CancelledError, and the caller still gets it."""
    errors = Errors()
    target = function(endless, "F", "errors")
    host = load_host({"errors": errors}, target)
    await cancel_after(host, invoker_of(host, target)(Context(), {}), 0.02)
    assert [type(exception) for exception in errors.seen] == [asyncio.CancelledError] * 2


async def test_invocation_cancelled_in_a_pre_hook_ends_the_hooks_before_it() -> None:
    """The function does not run, hooks that were entered get the cancellation, and no error is recorded."""
    errors, ran = Errors(), list[str]()

    class Waiting:
        order = hosting.Order(after=("errors",))

        @hosting.hookimpl
        async def pre_invocation_app_level(self) -> None:
            await asyncio.sleep(60)

    async def call() -> None:
        ran.append("function")

    target = function(call, "F", "errors")
    host = load_host({"errors": errors, "waiting": Waiting}, target)
    await cancel_after(host, invoker_of(host, target)(Context(), {}), 0.02)
    assert ran == []
    assert [type(exception) for exception in errors.seen] == [asyncio.CancelledError]
    assert extension_entry(host, "waiting")["error"] is None


def test_timed_out_hook_leaves_no_cancellation_for_the_function() -> None:
    """A hook that was cancelled for its budget does not count as the host's cancellation."""

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
    host = load_host({"slow": Slow}, target, section={"budgets": {"hook": 0.05}})
    assert invoke(host, target) == 0
    assert extension_entry(host, "slow")["error"]["type"] == "TimeoutError"


@pytest.mark.parametrize(
    "exception", [SystemExit(3), StopIteration("x"), KeyboardInterrupt(), type("Odd", (BaseException,), {})("x")]
)
@pytest.mark.parametrize("hooked", [False, True])
def test_exception_of_a_sync_function_reaches_hooks_and_caller(exception: BaseException, hooked: bool) -> None:
    """Exceptions that cannot cross a future or a task reach them too."""
    errors = Errors()

    def call() -> None:
        raise exception

    target = function(call, "F", "errors")
    host = load_host({"errors": errors} if hooked else {}, target)
    with pytest.raises((type(exception), RuntimeError)) as caught:
        invoke(host, target)
    assert exception in (caught.value, caught.value.__cause__)
    assert errors.seen == [exception, exception][: 2 * hooked]


def test_keyboard_interrupt_in_a_hook_is_not_contained() -> None:
    """Isolation does not hold back Ctrl-C."""

    class Interrupting:
        @hosting.hookimpl
        def pre_invocation_app_level(self) -> None:
            raise KeyboardInterrupt

    target = function(lambda: "never")
    with pytest.raises(KeyboardInterrupt):
        invoke(load_host({"interrupting": Interrupting}, target), target)


class Flaky:
    """Raises in each hook while ``errs`` is true."""

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


def host_with_quarantine(flaky: Flaky, *, after: int = 3) -> tuple[ExtensionHost, Any]:
    target = function(lambda: "fine")
    return load_host({"flaky": flaky}, target, section={"quarantine": {"consecutiveErrors": after}}), target


async def test_extension_that_errs_in_a_row_is_quarantined_with_one_log_line(
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
    for errs in (True, True, False) * 4:
        flaky.errs = errs
        await invoke_repeatedly(host, target, 1)
    assert extension_entry(host, "flaky")["status"] == "active"
    assert extension_entry(host, "flaky")["statistics"]["pre_invocation_app_level"] | {"total_ms": 0, "max_ms": 0} == {
        "calls": 12,
        "errors": 8,
        "total_ms": 0,
        "max_ms": 0,
    }


async def test_resumed_extension_after_quarantine_runs_again_and_counts_from_zero() -> None:
    """After ``resume`` the hooks run again."""
    flaky = Flaky()
    host, target = host_with_quarantine(flaky)
    await invoke_repeatedly(host, target, 5)
    flaky.errs = False
    host.resume("flaky")
    await invoke_repeatedly(host, target, 5)
    assert flaky.ran == 8
    assert extension_entry(host, "flaky")["status"] == "active"
    assert extension_entry(host, "flaky")["statistics"]["pre_invocation_app_level"]["calls"] == 8


async def test_paused_extension_runs_no_hooks_until_resume() -> None:
    """The statistics of a paused extension are kept."""
    flaky = Flaky()
    flaky.errs = False
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
    flaky.errs = False

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
