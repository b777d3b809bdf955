"""Calls of hooks outside invocations, without a host: what is counted, recorded, watched and passed."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from hosting.extensions._lifespan import call_now, call_on_loop, close_service
from hosting.extensions._model import Extension, Hook
from hosting.extensions._start_monitor import StartMonitor

BUDGET = 0.02
LONG_BUDGET = 60.0
"""The seconds that no hook of these tests takes."""


class RecordingMonitor(StartMonitor):
    """Records what it is asked to watch."""

    def __init__(self) -> None:
        super().__init__()
        self.watched: list[tuple[str, str, float, bool]] = []

    @contextmanager
    def watching(self, extension: Extension, what: str, budget: float, *, is_async: bool = False) -> Iterator[None]:
        self.watched.append((extension.name, what, budget, is_async))
        yield


@pytest.fixture
def monitor() -> RecordingMonitor:
    return RecordingMonitor()


def hook(name: str, function: Callable[..., Any], *arguments: str, is_async: bool = False) -> Hook:
    """Return a hook of an active extension."""
    return Hook(name, Extension("one", status="active"), function, arguments, is_async=is_async)


def counts(one: Hook) -> tuple[int, int]:
    """Return the numbers of calls and of errors."""
    return one.statistics.calls, one.statistics.errors


def raising(error: BaseException) -> Callable[..., Any]:
    def fail(*_arguments: Any) -> None:
        raise error

    return fail


def raising_async(error: BaseException) -> Callable[..., Any]:
    async def fail(*_arguments: Any) -> None:
        raise error

    return fail


async def test_def_hook_on_the_loop_gets_its_arguments_in_a_daemon_thread_of_its_name(
    monitor: RecordingMonitor,
) -> None:
    """The thread must not keep the process alive; each call is counted."""
    seen: list[Any] = []

    def startup(app: str) -> None:
        thread = threading.current_thread()
        seen.append((app, thread.name, thread.daemon))

    one = hook("startup", startup, "app")
    for _ in range(2):
        assert await call_on_loop(one, {"app": "the app", "other": 1}, LONG_BUDGET, monitor) is True
    assert seen == [("the app", "hosting-startup", True)] * 2
    assert (counts(one), one.extension.error) == ((2, 0), None)
    assert monitor.watched == [("one", "in its hook startup", LONG_BUDGET, True)] * 2


async def test_async_hook_on_the_loop_gets_its_arguments_on_that_loop(monitor: RecordingMonitor) -> None:
    """It may create tasks that live as long as the host."""
    seen: list[Any] = []

    async def shutdown(app: str) -> None:
        seen.append((app, asyncio.get_running_loop()))

    one = hook("shutdown", shutdown, "app", is_async=True)
    assert await call_on_loop(one, {"app": "the app"}, LONG_BUDGET, monitor) is True
    assert seen == [("the app", asyncio.get_running_loop())]
    assert counts(one) == (1, 0)
    assert monitor.watched == [("one", "in its hook shutdown", LONG_BUDGET, True)]


@pytest.mark.parametrize("is_async", [False, True])
async def test_hook_on_the_loop_that_raises_is_one_error_for_no_function(
    monitor: RecordingMonitor, is_async: bool
) -> None:
    """The error names phase and hook, and is recorded once."""
    one = hook("startup", (raising_async if is_async else raising)(LookupError("gone")), is_async=is_async)
    assert await call_on_loop(one, {}, LONG_BUDGET, monitor) is False
    error = one.extension.error
    assert error is not None
    assert (error.phase, error.hook, error.function, error.summary) == (
        "startup",
        "startup",
        None,
        "LookupError: gone",
    )
    assert counts(one) == (1, 1)


async def test_def_hook_on_the_loop_is_not_waited_for_after_its_budget(monitor: RecordingMonitor) -> None:
    """Its error is a time-out with the budget; what it raises later takes the place of that, and is not counted."""
    release, threads = threading.Event(), list[threading.Thread]()

    def shutdown() -> None:
        threads.append(threading.current_thread())
        release.wait(30)
        raise LookupError("late")

    one = hook("shutdown", shutdown)
    assert await call_on_loop(one, {}, BUDGET, monitor) is False
    assert one.extension.error is not None
    assert one.extension.error.summary == "TimeoutError: it took longer than its budget of 0.02 s"
    release.set()
    await asyncio.to_thread(threads[0].join)
    assert one.extension.error.type == "LookupError"
    error = one.extension.error
    assert (error.phase, error.hook, error.function, counts(one)) == ("shutdown", "shutdown", None, (1, 1))


def test_load_time_hook_is_counted_and_watched_with_what_it_returns(monitor: RecordingMonitor) -> None:
    """A def hook runs on this thread; the watch says that nothing ends it."""
    seen: list[Any] = []
    one = hook("init", lambda app: (app, threading.current_thread()), "app")
    assert call_now(one, {"app": "the app"}, LONG_BUDGET, monitor, accept=seen.append) is True
    assert seen == [("the app", threading.current_thread())]
    assert (counts(one), monitor.watched) == ((1, 0), [("one", "in its hook init", LONG_BUDGET, False)])


def test_async_load_time_hook_runs_in_a_daemon_thread_of_its_name(monitor: RecordingMonitor) -> None:
    """This thread may have a running event loop; what the hook returns is accepted too."""
    seen: list[Any] = []

    async def configure(settings: str) -> Any:
        thread = threading.current_thread()
        return settings, thread.name, thread.daemon

    one = hook("configure", configure, "settings", is_async=True)
    assert call_now(one, {"settings": "its settings"}, LONG_BUDGET, monitor, accept=seen.append) is True
    assert seen == [("its settings", "hosting-configure", True)]
    assert (counts(one), monitor.watched) == ((1, 0), [("one", "in its hook configure", LONG_BUDGET, True)])


@pytest.mark.parametrize("is_async", [False, True])
def test_load_time_hook_that_raises_is_one_error_for_its_function(monitor: RecordingMonitor, is_async: bool) -> None:
    """The error names hook and function, and nothing is accepted."""
    fail = (raising_async if is_async else raising)(LookupError("gone"))
    one = hook("init_function", fail, is_async=is_async)
    accepted: list[Any] = []
    assert call_now(one, {}, LONG_BUDGET, monitor, function="F", accept=accepted.append) is False
    error = one.extension.error
    assert error is not None
    assert (error.phase, error.hook, error.function, error.summary) == (
        "init_function",
        "init_function",
        "F",
        "LookupError: gone",
    )
    assert (counts(one), accepted) == ((1, 1), [])


@pytest.mark.parametrize("is_async", [False, True])
def test_result_that_is_not_accepted_is_the_error_of_the_hook(monitor: RecordingMonitor, is_async: bool) -> None:
    """What it returned is wrong."""

    async def prepare() -> int:
        return 1

    one = hook("prepare", prepare if is_async else lambda: 1, is_async=is_async)
    assert call_now(one, {}, LONG_BUDGET, monitor, accept=raising(ValueError("not a list"))) is False
    assert one.extension.error is not None
    assert (one.extension.error.summary, counts(one)) == ("ValueError: not a list", (1, 1))


def test_def_hook_that_returns_a_coroutine_is_an_error_with_the_remedy(monitor: RecordingMonitor) -> None:
    """Nothing awaits the coroutine, and it is closed, so that Python does not warn of it."""

    async def forgotten() -> None: ...

    coroutine = forgotten()
    one = hook("init", lambda: coroutine)
    assert call_now(one, {}, LONG_BUDGET, monitor) is False
    error = one.extension.error
    assert error is not None
    assert (error.summary, error.remedy) == ("ExtensionError: it returned a coroutine", "Declare it 'async def'.")
    assert inspect.getcoroutinestate(coroutine) == inspect.CORO_CLOSED


def test_keyboard_interrupt_of_a_load_time_hook_is_not_contained(monitor: RecordingMonitor) -> None:
    """Isolation does not hold back Ctrl-C, and it is no error of the extension."""
    one = hook("init", raising(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        call_now(one, {}, LONG_BUDGET, monitor)
    assert (counts(one), one.extension.error) == ((1, 0), None)


@pytest.mark.parametrize("is_async", [False, True])
async def test_closer_of_a_service_gets_its_value_in_a_thread_or_on_the_loop(is_async: bool) -> None:
    """What it raises is an error that names the service."""
    extension, seen = Extension("one", status="active"), list[Any]()

    def close(value: str) -> None:
        seen.append((value, threading.current_thread().name))
        raise LookupError("gone")

    async def close_async(value: str) -> None:
        close(value)

    service = SimpleNamespace(name="the pool", value="its value", close=close_async if is_async else close)
    await close_service(extension, service, LONG_BUDGET)  # type: ignore[arg-type]
    assert seen == [("its value", threading.current_thread().name if is_async else "hosting-close")]
    assert extension.error is not None
    assert (extension.error.phase, extension.error.summary) == ("closing the pool", "LookupError: gone")


async def test_service_without_an_error_is_closed_without_one() -> None:
    """Nothing is recorded."""
    extension = Extension("one", status="active")
    service = SimpleNamespace(name="the pool", value="its value", close=lambda value: None)
    await close_service(extension, service, LONG_BUDGET)  # type: ignore[arg-type]
    assert extension.error is None
