"""Which extension an error is recorded for: the one whose hook raised it first, once, and no other."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import hosting
from hosting.authoring import Outcome
from hosting.extensions import ExtensionHost, record_unusable_result
from hosting.host.context import Context as HostContext
from hosting.host.context import InvocationLocal
from tests.support.invoking import Context, extension_entry, function, invoker_of, load_host

pytestmark = pytest.mark.exhaustive

HOOKS = ("pre_invocation", "post_invocation", "invocation_error", "invocation")
LEVELS = ("", "_app_level")


def extension(hook: str, act: Callable[..., None]) -> Any:
    """Return an extension with one sync hook that calls ``act`` with what it gets."""

    def plain(context: Any, exception: Any = None) -> None:
        act(context, exception)

    def around(context: Any) -> Iterator[None]:
        outcome: Any = yield
        act(context, outcome.exception)

    if hook.startswith("invocation") and "error" not in hook:
        return type("Around", (), {hook: staticmethod(hosting.hookimpl(around))})()
    if "error" in hook:
        return type("Error", (), {hook: staticmethod(hosting.hookimpl(plain))})()
    return type("Plain", (), {hook: staticmethod(hosting.hookimpl(lambda context: act(context, None)))})()


def async_extension(hook: str, act: Callable[..., None]) -> Any:
    """Return an extension with one async hook that calls ``act`` with what it gets."""

    async def plain(context: Any) -> None:
        await asyncio.sleep(0)
        act(context, None)

    async def error(context: Any, exception: Any) -> None:
        await asyncio.sleep(0)
        act(context, exception)

    async def around(context: Any) -> AsyncIterator[None]:
        outcome: Any = yield
        await asyncio.sleep(0)
        act(context, outcome.exception)

    is_around = hook.startswith("invocation") and "error" not in hook
    body = around if is_around else error if "error" in hook else plain
    return type("Async", (), {hook: staticmethod(hosting.hookimpl(body))})()


KINDS = {"sync": extension, "async": async_extension}


def target_of(*, is_async: bool, raises: BaseException | None = None) -> Any:
    def call() -> str:
        if raises is not None:
            raise raises
        return "fine"

    async def waiting() -> str:
        await asyncio.sleep(0)
        return call()

    return function(waiting if is_async else call, "F", "outer", "inner")


async def run(host: ExtensionHost, target: Any, *, times: int = 1) -> list[Any]:
    """Invoke the function; return its results and what it raised, by type and message."""
    outcomes = list[Any]()
    for _ in range(times):
        try:
            outcomes.append(await invoker_of(host, target)(Context(), {}))
        except LookupError as exception:
            outcomes.append(exception)
    await host.shutdown()
    return outcomes


def errors(host: ExtensionHost, name: str) -> tuple[int, str | None]:
    """Return how many errors an extension has, and the type of the last one."""
    entry = extension_entry(host, name)
    counts = [figures["errors"] for figures in entry["statistics"].values()]
    return sum(counts), entry["error"] and entry["error"]["type"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("hook", [f"{name}{level}" for name in HOOKS[2:] for level in LEVELS])
async def test_hook_that_raises_the_functions_exception_again_has_no_error(
    hook: str, is_async: bool, kind: str
) -> None:
    """It is the function's, which the caller gets."""

    def raise_again(context: Any, exception: Any) -> None:
        raise exception

    failure = LookupError("the function's")
    target = target_of(is_async=is_async, raises=failure)
    host = load_host({"outer": KINDS[kind](hook, raise_again)}, target)
    assert await run(host, target) == [failure]
    assert errors(host, "outer") == (0, None)


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("hook", [f"{name}{level}" for name in HOOKS[2:] for level in LEVELS])
async def test_hook_that_raises_another_exception_from_the_functions_has_an_error(hook: str, is_async: bool) -> None:
    """The new exception is the hook's own."""

    def raise_other(context: Any, exception: Any) -> None:
        raise ValueError("the hook's") from exception

    failure = LookupError("the function's")
    target = target_of(is_async=is_async, raises=failure)
    host = load_host({"outer": extension(hook, raise_other)}, target)
    assert await run(host, target) == [failure]
    assert errors(host, "outer") == (1, "ValueError")


@pytest.mark.parametrize("kinds", [("sync", "sync"), ("sync", "async"), ("async", "sync"), ("async", "async")])
@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize(("inner", "outer"), [("pre_invocation", "invocation"), ("post_invocation", "invocation")])
async def test_exception_that_two_extensions_raise_belongs_to_the_first(
    inner: str, outer: str, is_async: bool, kinds: tuple[str, str]
) -> None:
    """In each invocation it is counted once, for the one that raised it first."""
    shared = ValueError("shared")

    def raise_shared(context: Any, exception: Any) -> None:
        raise shared

    target = target_of(is_async=is_async)
    extensions = {"outer": KINDS[kinds[0]](outer, raise_shared), "inner": KINDS[kinds[1]](inner, raise_shared)}
    host = load_host(extensions, target, section={"order": ["outer", "inner"]})
    assert await run(host, target, times=3) == ["fine"] * 3
    assert errors(host, "inner") == (3, "ValueError")
    assert errors(host, "outer") == (0, None)


async def test_exception_that_another_extension_raises_in_a_later_invocation_is_its_own() -> None:
    """What an extension raised in an earlier invocation excuses no other one."""
    shared = ValueError("shared")
    raising = ["inner", "outer"]

    def act_as(name: str) -> Callable[..., None]:
        def act(context: Any, exception: Any) -> None:
            if raising[0] == name:
                raise shared

        return act

    def next_one(context: Any, exception: Any) -> None:
        raising.reverse()

    target = target_of(is_async=False)
    extensions = {
        "last": extension("invocation_app_level", next_one),
        "outer": extension("invocation", act_as("outer")),
        "inner": extension("invocation", act_as("inner")),
    }
    host = load_host(extensions, target)
    assert await run(host, target, times=2) == ["fine", "fine"]
    assert (errors(host, "inner"), errors(host, "outer")) == ((1, "ValueError"), (1, "ValueError"))


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("hook", HOOKS)
async def test_exception_that_reaches_another_extension_by_the_context_belongs_to_the_first(
    hook: str, is_async: bool
) -> None:
    """An outer around hook that raises what an inner hook left behind has no error."""

    def leave_and_raise(context: Any, exception: Any) -> None:
        context.left = ValueError("the inner one's")
        raise context.left

    def raise_left(context: Any, exception: Any) -> None:
        raise context.left

    failure = LookupError("the function's") if "error" in hook else None
    target = target_of(is_async=is_async, raises=failure)
    extensions = {"outer": extension("invocation_app_level", raise_left), "inner": extension(hook, leave_and_raise)}
    host = load_host(extensions, target)
    assert await run(host, target) == [failure or "fine"]
    assert (errors(host, "inner"), errors(host, "outer")) == ((1, "ValueError"), (0, None))


@pytest.mark.parametrize("is_async", [False, True])
async def test_traceback_of_an_error_does_not_mention_the_error_of_another_extension(
    is_async: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither as its cause nor as its context."""

    def first(context: Any, exception: Any) -> None:
        raise ValueError("of the first")

    def second(context: Any, exception: Any) -> None:
        raise TypeError("of the second")

    target = target_of(is_async=is_async, raises=LookupError("of the function"))
    for kinds in ((extension, extension), (extension, async_extension), (async_extension, async_extension)):
        extensions = {
            "inner": kinds[0]("invocation_error", first),
            "outer": kinds[1]("invocation_error_app_level", second),
        }
        host = load_host(extensions, target)
        await run(host, target)
        traces = [extension_entry(host, name)["error"]["traceback"] for name in ("inner", "outer")]
        assert ["of the first" in one for one in traces] == [True, False]
        assert ["of the second" in one for one in traces] == [False, True]
        assert not any("of the function" in one for one in traces)


@pytest.mark.parametrize("is_async", [False, True])
async def test_error_while_another_extension_is_cancelled_for_its_budget_is_recorded_for_its_own(
    is_async: bool,
) -> None:
    """The time-out is that of the slow one, and the exception that of the other one."""

    class Slow:
        @hosting.hookimpl
        async def invocation_app_level(self) -> AsyncIterator[None]:
            yield
            await asyncio.sleep(60)

    def fail(context: Any, exception: Any) -> None:
        raise ValueError("own")

    target = target_of(is_async=is_async)
    for make in (extension, async_extension):
        extensions = {
            "before": make("pre_invocation_app_level", fail),
            "slow": Slow(),
            "inner": make("invocation", fail),
        }
        extensions["after"] = make("post_invocation_app_level", fail)
        host = load_host(extensions, target, section={"budgets": {"hook": 0.5}})
        assert await run(host, target) == ["fine"]
        assert errors(host, "slow") == (1, "TimeoutError")
        assert {errors(host, one) for one in ("before", "inner", "after")} == {(1, "ValueError")}


async def test_error_while_the_host_cancels_the_invocation_is_recorded_for_its_own() -> None:
    """The extension that waits has no error, however it takes the cancellation."""
    entered = asyncio.Event()

    class Waiting:
        @hosting.hookimpl
        async def pre_invocation_app_level(self) -> None:
            entered.set()
            await asyncio.sleep(60)

    def fail(context: Any, exception: Any) -> None:
        raise ValueError("own")

    target = target_of(is_async=True)
    extensions = {"outer": extension("invocation_app_level", fail), "waiting": Waiting()}
    host = load_host(extensions, target, section={"budgets": {"hook": 60.0}})
    task = asyncio.ensure_future(invoker_of(host, target)(Context(), {}))
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await host.shutdown()
    assert (errors(host, "outer"), errors(host, "waiting")) == ((1, "ValueError"), (0, None))


def spoil(context: Any, exception: Any = None) -> None:
    vars(context).clear()
    context.invocation_id = context.function_name = None


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("make", KINDS.values())
async def test_spoiled_context_gives_no_other_extension_an_error(make: Callable[..., Any], is_async: bool) -> None:
    """The log names the invocation as it was."""

    def fail(context: Any, exception: Any) -> None:
        raise ValueError("own")

    target = target_of(is_async=is_async)
    extensions = {"spoiling": make("pre_invocation_app_level", spoil), "inner": make("post_invocation", fail)}
    extensions["fine"] = make("post_invocation_app_level", lambda context, exception: None)
    host = load_host(extensions, target)
    assert await invoker_of(host, target)(Context("the-invocation"), {}) == "fine"
    await host.shutdown()
    assert (errors(host, "spoiling"), errors(host, "fine")) == ((0, None), (0, None))
    assert errors(host, "inner") == (1, "ValueError")
    assert extension_entry(host, "inner")["error"]["invocation_id"] == "the-invocation"


@pytest.mark.parametrize("is_async", [False, True])
async def test_unusable_result_belongs_to_the_extension_that_set_it_whatever_another_one_does_to_the_context(
    is_async: bool,
) -> None:
    """An extension that empties the context's attributes does not make it the function's."""

    class Answering:
        @hosting.hookimpl
        def post_invocation(self) -> object:
            return object()

    target = target_of(is_async=is_async)
    host = load_host({"inner": Answering(), "outer": extension("invocation_app_level", spoil)}, target)
    context = HostContext("the-invocation", "F", "/app", InvocationLocal())
    await invoker_of(host, target)(context, {})
    await host.shutdown()
    record_unusable_result(context, "F", TypeError("cannot be encoded"))
    assert extension_entry(host, "inner")["error"]["type"] == "TypeError"
    assert errors(host, "outer") == (0, None)


@pytest.mark.parametrize("is_async", [False, True])
async def test_unusable_result_that_an_around_hook_has_put_in_the_outcome_belongs_to_its_extension(
    is_async: bool,
) -> None:
    """The outcome is what it has yielded for, and says whether it was replaced."""

    class Replacing:
        @hosting.hookimpl
        def invocation(self) -> Any:
            outcome = yield
            outcome.set_result(object())

    target = target_of(is_async=is_async)
    host = load_host({"inner": Replacing()}, target)
    context = HostContext("the-invocation", "F", "/app", InvocationLocal())
    await invoker_of(host, target)(context, {})
    await host.shutdown()
    record_unusable_result(context, "F", TypeError("cannot be encoded"))
    assert extension_entry(host, "inner")["error"]["type"] == "TypeError"


def raise_in_thread_pool(context: Any, exception: Any) -> None:
    def fail() -> None:
        raise ValueError("own")

    with ThreadPoolExecutor(1) as pool:
        pool.submit(fail).result()


def raise_group(context: Any, exception: Any) -> None:
    raise BaseExceptionGroup("several", [ValueError("one"), asyncio.CancelledError(), GeneratorExit()])


def replace_excepthook_and_raise(context: Any, exception: Any) -> None:
    sys.excepthook = lambda *args: None
    raise ValueError("own")


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("make", KINDS.values())
@pytest.mark.parametrize("act", [raise_in_thread_pool, raise_group, replace_excepthook_and_raise])
async def test_unusual_error_is_recorded_once_and_for_its_own(
    act: Callable[..., None], make: Callable[..., Any], is_async: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Errors of a thread pool, groups of exceptions, and with the interpreter's hook replaced."""
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    target = target_of(is_async=is_async)
    extensions = {"outer": make("invocation", lambda context, exception: None), "inner": make("pre_invocation", act)}
    host = load_host(extensions, target)
    assert await run(host, target) == ["fine"]
    assert errors(host, "outer") == (0, None)
    assert errors(host, "inner") == (1, "BaseExceptionGroup" if act is raise_group else "ValueError")


async def test_outcome_of_an_outer_hook_has_no_error_of_an_inner_one() -> None:
    """The around hook gets what the function returned."""
    seen = list[Outcome]()

    class Outer:
        @hosting.hookimpl
        def invocation_app_level(self) -> Iterator[None]:
            outcome: Any = yield
            seen.append(outcome)

    def fail(context: Any, exception: Any) -> None:
        raise ValueError("own")

    target = target_of(is_async=False)
    host = load_host({"outer": Outer(), "inner": extension("post_invocation", fail)}, target)
    assert await run(host, target) == ["fine"]
    assert [(one.result, one.exception) for one in seen] == [("fine", None)]


def raising(attribute: str) -> BaseException:
    """Return an exception that raises when one of its attributes is read or called."""

    def refuse(*_: Any) -> Any:
        raise SystemExit(3)

    value: Any = refuse if attribute in ("__str__", "__repr__") else property(refuse)
    kind: Any = type("Odd", (BaseException,), {attribute: value})
    made: BaseException = kind("text")
    return made


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("make", KINDS.values())
@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("attribute", ["__class__", "__dict__", "__str__", "__repr__", "__traceback__", "__cause__"])
async def test_exception_that_raises_when_it_is_looked_at_is_recorded(
    attribute: str, hook: str, make: Callable[..., Any], is_async: bool
) -> None:
    """The caller gets what the function returns or raises."""

    def fail(context: Any, exception: Any) -> None:
        raise raising(attribute)

    failure = LookupError("the function's") if "error" in hook else None
    target = target_of(is_async=is_async, raises=failure)
    host = load_host({"outer": make(hook, fail)}, target)
    assert await run(host, target) == [failure or "fine"]
    assert errors(host, "outer") == (1, "Odd")
