"""Extensions that are isolated, and extensions that are not, with what is said of them."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import re
import threading
import time
from collections.abc import Callable, Generator
from typing import Any

import azure.functions as func
import pytest
from hosting_timer import TimerExtension

import hosting
from hosting.errors import ExtensionError
from hosting.testing import RecordingExtension, assert_isolated, portal


def complaint(extension: Any, **options: Any) -> str:
    """What is said of an extension that is not isolated."""
    with pytest.raises(AssertionError, match="is not isolated:\n- ") as caught:
        assert_isolated(extension, **options)
    return str(caught.value)


@pytest.mark.parametrize("settings", [None, {"append_to_http_response": True}])
def test_an_extension_that_harms_nobody(settings: dict[str, Any] | None) -> None:
    """The first-party timer passes, with and without settings, as a class and by its installed name."""
    assert_isolated(TimerExtension, settings=settings)
    assert_isolated("timer", settings=settings)


class WithoutHarm:
    """Every kind of hook, sync and async, at both levels."""

    @hosting.hookimpl
    async def startup(self) -> None:
        self.lock = asyncio.Lock()

    @hosting.hookimpl
    async def pre_invocation_app_level(self, context: func.Context) -> None:
        async with self.lock:
            context.seen = True  # type: ignore[attr-defined]

    @hosting.hookimpl
    def invocation(self) -> Generator[None, hosting.Outcome, None]:
        yield

    @hosting.hookimpl
    def invocation_error(self, exception: BaseException) -> None:
        assert exception is not None


def test_hooks_of_every_kind() -> None:
    """Async hooks and function-level hooks are tried, too."""
    assert_isolated(WithoutHarm)


def test_in_an_async_test() -> None:
    """It may be called while a loop is running."""

    async def run() -> None:
        assert_isolated(WithoutHarm)

    asyncio.run(run())


class Started:
    """As Azure's sample of a timer: its post hook does not run when a function raises."""

    def __init__(self) -> None:
        self.started: dict[str, float] = {}

    @hosting.hookimpl
    def pre_invocation_app_level(self, context: func.Context) -> None:
        self.started[context.invocation_id] = time.monotonic()

    @hosting.hookimpl
    def post_invocation_app_level(self, context: func.Context) -> None:
        del self.started[context.invocation_id]


class Slotted(Started):
    __slots__ = ("started",)


def test_entries_of_failed_invocations() -> None:
    """Something kept of each invocation that fails is found, and where it is."""
    assert "Started.started keeps an entry for every failed invocation" in complaint(Started)
    assert "Slotted.started keeps an entry for every failed invocation" in complaint(Slotted)


class Printing:
    @hosting.hookimpl
    def pre_invocation_app_level(self, func_args: dict[str, Any]) -> None:
        str(func_args)


class Logging:
    @hosting.hookimpl
    def pre_invocation_app_level(self, logger: logging.Logger, func_args: dict[str, Any]) -> None:
        logger.info("got %s", func_args)


def test_arguments_that_cannot_be_printed() -> None:
    """A hook that stumbles over an argument is found, with file and line; so is one that logs it."""
    said = complaint(Printing)
    assert "its hook pre_invocation_app_level raised TrialError: this value raises on purpose" in said
    assert "test_isolation.py:" in said
    assert said.endswith(": when arguments cannot be printed or copied")
    assert "it logs a record that cannot be formatted: 'got %s'" in complaint(Logging)


class Swallowing:
    @hosting.hookimpl
    def invocation_app_level(self) -> Generator[None, hosting.Outcome, None]:
        outcome = yield
        if isinstance(outcome.exception, Exception):
            outcome.set_result("fine")


def test_an_extension_that_answers_for_failures() -> None:
    """To hide failures is a finding, unless it is what the extension is for."""
    finding = "the caller gets a result instead of the exception: 'fine': when a function raises TrialError"
    assert finding in complaint(Swallowing)
    assert_isolated(Swallowing, handles_errors=True)


class Replacing:
    @hosting.hookimpl
    def post_invocation_app_level(self) -> int:
        return 3


def test_a_result_that_cannot_be_sent() -> None:
    """A replacement that fails the invocation is found."""
    assert "fails, which it does not do without the extension: TypeError" in complaint(Replacing)


class Mixing:
    """Keeps what belongs to one invocation where all of them can see it."""

    @hosting.hookimpl
    def pre_invocation_app_level(self, func_args: dict[str, Any]) -> None:
        request = func_args.get("req")
        self.mark = request.params.get("mark") if isinstance(request, func.HttpRequest) else None

    @hosting.hookimpl
    def post_invocation_app_level(self, func_ret: Any) -> Any:
        return f"answer <{self.mark}>" if isinstance(func_ret, str) else None


def test_invocations_that_meet() -> None:
    """State on the shared object is found when many invocations run at once."""
    assert "a caller gets the result of another" in complaint(Mixing)


class Stumbling:
    """Takes any settings, and finds out too late."""

    @hosting.hookimpl
    def configure(self, settings: dict[str, Any]) -> None:
        self.settings = settings

    @hosting.hookimpl
    def pre_invocation_app_level(self) -> None:
        assert self.settings["limit"] > 0


def test_settings_that_are_not_checked() -> None:
    """Wrong settings are to be refused in configure, not by each invocation; right ones are no finding."""
    said = complaint(Stumbling, settings={"limit": 3})
    assert "raised KeyError: 'limit'" in said
    assert "with the settings {}" in said
    assert "with the settings {'limit': None}" in said
    assert "when functions return" not in said


class Refusing:
    @hosting.hookimpl
    def configure(self, settings: dict[str, Any]) -> None:
        if type(settings.get("limit")) is not int or not 0 < settings["limit"] < 10:
            raise ValueError("limit is a number between 1 and 9")

    @hosting.hookimpl
    def pre_invocation_app_level(self) -> None: ...


class RefusingForFunctions:
    @hosting.hookimpl
    def configure_function(self, settings: dict[str, Any]) -> None:
        Refusing().configure(settings)

    @hosting.hookimpl
    def pre_invocation(self) -> None: ...


@pytest.mark.parametrize(("extension", "hook"), [(Refusing, "configure"), (RefusingForFunctions, "configure_function")])
def test_settings_that_are_refused(extension: type, hook: str) -> None:
    """To refuse is right; but with the settings of the test the extension has to run."""
    assert_isolated(extension, settings={"limit": 3})
    assert f"its hook {hook} raised ValueError: limit is a number" in complaint(extension)


class Closing:
    """Is good for one host only."""

    def __init__(self) -> None:
        self.closed = False

    @hosting.hookimpl
    def pre_invocation_app_level(self) -> None:
        assert not self.closed

    @hosting.hookimpl
    def shutdown(self) -> None:
        self.closed = True


def test_an_object_that_does_not_open_again() -> None:
    """What shutdown closes, startup has to open."""
    assert "when its host starts again after a shutdown" in complaint(Closing)


class Held:
    contexts: list[Any]

    def __init__(self) -> None:
        self.contexts = []

    @hosting.hookimpl
    def pre_invocation_app_level(self, context: func.Context) -> None:
        self.contexts.append(context)


def test_contexts_that_are_held() -> None:
    """An invocation that has ended must not be held; a recorder does nothing else, and is told."""
    finding = "it still holds the contexts of 26 of 26 ended invocations: after invocations that returned"
    assert finding in complaint(Held)
    assert "it still holds the contexts" in complaint(RecordingExtension())


def leaving(what: Callable[[Any], None]) -> Any:
    class Leaving:
        stop = threading.Event()
        kept: list[Any] = []  # noqa: RUF012

        @hosting.hookimpl
        async def startup(self) -> None:
            what(self)

    return Leaving


def test_what_is_left_running(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads, tasks and log handlers that outlive the host are found."""

    def thread(extension: Any) -> None:
        threading.Thread(target=extension.stop.wait, name="flusher").start()

    def task(extension: Any) -> None:
        async def flush() -> None:
            await asyncio.sleep(3600)

        extension.kept.append(asyncio.ensure_future(flush()))

    def handler(extension: Any) -> None:
        logging.getLogger().addHandler(logging.NullHandler())

    def stubborn(extension: Any) -> None:
        async def linger() -> None:
            while not extension.stop.is_set():
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.sleep(3600)

        extension.kept.append(asyncio.ensure_future(linger()))

    monkeypatch.setattr(portal, "CANCEL_TIMEOUT_SECONDS", 0.1)
    for what, said in (
        (thread, "thread 'flusher' still runs"),
        (task, "flush' is still pending"),
        (stubborn, "linger' is still pending"),
        (handler, "log handler <NullHandler"),
    ):
        made = leaving(what)
        try:
            assert said in complaint(made)
        finally:
            made.stop.set()
            made.kept.clear()
    gc.collect()  # the tasks go away here, not in another test


def test_azures_classes() -> None:
    """Azure's extension classes are tried as they are."""

    class Counting(func.AppExtensionBase):
        running: dict[Any, int]

        @classmethod
        def init(cls) -> None:
            cls.running = {}

        @classmethod
        def pre_invocation_app_level(cls, logger, context, func_args, *args, **kwargs):  # type: ignore[no-untyped-def,override]
            cls.running[context] = 1

        @classmethod
        def post_invocation_app_level(cls, logger, context, func_args, func_ret, *args, **kwargs):  # type: ignore[no-untyped-def,override]
            del cls.running[context]

    assert "Counting.running keeps an entry for every failed invocation" in complaint(Counting)


def test_many_findings_are_told_together() -> None:
    """One fault is one line, whichever situations it shows in."""

    class Always:
        @hosting.hookimpl
        def pre_invocation_app_level(self) -> None:
            raise ValueError("always")

    (line,) = complaint(Always()).splitlines()[1:]
    assert "raised ValueError: always" in line
    assert re.search(r"\): when functions return; .*; .*; and \d+ more$", line)


def test_what_is_no_extension() -> None:
    """A name that is not installed is told as such; an object without hooks is the extension's own fault."""
    with pytest.raises(ExtensionError, match="no extension 'nothing' is installed"):
        assert_isolated("nothing")
    assert "its registration failed with ExtensionError: it has no hook implementation" in complaint(object())
