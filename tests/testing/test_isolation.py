"""``assert_isolated``: extensions that are isolated, and the complaint for extensions that are not."""

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

import hosting
from hosting.errors import ExtensionError
from hosting.testing import RecordingExtension, assert_isolated, portal


def findings(extension: Any, **options: Any) -> str:
    """Return the message about an extension that is not isolated."""
    with pytest.raises(AssertionError, match="is not isolated:\n- ") as caught:
        assert_isolated(extension, **options)
    return str(caught.value)


def test_installed_extension_is_isolated() -> None:
    """The first-party timer passes by its installed name; its own tests run the class, with settings and without."""
    assert_isolated("timer")


class Isolated:
    """An extension with every kind of hook, sync and async, at both levels."""

    @hosting.hookimpl
    async def startup(self) -> None:
        self.lock = asyncio.Lock()

    @hosting.hookimpl
    async def pre_invocation_app_level(self, context: func.Context) -> None:
        async with self.lock:
            context.seen = True  # type: ignore[attr-defined]

    @hosting.hookimpl
    async def invocation_end(self, outcome: hosting.InvocationOutcome) -> None:
        assert outcome.kind

    @hosting.hookimpl
    def invocation(self) -> Generator[None, hosting.Outcome, None]:
        yield

    @hosting.hookimpl
    def invocation_error(self, exception: BaseException) -> None:
        assert exception is not None


async def test_extension_with_every_kind_of_hook_is_isolated_also_in_an_async_test() -> None:
    """Async hooks and function-level hooks are tried, too, and an event loop may be running meanwhile."""
    assert_isolated(Isolated)


class Refused:
    """An extension that answers in the function's place, without an error."""

    @hosting.hookimpl
    def pre_invocation_app_level(self, func_args: Any) -> None:
        if "req" in func_args:
            raise hosting.ShortCircuit(func.HttpResponse("no", status_code=401))


class RefusedAround:
    """The same with an async around hook."""

    @hosting.hookimpl
    async def invocation_app_level(self, func_args: Any) -> Any:
        await asyncio.sleep(0)
        if "req" in func_args:
            raise hosting.ShortCircuit("no")
        yield


class RefusedSome:
    """It answers some requests only, and lets the others through."""

    @hosting.hookimpl
    def pre_invocation_app_level(self, func_args: Any) -> None:
        if "req" in func_args and func_args["req"].params.get("mark") == "1":
            raise hosting.ShortCircuit("no")


@pytest.mark.parametrize("extension", [Refused, RefusedAround, RefusedSome])
def test_extension_that_answers_in_the_functions_place_is_isolated(extension: type[Any]) -> None:
    """A function that did not run can neither raise nor be cancelled."""
    assert_isolated(extension)


class Started:
    """As in Azure's sample of a timer, the post hook does not run when a function raises."""

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


def test_entries_kept_for_failed_invocations_are_a_finding() -> None:
    """The finding names the attribute that keeps something of each invocation that fails."""
    assert "Started.started keeps an entry for every failed invocation" in findings(Started)
    assert "Slotted.started keeps an entry for every failed invocation" in findings(Slotted)


class Printing:
    @hosting.hookimpl
    def pre_invocation_app_level(self, func_args: dict[str, Any]) -> None:
        str(func_args)


class Logging:
    @hosting.hookimpl
    def pre_invocation_app_level(self, logger: logging.Logger, func_args: dict[str, Any]) -> None:
        logger.info("got %s", func_args)


def test_hook_that_formats_an_unprintable_argument_is_a_finding() -> None:
    """The finding has file and line, also for a hook that logs the argument."""
    text = findings(Printing)
    assert "its hook pre_invocation_app_level raised TrialError: this value raises on purpose" in text
    assert "test_isolation.py:" in text
    assert text.endswith(": when arguments cannot be printed or copied")
    assert "it logs a record that cannot be formatted: 'got %s'" in findings(Logging)


class Swallowing:
    @hosting.hookimpl
    def invocation_app_level(self) -> Generator[None, hosting.Outcome, None]:
        outcome = yield
        if isinstance(outcome.exception, Exception):
            outcome.set_result("fine")


def test_extension_that_hides_failures_is_a_finding() -> None:
    """It is none if the extension is declared to replace failures."""
    finding = "the caller gets a result instead of the exception: 'fine': when a function raises TrialError"
    assert finding in findings(Swallowing)
    assert_isolated(Swallowing, handles_errors=True)


class Replacing:
    @hosting.hookimpl
    def post_invocation_app_level(self) -> int:
        return 3


def test_replaced_result_that_cannot_be_sent_is_a_finding() -> None:
    """A replacement that fails the invocation is a finding."""
    assert "fails, which it does not do without the extension: TypeError" in findings(Replacing)


class Mixing:
    """Keeps the state of one invocation where all invocations can see it."""

    @hosting.hookimpl
    def pre_invocation_app_level(self, func_args: dict[str, Any]) -> None:
        request = func_args.get("req")
        self.mark = request.params.get("mark") if isinstance(request, func.HttpRequest) else None

    @hosting.hookimpl
    def post_invocation_app_level(self, func_ret: Any) -> Any:
        return f"answer <{self.mark}>" if isinstance(func_ret, str) else None


def test_state_shared_by_concurrent_invocations_is_a_finding() -> None:
    """Many invocations at once show state on the shared object."""
    assert "a caller gets the result of another" in findings(Mixing)


class LateValidation:
    """Accepts any settings, and fails in the invocation."""

    @hosting.hookimpl
    def configure(self, settings: dict[str, Any]) -> None:
        self.settings = settings

    @hosting.hookimpl
    def pre_invocation_app_level(self) -> None:
        assert self.settings["limit"] > 0


def test_invalid_settings_accepted_by_configure_are_a_finding() -> None:
    """configure must refuse invalid settings, not each invocation; valid ones are no finding."""
    text = findings(LateValidation, settings={"limit": 3})
    assert "raised KeyError: 'limit'" in text
    assert "with the settings {}" in text
    assert "with the settings {'limit': None}" in text
    assert "when functions return" not in text


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
def test_settings_refused_by_configure_are_no_finding_unless_required(extension: type, hook: str) -> None:
    """With the settings of the test the extension must run."""
    assert_isolated(extension, settings={"limit": 3})
    assert f"its hook {hook} raised ValueError: limit is a number" in findings(extension)


class Closing:
    """Works in one host only."""

    def __init__(self) -> None:
        self.closed = False

    @hosting.hookimpl
    def pre_invocation_app_level(self) -> None:
        assert not self.closed

    @hosting.hookimpl
    def shutdown(self) -> None:
        self.closed = True


def test_extension_that_does_not_start_again_is_a_finding() -> None:
    """What shutdown closes, startup must open."""
    assert "when its host starts again after a shutdown" in findings(Closing)


class Holding:
    contexts: list[Any]

    def __init__(self) -> None:
        self.contexts = []

    @hosting.hookimpl
    def pre_invocation_app_level(self, context: func.Context) -> None:
        self.contexts.append(context)


def test_contexts_held_after_their_invocation_are_a_finding() -> None:
    """An ended invocation must not be held; a recorder is reported too."""
    finding = "it still holds the contexts of 26 of 26 ended invocations: after invocations that returned"
    assert finding in findings(Holding)
    assert "it still holds the contexts" in findings(RecordingExtension())


def extension_that_leaves(what: Callable[[Any], None]) -> Any:
    class Leftover:
        stop = threading.Event()
        kept: list[Any] = []  # noqa: RUF012

        @hosting.hookimpl
        async def startup(self) -> None:
            what(self)

    return Leftover


def test_threads_tasks_and_handlers_that_outlive_the_host_are_findings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads, tasks and log handlers that outlive the host are complaint."""

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
    for what, finding in (
        (thread, "thread 'flusher' still runs"),
        (task, "flush' is still pending"),
        (stubborn, "linger' is still pending"),
        (handler, "log handler <NullHandler"),
    ):
        extension = extension_that_leaves(what)
        try:
            assert finding in findings(extension)
        finally:
            extension.stop.set()
            extension.kept.clear()
    gc.collect()  # collect the tasks here and not in another test


def test_azures_extension_classes_are_checked_unmodified() -> None:
    """Azure's extension classes are checked as they are."""

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

    assert "Counting.running keeps an entry for every failed invocation" in findings(Counting)


def test_fault_in_many_situations_is_one_line() -> None:
    """One fault is one line, in whatever situations it occurs."""

    class Always:
        @hosting.hookimpl
        def pre_invocation_app_level(self) -> None:
            raise ValueError("always")

    (line,) = findings(Always()).splitlines()[1:]
    assert "raised ValueError: always" in line
    assert re.search(r"\): when functions return; .*; .*; and \d+ more$", line)


def test_installed_extension_that_hosting_allow_does_not_name_is_not_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names its distribution, which the variable must name."""
    monkeypatch.setenv("HOSTING_ALLOW", "other")
    with pytest.raises(
        ExtensionError, match="extension 'timer' may not load: HOSTING_ALLOW does not name hosting-timer"
    ):
        assert_isolated("timer")


def test_object_without_hooks_or_unknown_name_is_an_error() -> None:
    """A name that is not installed has an error of its own; an object without hooks is the extension's own fault."""
    with pytest.raises(ExtensionError, match="no extension 'nothing' is installed"):
        assert_isolated("nothing")
    assert "its registration failed with ExtensionError: it has no hook implementation" in findings(object())
