"""Time budgets of async hooks: a hook past its budget is cancelled, and only that hook."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator
from typing import Any

import pytest

import hosting
from hosting.core import Function
from hosting.errors import ExtensionError
from hosting.extensions import ExtensionHost
from hosting.extensions.dispatch.execution import await_captured
from hosting.extensions.dispatch.watchdog import cancel
from tests.support.invoking import Context, exceed_budget, extension_entry, function, invoke, invoker_of, load_host

BUDGET = 0.2


def host_of(target: Function, **extensions: Any) -> ExtensionHost:
    return load_host(extensions, target, section={"budgets": {"hook": BUDGET}})


class Endless:
    """Waits before the function until it is cancelled, and then cleans up."""

    def __init__(self) -> None:
        self.cleaned_up = False

    @hosting.hookimpl
    async def pre_invocation_app_level(self) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            self.cleaned_up = True


async def answer() -> str:
    await asyncio.sleep(0)
    return "fine"


async def test_slow_sync_hook_after_an_async_hook_cancels_nothing() -> None:
    """The budget of the last async hook ends with it, so that later hooks and code are not cancelled."""

    class Quick:
        @hosting.hookimpl
        async def post_invocation_app_level(self) -> None:
            await asyncio.sleep(0)

    class Slow:
        @hosting.hookimpl
        def invocation_app_level(self) -> Any:
            yield
            exceed_budget(host)

    target = function(answer)
    host = host_of(target, quick=Quick, slow=Slow)

    task = asyncio.current_task()
    assert task is not None
    result = await invoker_of(host, target)(Context(), {})
    await asyncio.sleep(BUDGET / 4)
    await host.shutdown()
    assert (result, task.cancelling()) == ("fine", 0)
    assert extension_entry(host, "quick")["error"] is None
    assert extension_entry(host, "slow")["error"]["type"] == "TimeoutError"


async def test_host_cancels_an_invocation_while_a_late_hook_is_being_cancelled() -> None:
    """The hook's own cancellation does not hide the host's: the function does not run."""
    ran, cancelled = list[str](), asyncio.Event()

    class CleaningUp:
        @hosting.hookimpl
        async def pre_invocation_app_level(self) -> None:
            try:
                await asyncio.sleep(60)
            finally:
                cancelled.set()
                await asyncio.sleep(60)

    async def call() -> None:
        ran.append("function")

    target = function(call)
    host = host_of(target, cleaning_up=CleaningUp)

    task = asyncio.ensure_future(invoker_of(host, target)(Context(), {}))
    await cancelled.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await host.shutdown()
    assert ran == []
    assert extension_entry(host, "cleaning_up")["error"]["type"] == "TimeoutError"


@pytest.mark.parametrize("late", [False, True])
async def test_hook_that_swallows_the_hosts_cancellation_does_not_hide_it(late: bool) -> None:
    """The host's cancellation ends the invocation, also when host and budget cancel the hook at once."""
    ran, waiting = list[str](), asyncio.Event()

    class Swallowing:
        @hosting.hookimpl
        async def pre_invocation_app_level(self) -> None:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                waiting.set()
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.sleep(60)

    async def call() -> None:
        ran.append("function")

    target = function(call)
    host = host_of(target, swallowing=Swallowing)

    task = asyncio.ensure_future(invoker_of(host, target)(Context(), {}))
    await (waiting.wait() if late else asyncio.sleep(0))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await host.shutdown()
    assert ran == []


@pytest.mark.slow
async def test_late_hook_on_a_blocked_loop_still_gets_time_to_clean_up() -> None:
    """A hook is first cancelled, and closed one tick later, however many ticks passed meanwhile."""
    endless, target, budget = Endless(), function(answer), 1.0  # a tick is long even for a busy machine
    host = load_host({"endless": endless}, target, section={"budgets": {"hook": budget}})

    task = asyncio.ensure_future(invoker_of(host, target)(Context(), {}))
    await asyncio.sleep(0)
    time.sleep(budget * 2)  # noqa: ASYNC251 - the test is about a blocked loop
    try:
        assert await task == "fine"
    finally:
        await host.shutdown()
    assert endless.cleaned_up


def test_closed_event_loop_does_not_stop_the_watchdog() -> None:
    """An invocation on a closed loop is forgotten, and budgets on the next loop apply."""

    class Sleeping:
        @hosting.hookimpl
        async def pre_invocation_app_level(self) -> None:
            await asyncio.sleep(60)

    target = function(answer)
    host = host_of(target, sleeping=Sleeping)
    loop = asyncio.new_event_loop()
    abandoned_task = loop.create_task(invoker_of(host, target)(Context(), {}))
    abandoned_task._log_destroy_pending = False  # type: ignore[attr-defined]
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    deadline = time.monotonic() + 10
    while host._watchdog.waiting() and time.monotonic() < deadline:
        time.sleep(BUDGET / 4)
    assert not host._watchdog.waiting()
    assert invoke(host, target) == "fine"
    assert extension_entry(host, "sleeping")["error"]["type"] == "TimeoutError"


def test_start_that_fails_leaves_no_watchdog_thread() -> None:
    """A host that fails in strict mode ends its thread."""

    class Failing:
        @hosting.hookimpl
        def post_function_load_app_level(self) -> None:
            raise LookupError

        @hosting.hookimpl
        def pre_invocation_app_level(self) -> None:
            """Give the function a chain."""

    host = ExtensionHost(environ={"PYTHON_ENABLE_WORKER_EXTENSIONS": "1"}, strict=True)
    host.register("failing", Failing)
    with pytest.raises(ExtensionError):
        host.load([function(answer)])
    assert host._watchdog._thread is not None
    host._watchdog._thread.join(10)
    assert not host._watchdog._thread.is_alive()


async def generate_stubbornly(cleaned_up: list[str], *, raises: bool) -> AsyncGenerator[None, None]:
    """Wait for a long time, although it is cancelled; note the cleanup."""
    try:
        for _ in range(3):
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(60)
        yield
    finally:
        cleaned_up.append("generator")
        if raises:
            raise LookupError("cleanup")


@pytest.mark.parametrize("raises", [False, True])
async def test_cancel_closes_a_coroutine_and_before_it_the_async_generator_that_it_waits_for(raises: bool) -> None:
    """On Python 3.11 and 3.12, closing a coroutine leaves the generator as it is; its error is returned."""
    cleaned_up = list[str]()
    generator = generate_stubbornly(cleaned_up, raises=raises)

    async def hook() -> None:
        try:
            await anext(generator)
        finally:
            cleaned_up.append("hook")

    coroutine = hook()
    task = asyncio.ensure_future(await_captured(coroutine))
    await asyncio.sleep(0)
    raised = cancel(task, coroutine)
    assert (type(raised), cleaned_up) == (LookupError if raises else type(None), ["generator", "hook"])
    await asyncio.wait({task})
    await generator.aclose()  # it does not run any more
