"""What hooks set for an invocation is seen in that invocation, and in no other."""

from __future__ import annotations

import asyncio
import time
from contextvars import ContextVar
from typing import Any

import pytest

import hosting
from tests.support.invoking import Context, function, invoker_of, loaded

WHO: ContextVar[str] = ContextVar("who", default="nobody")


class Setting:
    """Sets a variable and an attribute before the function, and finds them again after it."""

    def __init__(self) -> None:
        self.found: list[tuple[str, str, str]] = []

    @hosting.hookimpl
    def pre_invocation_app_level(self, context: Context) -> None:
        WHO.set(context.invocation_id)
        context.mark = f"mark of {context.invocation_id}"  # type: ignore[attr-defined]

    @hosting.hookimpl
    def post_invocation_app_level(self, context: Context) -> None:
        self.found.append((context.invocation_id, WHO.get(), context.mark))  # type: ignore[attr-defined]


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
        before = WHO.get()
        outcome = yield
        assert before == "nobody"
        assert outcome.result == context.invocation_id


async def asynchronous() -> str:
    mine = WHO.get()
    WHO.set(f"{mine} changed")
    await asyncio.sleep(0.001)
    WHO.set(mine)
    return mine


def synchronous() -> str:
    time.sleep(0.001)
    return WHO.get()


@pytest.mark.parametrize("call", [asynchronous, synchronous])
@pytest.mark.parametrize("extension", [Setting, SettingAsync, SettingAround])
async def test_hundreds_of_interleaved_invocations_never_see_each_other(call: Any, extension: type[Setting]) -> None:
    """Variables and attributes flow from hook to function to hook, and never leak, on the loop and in threads."""
    instance = extension()
    target = function(call)
    host = loaded({"setting": instance}, target)

    async def one(invoker: Any, number: int) -> tuple[str, str]:
        return f"i{number}", await invoker(Context(f"i{number}"), {})

    invoker = invoker_of(host, target)
    answers = await asyncio.gather(*(asyncio.create_task(one(invoker, number)) for number in range(300)))
    await host.shutdown()
    assert all(invocation == answer for invocation, answer in answers)
    assert len(instance.found) == 300
    assert all(who == invocation and mark == f"mark of {invocation}" for invocation, who, mark in instance.found)
    assert WHO.get() == "nobody"
