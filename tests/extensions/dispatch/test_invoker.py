"""Invocations that are cancelled, or whose function or hooks raise."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import hosting
from hosting.extensions import ExtensionHost
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
