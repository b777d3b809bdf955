"""Context variables that hooks set for an invocation are visible in that invocation only."""

from __future__ import annotations

import asyncio
import time
from contextvars import ContextVar
from typing import Any

import pytest

import hosting
from tests.support.invoking import Context, function, invoker_of, load_host

OWNER: ContextVar[str] = ContextVar("owner", default="none")


class Setting:
    """Sets a variable and an attribute before the function, and records them after it."""

    def __init__(self) -> None:
        self.records: list[tuple[str, str, str]] = []

    @hosting.hookimpl
    def pre_invocation_app_level(self, context: Context) -> None:
        OWNER.set(context.invocation_id)
        context.mark = f"mark of {context.invocation_id}"  # type: ignore[attr-defined]

    @hosting.hookimpl
    def post_invocation_app_level(self, context: Context) -> None:
        self.records.append((context.invocation_id, OWNER.get(), context.mark))  # type: ignore[attr-defined]


class SettingAsync(Setting):
    @hosting.hookimpl
    async def pre_invocation_app_level(self, context: Context) -> None:  # type: ignore[override]
        await asyncio.sleep(0)
        super().pre_invocation_app_level(context)

    @hosting.hookimpl
    async def post_invocation_app_level(self, context: Context) -> None:  # type: ignore[override]
        await asyncio.sleep(0)
        super().post_invocation_app_level(context)


class SettingAround(Setting):
    @hosting.hookimpl
    async def invocation_app_level(self, context: Context) -> Any:
        before = OWNER.get()
        outcome = yield
        assert before == "none"
        assert outcome.result == context.invocation_id


async def asynchronous() -> str:
    mine = OWNER.get()
    OWNER.set(f"{mine} changed")
    await asyncio.sleep(0.001)
    OWNER.set(mine)
    return mine


def synchronous() -> str:
    time.sleep(0.001)
    return OWNER.get()


@pytest.mark.parametrize("call", [asynchronous, synchronous])
@pytest.mark.parametrize("extension", [Setting, SettingAsync, SettingAround])
async def test_interleaved_invocations_see_only_their_own_context_variables(
    call: Any, extension: type[Setting]
) -> None:
    """Variables and attributes pass from hook to function to hook, on the event loop and in threads."""
    instance = extension()
    target = function(call)
    host = load_host({"setting": instance}, target)

    async def one(invoker: Any, number: int) -> tuple[str, str]:
        return f"i{number}", await invoker(Context(f"i{number}"), {})

    invoker = invoker_of(host, target)
    answers = await asyncio.gather(*(asyncio.create_task(one(invoker, number)) for number in range(300)))
    await host.shutdown()
    assert all(invocation == answer for invocation, answer in answers)
    assert len(instance.records) == 300
    assert all(owner == invocation and mark == f"mark of {invocation}" for invocation, owner, mark in instance.records)
    assert OWNER.get() == "none"
