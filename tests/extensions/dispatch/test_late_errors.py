"""Hooks that raise after their budget: one error is counted, and it is what the hook raised."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

import hosting
from hosting.core import Function
from hosting.extensions import ExtensionHost
from tests.support.invoking import ON, Context, exceed_budget, extension_entry, function, invoker_of, load_host

pytestmark = pytest.mark.exhaustive

BUDGET = 0.05
LONG_BUDGET = 60.0
"""The budget in tests that no hook exceeds."""


class Late(Exception):
    """What each hook raises after its budget."""


def load(extension: Any, *, is_async: bool, fails: bool = False, budget: float = BUDGET) -> tuple[ExtensionHost, Any]:
    """Return a host with the extension, and an invocation of a function."""

    def call() -> str:
        if fails:
            raise LookupError("the function")
        return "fine"

    async def waiting() -> str:
        return call()

    target = function(waiting if is_async else call, "F", "late")
    host = load_host({"late": extension}, target, section={"budgets": dict.fromkeys(BUDGETS, budget)})
    extension.host = host
    return host, invoker_of(host, target)


BUDGETS = ("hook", "startup", "shutdown")


async def outcome_of(host: ExtensionHost, invoke: Callable[..., Any]) -> str:
    try:
        return str(await invoke(Context("the-invocation"), {}))
    except LookupError as exception:
        return str(exception)
    finally:
        await host.shutdown()


def check(host: ExtensionHost, hook: str, caplog: pytest.LogCaptureFixture, type_name: str = "Late") -> None:
    """Check that one error is counted, and that diagnosis and log have what the hook raised."""
    entry = extension_entry(host, "late")
    assert entry["statistics"][hook]["errors"] == 1
    assert (entry["error"]["type"], entry["error"]["hook"]) == (type_name, hook)
    if type_name == "Late":
        assert entry["error"]["message"] == "the reason"
        assert "raise Late" in entry["error"]["traceback"]
        assert "raise Late" in caplog.text
    records = [one for one in caplog.records if one.name == "hosting.extensions.late"]
    assert f"{type_name}: " in records[-1].getMessage()
    assert len(records) == 1


PLAIN = ("pre_invocation", "post_invocation", "invocation_error")
AROUND = ("invocation",)
LEVELS = ("", "_app_level")


def sync_hook(hook: str, where: str) -> Any:
    def blocked(self: Any) -> None:
        exceed_budget(self.host)
        raise Late("the reason")

    def around(self: Any) -> Iterator[None]:
        if where == "before":
            blocked(self)
        yield
        if where == "after":
            blocked(self)

    return type("Sync", (), {hook: hosting.hookimpl(around if hook.startswith("invocation") and where else blocked)})()


def async_hook(hook: str, where: str, late: Callable[[], Any]) -> Any:
    async def plain(self: Any) -> None:
        await late()

    async def around(self: Any) -> AsyncIterator[None]:
        if where == "before":
            await late()
        yield
        if where == "after":
            await late()

    return type("Async", (), {hook: hosting.hookimpl(around if where else plain)})()


async def raise_when_cancelled() -> None:
    try:
        await asyncio.sleep(60)
    finally:
        raise Late("the reason")


async def raise_other_when_cancelled() -> None:
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        raise Late("the reason") from None


async def raise_when_closed() -> None:
    try:
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(60)
    finally:
        raise Late("the reason")


async def end_when_cancelled() -> None:
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(60)


async def answer_when_cancelled() -> None:
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        raise hosting.ShortCircuit("too late") from None


HOOKS = [(name + level, "") for name in PLAIN for level in LEVELS]
HOOKS += [(name + level, where) for name in AROUND for level in LEVELS for where in ("before", "after")]


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize(("hook", "where"), HOOKS)
async def test_sync_hook_that_raises_after_its_budget_is_one_error(
    hook: str, where: str, is_async: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """It is not counted a second time as too slow."""
    host, invoke = load(sync_hook(hook, where), is_async=is_async, fails=hook.startswith("invocation_error"))
    assert await outcome_of(host, invoke) == ("the function" if hook.startswith("invocation_error") else "fine")
    check(host, hook, caplog)


RAISING = [raise_when_cancelled, raise_other_when_cancelled, raise_when_closed]
RAISING_HOOKS = [
    # The wrappers of mutmut stand between a hook and its generator, so that closing the hook misses that.
    pytest.param(*hook, late, marks=[pytest.mark.unmutated] if hook[1] and late is raise_when_closed else [])
    for hook in HOOKS
    for late in RAISING
]


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize(("hook", "where", "late"), RAISING_HOOKS)
async def test_async_hook_that_raises_when_its_budget_ends_it_is_one_error(
    hook: str, where: str, late: Callable[[], Any], is_async: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Whether it raises at its cancellation, later, or when it is closed."""
    host, invoke = load(async_hook(hook, where, late), is_async=is_async, fails=hook.startswith("invocation_error"))
    assert await outcome_of(host, invoke) == ("the function" if hook.startswith("invocation_error") else "fine")
    check(host, hook, caplog)


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("late", [end_when_cancelled, answer_when_cancelled])
@pytest.mark.parametrize(("hook", "where"), [("pre_invocation", ""), ("invocation_app_level", "before")])
async def test_async_hook_that_ends_or_answers_after_its_budget_is_a_timeout(
    hook: str, where: str, late: Callable[[], Any], is_async: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """A late answer does not count: the function has its turn."""
    host, invoke = load(async_hook(hook, where, late), is_async=is_async)
    assert await outcome_of(host, invoke) == "fine"
    check(host, hook, caplog, "TimeoutError")


@pytest.mark.parametrize("is_async", [False, True])
async def test_sync_hook_that_answers_after_its_budget_is_a_timeout(
    is_async: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Its answer counts, as it took the time, and the error too."""

    class Answering:
        host: ExtensionHost

        @hosting.hookimpl
        def pre_invocation_app_level(self) -> None:
            exceed_budget(self.host)
            raise hosting.ShortCircuit("answer")

    host, invoke = load(Answering(), is_async=is_async)
    assert await outcome_of(host, invoke) == "answer"
    check(host, "pre_invocation_app_level", caplog, "TimeoutError")


async def test_late_error_of_one_hook_is_not_that_of_the_next_one(caplog: pytest.LogCaptureFixture) -> None:
    """What the first one raised when it was closed is gone when the second one exceeds its budget."""

    class Both:
        @hosting.hookimpl
        async def pre_invocation_app_level(self) -> None:
            await raise_when_closed()

        @hosting.hookimpl
        async def post_invocation_app_level(self) -> None:
            await end_when_cancelled()

    host, invoke = load(Both(), is_async=True)
    assert await outcome_of(host, invoke) == "fine"
    types = [one.getMessage().splitlines()[-1] for one in caplog.records if one.name == "hosting.extensions.late"]
    budget = f"it took longer than its budget of {BUDGET} s"
    assert types == [f"{Late.__module__}.Late: the reason", f"TimeoutError: {budget}"]


@pytest.mark.parametrize("is_async", [False, True])
async def test_around_hook_that_is_late_before_its_yield_and_raises_after_it_is_one_error(
    is_async: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """The error that is shown in the end is what it raised, and the log has both."""

    class Around:
        host: ExtensionHost

        @hosting.hookimpl
        def invocation(self) -> Iterator[None]:
            exceed_budget(self.host)
            yield
            raise Late("the reason")

    host, invoke = load(Around(), is_async=is_async)
    assert [await invoke(Context("one"), {}), await outcome_of(host, invoke)] == ["fine", "fine"]
    entry = extension_entry(host, "late")
    assert (entry["statistics"]["invocation"]["errors"], entry["error"]["type"]) == (2, "Late")
    messages = [one.getMessage() for one in caplog.records if one.name == "hosting.extensions.late"]
    assert [": Late: the reason" in one for one in messages] == [False, True, False, True]


LIFECYCLE = ("init", "configure", "init_function", "configure_function", "post_function_load", "startup", "shutdown")


def lifecycle_extension(hook: str, late: Callable[[], Any]) -> Any:
    async def waiting(self: Any) -> None:
        await late()

    return type("Lifecycle", (), {hook: hosting.hookimpl(waiting)})()


async def run(extension: Any, target: Function) -> ExtensionHost:
    """Run a host from its load to its end."""
    host = ExtensionHost(environ=ON, section={"budgets": dict.fromkeys(BUDGETS, BUDGET)})
    host.register("late", extension)
    await asyncio.to_thread(host.load, [target])
    await host.startup()
    await host.shutdown()
    return host


@pytest.mark.parametrize("hook", LIFECYCLE)
@pytest.mark.parametrize("late", RAISING)
async def test_async_lifecycle_hook_that_raises_when_its_budget_ends_it_is_one_error(
    hook: str, late: Callable[[], Any], caplog: pytest.LogCaptureFixture
) -> None:
    """The diagnosis and the log have what it raised."""
    host = await run(lifecycle_extension(hook, late), function(lambda: "fine", "F", "late"))
    check(host, hook, caplog)
    if hook in ("init", "configure"):
        assert extension_entry(host, "late")["reason"] == f"{hook}() raised Late: the reason"


@pytest.mark.parametrize("hook", LIFECYCLE)
@pytest.mark.parametrize("late", [end_when_cancelled])
async def test_async_lifecycle_hook_that_ends_after_its_budget_is_a_timeout(
    hook: str, late: Callable[[], Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Also where it hides its cancellation."""
    host = await run(lifecycle_extension(hook, late), function(lambda: "fine", "F", "late"))
    check(host, hook, caplog, "TimeoutError")


@pytest.mark.parametrize("hook", ["startup", "shutdown"])
async def test_def_hook_that_raises_when_nothing_waits_for_it_replaces_its_timeout(
    hook: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Its thread cannot be stopped: what it raises in the end is logged, and not counted again."""
    released = threading.Event()

    def blocked(self: Any) -> None:
        released.wait()
        raise Late("the reason")

    extension = type("Blocked", (), {hook: hosting.hookimpl(blocked)})()
    host = await run(extension, function(lambda: "fine", "F", "late"))
    assert extension_entry(host, "late")["error"]["type"] == "TimeoutError"
    released.set()
    for thread in threading.enumerate():
        if thread.name == f"hosting-{hook}":
            await asyncio.to_thread(thread.join)
    entry = extension_entry(host, "late")
    assert (entry["error"]["type"], entry["error"]["message"]) == ("Late", "the reason")
    assert entry["statistics"][hook]["errors"] == 1
    messages = [one.getMessage() for one in caplog.records if one.name == "hosting.extensions.late"]
    assert [": Late: the reason" in one for one in messages] == [False, True]


@pytest.mark.unmutated  # for the same reason
@pytest.mark.parametrize("is_async", [False, True])
async def test_closed_around_hook_runs_its_cleanup_and_leaves_no_running_generator(
    is_async: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """On Python 3.11 and 3.12, closing a coroutine leaves the async generator that it waits for as it is."""
    cleaned_up = asyncio.Event()

    class Stubborn:
        @hosting.hookimpl
        async def invocation_app_level(self) -> AsyncIterator[None]:
            yield
            try:
                while True:
                    with contextlib.suppress(asyncio.CancelledError):
                        await asyncio.sleep(60)
            finally:
                cleaned_up.set()

    host, invoke = load(Stubborn(), is_async=is_async)
    unhandled = list[Any]()
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: unhandled.append(context))
    assert await outcome_of(host, invoke) == "fine"
    await cleaned_up.wait()
    await asyncio.get_running_loop().shutdown_asyncgens()
    assert unhandled == []
    check(host, "invocation_app_level", caplog, "TimeoutError")
