"""Stress: many concurrent invocations with errors, cancellations, pauses and resumes."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
import time
from contextvars import ContextVar
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hosting
from hosting.core import Function
from hosting.extensions import ExtensionHost, ThreadPool
from tests.support.invoking import Context, extension_entry, function, load_host

pytestmark = [pytest.mark.slow, pytest.mark.unmutated]  # seconds, and the rules that it checks have tests of their own

OWNER: ContextVar[str] = ContextVar("owner", default="none")
LEVELS = ("_app_level", "")
ACTIONS = ("pass",) * 5 + ("wait", "raise", "exit", "cancel", "answer", "replace", "hang", "swallow")


class Chaos:
    """Decides what each hook does, and checks what must hold in every case."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.counting = threading.Lock()
        self.calls: dict[tuple[str, str], int] = {}
        self.wrong: list[str] = []

    def enter(self, extension: str, hook: str, context: Context) -> str:
        """Count the call, check that it sees only its own invocation, and choose an action."""
        with self.counting:
            self.calls[extension, hook] = self.calls.get((extension, hook), 0) + 1
        if OWNER.get() not in ("none", context.invocation_id):
            self.wrong.append(f"{extension}.{hook}: {OWNER.get()} is seen in {context.invocation_id}")
        OWNER.set(context.invocation_id)
        return self.random.choice(ACTIONS)

    def do(self, action: str, origin: str) -> Any:
        if action == "raise":
            raise LookupError(origin)
        if action == "exit":
            raise SystemExit(origin)
        if action == "cancel":
            raise asyncio.CancelledError(origin)
        if action == "answer":
            raise hosting.ShortCircuit("answered")
        return "replaced" if action == "replace" else None

    async def do_async(self, action: str, origin: str) -> Any:
        if action == "wait":
            await asyncio.sleep(self.random.random() * 0.002)
        elif action == "hang":
            await asyncio.sleep(60)
        elif action == "swallow":
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(60)
        return self.do(action, origin)

    def extension(self, name: str, hooks: dict[str, bool]) -> Any:
        hooks_of_class = {
            hook: hosting.hookimpl(self.hook(name, hook, is_async=is_async)) for hook, is_async in hooks.items()
        }
        return type(name, (), hooks_of_class)

    def hook(self, name: str, hook: str, *, is_async: bool) -> Any:
        origin = f"{name}.{hook}"

        def plain(_: Any, context: Context) -> Any:
            return self.do(self.enter(name, hook, context), origin)

        async def waiting(_: Any, context: Context) -> Any:
            return await self.do_async(self.enter(name, hook, context), origin)

        def around(_: Any, context: Context) -> Any:
            self.do(self.enter(name, hook, context), origin)
            outcome = yield
            if self.do(self.random.choice(ACTIONS), origin):
                outcome.set_result("replaced")

        async def waiting_around(_: Any, context: Context) -> Any:
            await self.do_async(self.enter(name, hook, context), origin)
            outcome = yield
            if await self.do_async(self.random.choice(ACTIONS), origin):
                outcome.set_result("replaced")

        if hook.removesuffix("_app_level") == "invocation":
            return waiting_around if is_async else around
        return waiting if is_async else plain


PHASES = ("invocation", "pre_invocation", "post_invocation", "invocation_error")
HOOKS = [f"{phase}{level}" for level in LEVELS for phase in PHASES]
lines = st.lists(st.dictionaries(st.sampled_from(HOOKS), st.booleans(), min_size=1), min_size=1, max_size=4)


def call(number: int) -> str:
    if number % 3 == 0:
        raise ValueError(number)
    return "returned"


async def acall(number: int) -> str:
    await asyncio.sleep(0.001 * (number % 2))
    return call(number)


async def run_forty_invocations(host: ExtensionHost, chaos: Chaos, target: Function, *, switching: bool) -> list[Any]:
    """Run forty invocations in turns of ten, some cancelled, while extensions are paused and resumed."""
    pool, results = ThreadPool(4), []
    invoker = host.invoker(target, pool)
    for turn in range(4):
        tasks = [asyncio.ensure_future(invoker.invoke(Context(), {"number": number})) for number in range(10)]
        await asyncio.sleep(chaos.random.random() * 0.003)
        if target.is_async:
            for task in chaos.random.sample(tasks, 3):
                task.cancel()
        if switching:
            getattr(host, ("pause", "resume")[turn % 2])("e0")
        await asyncio.wait(tasks, timeout=30)
        assert all(task.done() for task in tasks)
        results += ["cancelled" if task.cancelled() else task.exception() or task.result() for task in tasks]
    await host.shutdown()
    assert not host._watchdog.waiting()
    assert len(asyncio.all_tasks()) == 1
    pool.shutdown()
    return results


@pytest.mark.parametrize("is_async", [False, True])
@settings(max_examples=12)
@given(hooks=lines, seed=st.integers(), switching=st.booleans())
def test_invocations_under_stress_end_with_a_result_an_error_or_a_cancellation(
    is_async: bool, hooks: list[dict[str, bool]], seed: int, switching: bool
) -> None:
    """No invocation hangs, statistics are exact, and context variables stay separate."""
    chaos = Chaos(seed)
    names = [f"e{number}" for number in range(len(hooks))]
    target = function(acall if is_async else call, "F", *names)
    section = {"budgets": {"hook": 0.04}, "quarantine": {"consecutiveErrors": 15}}
    extensions = {name: chaos.extension(name, own) for name, own in zip(names, hooks, strict=True)}
    host = load_host(extensions, target, section=section)
    results = asyncio.run(run_forty_invocations(host, chaos, target, switching=switching))
    assert {str(result) for result in results if not isinstance(result, ValueError)} <= {
        "returned",
        "replaced",
        "answered",
        "cancelled",
        "None",
    }
    assert is_async or "cancelled" not in results
    assert chaos.wrong == []
    for name, own in zip(names, hooks, strict=True):
        counts = {hook: figures["calls"] for hook, figures in extension_entry(host, name)["statistics"].items()}
        assert counts == {hook: chaos.calls.get((name, hook), 0) for hook in own}
    assert OWNER.get() == "none"


async def test_pause_and_resume_during_invocations_lose_no_invocation_and_no_count() -> None:
    """One thread pauses and resumes an extension while others invoke."""
    call_count, counting = [0], threading.Lock()

    class Counting:
        @hosting.hookimpl
        def pre_invocation_app_level(self) -> None:
            with counting:
                call_count[0] += 1

        @hosting.hookimpl
        def post_invocation_app_level(self, func_ret: int) -> int:
            return func_ret + 1

    target = function(lambda number: number)
    host = load_host({"counting": Counting, "other": Counting}, target)

    pool, ended = ThreadPool(4), threading.Event()
    invoker = host.invoker(target, pool)

    def switch() -> None:
        while not ended.is_set():
            host.pause("counting")
            host.resume("counting")
            time.sleep(0)

    switching = threading.Thread(target=switch)
    switching.start()
    try:
        results = await asyncio.gather(*(invoker.invoke(Context(), {"number": 10 * count}) for count in range(500)))
    finally:
        ended.set()
        switching.join()
        await host.shutdown()
        pool.shutdown()
    assert all(result - 10 * number in (1, 2) for number, result in enumerate(results))
    calls = [
        extension_entry(host, name)["statistics"]["pre_invocation_app_level"]["calls"] for name in ("counting", "other")
    ]
    assert calls[1] == 500
    assert sum(calls) == call_count[0]
