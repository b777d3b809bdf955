"""Closing of async hooks: of a late one, whatever it awaits, and of the chain that waits for one."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sys
import types
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Generator, Iterator
from typing import Annotated, Any

import pytest

import hosting
from hosting._injection import injected_parameters
from hosting.errors import ExtensionError
from tests.support.invoking import Context, extension_entry, function, invoker_of, load_host

BUDGET_SECONDS = 0.1
LONG_BUDGET_SECONDS = 60.0

Awaiting = Callable[[], Coroutine[Any, Any, None]]


async def generate_stubbornly(error: type[BaseException] = asyncio.CancelledError) -> AsyncGenerator[None, None]:
    """Wait for a long time, although it is cancelled."""
    for _ in range(4):
        with contextlib.suppress(error):
            await asyncio.sleep(60)
    yield


async def generate_and_raise() -> AsyncGenerator[None, None]:
    """The same, and raise in the cleanup."""
    try:
        await anext(generate_stubbornly())
        yield
    finally:
        raise LookupError("cleanup")


async def generate_and_wait() -> AsyncGenerator[None, None]:
    """The same, and wait in the cleanup."""
    try:
        await anext(generate_stubbornly())
        yield
    finally:
        await asyncio.sleep(60)


class Awaitable:
    """An awaitable of no class of Python's own."""

    def __await__(self) -> Generator[Any, None, None]:
        return (yield from of_generator().__await__())


@types.coroutine
def of_python_3_4() -> Generator[Any, None, None]:
    yield from of_generator().__await__()


async def of_generator() -> None:
    await anext(generate_stubbornly())


async def of_loop() -> None:
    async for _ in generate_stubbornly():
        pass


async def of_awaitable() -> None:
    await Awaitable()


async def of_generator_function() -> None:
    await of_python_3_4()


async def of_context_manager() -> None:
    async with contextlib.asynccontextmanager(generate_stubbornly)():
        pass


async def of_generator_that_raises() -> None:
    await anext(generate_and_raise())


async def of_generator_that_waits() -> None:
    await anext(generate_and_wait())


async def of_generator_that_suppresses_everything() -> None:
    await anext(generate_stubbornly(BaseException))


async def suppress_everything() -> None:
    for _ in range(4):
        with contextlib.suppress(BaseException):
            await asyncio.sleep(60)


async def wait_in_cleanup() -> None:
    try:
        await asyncio.sleep(60)
    finally:
        await asyncio.sleep(60)


AWAITED: list[Awaiting] = [
    of_generator,
    of_loop,
    of_awaitable,
    of_generator_function,
    of_context_manager,
    of_generator_that_raises,
    of_generator_that_waits,
    of_generator_that_suppresses_everything,
    suppress_everything,
    wait_in_cleanup,
]


class Other:
    """An extension that waits before and after the function, and is never late."""

    @hosting.hookimpl
    async def pre_invocation_app_level(self) -> None:
        await asyncio.sleep(0)

    @hosting.hookimpl
    async def post_invocation_app_level(self) -> None:
        await asyncio.sleep(0)


def nested(depth: int, awaited: Awaiting) -> Awaiting:
    """Return a coroutine function that awaits ``awaited`` through as many others."""

    async def outer() -> None:
        await nested(depth - 1, awaited)() if depth else await awaited()

    return outer


def late_extension(awaited: Awaiting, *, is_around: bool) -> Any:
    async def plain(self: Any) -> None:
        await awaited()

    async def around(self: Any) -> AsyncIterator[None]:
        await awaited()
        yield

    hook = "invocation_app_level" if is_around else "pre_invocation_app_level"
    return type("Late", (), {hook: hosting.hookimpl(around if is_around else plain)})


def errors(host: Any, name: str) -> tuple[int, str | None]:
    """Return how many errors an extension has, and the type of the last one."""
    entry = extension_entry(host, name)
    counts = [figures["errors"] for figures in entry["statistics"].values()]
    return sum(counts), entry["error"] and entry["error"]["type"]


@contextlib.contextmanager
def nothing_unhandled(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Check that nothing is raised where no code can handle it."""
    unhandled = list[Any]()
    found, sys.unraisablehook = sys.unraisablehook, unhandled.append
    loop.set_exception_handler(lambda loop, context: unhandled.append(context))
    try:
        yield
        gc.collect()
    finally:
        sys.unraisablehook = found
    assert unhandled == []


async def answer() -> str:
    await asyncio.sleep(0)
    return "fine"


@pytest.mark.exhaustive
@pytest.mark.unmutated  # the wrappers of mutmut stand between a hook and its generator
@pytest.mark.parametrize("is_around", [False, True])
@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("depth", [0, 3])
@pytest.mark.parametrize("awaited", AWAITED, ids=lambda awaited: awaited.__name__)
async def test_late_hook_is_closed_whatever_it_awaits(
    awaited: Awaiting, depth: int, is_async: bool, is_around: bool
) -> None:
    """Nothing is left running, nothing is raised into the event loop, and only the late extension has an error."""
    target = function(answer if is_async else lambda: "fine")
    extensions = {"a": Other, "late": late_extension(nested(depth, awaited), is_around=is_around), "z": Other}
    host = load_host(extensions, target, section={"budgets": {"hook": BUDGET_SECONDS}})
    loop, found = asyncio.get_running_loop(), asyncio.all_tasks()
    with nothing_unhandled(loop):
        assert await invoker_of(host, target)(Context(), {}) == "fine"
        while late := asyncio.all_tasks() - found:  # a sync function does not wait for the end of a late hook
            await asyncio.wait(late)
        await host.shutdown()
        gc.collect()
        await asyncio.sleep(0)
        await loop.shutdown_asyncgens()
    own = "LookupError" if awaited is of_generator_that_raises else "TimeoutError"
    assert [errors(host, name) for name in extensions] == [(0, None), (1, own), (0, None)]


def fail_when_closed(error: BaseException) -> Awaiting:
    async def wait() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            raise error

    return wait


async def suppress_once() -> None:
    with contextlib.suppress(BaseException):
        await asyncio.sleep(60)
    await asyncio.sleep(60)


@pytest.mark.parametrize(
    ("awaited", "error"),
    [
        (fail_when_closed(LookupError("own")), "LookupError"),
        (fail_when_closed(hosting.ShortCircuit("own")), "ShortCircuit"),
        (fail_when_closed(SystemExit(3)), "SystemExit"),
        (suppress_once, "RuntimeError"),
        (wait_in_cleanup, "RuntimeError"),
        (nested(3, suppress_once), "RuntimeError"),
    ],
)
async def test_chain_that_is_closed_while_it_waits_for_a_hook_runs_nothing_more(awaited: Awaiting, error: str) -> None:
    """As Python closes it with its task: what the hook makes of that is its error, and no other extension's."""
    ran = list[str]()

    async def call() -> None:
        ran.append("function")

    target = function(call)
    extensions = {"late": late_extension(awaited, is_around=False), "z": Other}
    host = load_host(extensions, target, section={"budgets": {"hook": LONG_BUDGET_SECONDS}})
    with nothing_unhandled(asyncio.get_running_loop()):
        chain = invoker_of(host, target)(Context(), {})
        task = asyncio.ensure_future(chain)
        await asyncio.sleep(0)
        chain.close()
        task.cancel()
        await asyncio.wait({task})
        assert isinstance(task.exception(), RuntimeError)  # Python's own, for a coroutine that has ended
        await host.shutdown()
    assert ran == []
    assert [errors(host, name) for name in extensions] == [(1, error), (0, None)]


class Value:
    """What a provider gives."""


class Twice:
    """A provider that yields twice, and does not let itself be closed then."""

    @hosting.provider(Value)
    def give(self) -> Iterator[Value]:
        yield Value()
        try:
            yield Value()
        finally:
            raise SystemExit(3)


class TwiceAsync:
    """The same as an async generator."""

    @hosting.provider(Value)
    async def give(self) -> AsyncIterator[Value]:
        yield Value()
        with contextlib.suppress(BaseException):
            yield Value()
        yield Value()


@pytest.mark.parametrize("extension", [Twice, TwiceAsync])
async def test_provider_that_cannot_be_closed_after_its_second_yield_fails_the_invocation(extension: type) -> None:
    """The error says that it yielded twice, and hooks after the function run."""
    ended = list[str]()

    class Noting:
        @hosting.hookimpl
        async def invocation_error_app_level(self) -> None:
            ended.append("error")

    async def call(value: Annotated[Value, hosting.Inject]) -> None:
        await asyncio.sleep(0)

    target = function(call)
    target.injected = injected_parameters(call)
    host = load_host({"twice": extension, "noting": Noting}, target)
    with nothing_unhandled(asyncio.get_running_loop()):
        with pytest.raises(ExtensionError, match="a provider yielded twice"):
            await invoker_of(host, target)(Context(), {})
        await host.shutdown()
    assert ended == ["error"]
