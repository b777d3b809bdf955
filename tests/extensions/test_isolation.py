"""Isolation: an extension that misbehaves, in any way and in any phase, does not change what the caller gets.

Each case installs the distribution ``bad-extension`` 1.2.3, whose one hook misbehaves between two correct neighbours.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import textwrap
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import hosting
from hosting.core import Function
from hosting.extensions import ExtensionHost
from hosting.hookspecs import invocation_app_level
from tests.support.invoking import ON, Context, exceed_budget, extension_entry, function, invoker_of

pytestmark = pytest.mark.exhaustive

BUDGET_SECONDS = 0.08
LONG_BUDGET_SECONDS = 60.0
"""The budget in tests that no hook exceeds, however slow the machine is."""

FAULTS = {
    "raises Exception": "raise ValueError('bad')",
    "raises a BaseException": "raise type('Odd', (BaseException,), {})('bad')",
    "raises SystemExit": "raise SystemExit(3)",
    "raises StopIteration": "raise StopIteration",
    "raises GeneratorExit": "raise GeneratorExit",
    "raises CancelledError": "raise asyncio.CancelledError",
    "raises ShortCircuit where it may not": "raise hosting.ShortCircuit('bad')",
    "recurses": "endless = lambda: endless()\n    endless()",
    "has an unreadable message": "raise Unreadable",
    "has a message that exits": "raise Exiting",
    "hangs": "await asyncio.sleep(60)",
    "hangs and ignores cancellation": "await stubborn()",
    "is slow": "context.exceed_budget()",
}
HARMLESS = {
    "returns nonsense": "return object()",
    "starts a thread that dies": "thread = threading.Thread(target=Unreadable); thread.start(); thread.join()",
    "deletes context attributes": "vars(context).clear()",
}
PREAMBLE = """
import asyncio, threading
import hosting

class Unreadable(Exception):
    def __str__(self):
        raise RuntimeError("no message")

class Exiting(Exception):
    def __str__(self):
        raise SystemExit(3)

async def stubborn():
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            pass

class Bad:
"""


@pytest.fixture
def install_bad_extension(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Return a function that installs the distribution with one hook of the given source."""

    def install(hook: str, body: str, *, arguments: str, is_async: bool, group: str = "hosting") -> None:
        info = tmp_path / "bad_extension-1.2.3.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bad-extension\nVersion: 1.2.3\n")
        (info / "entry_points.txt").write_text(f"[{group}]\nmiddle = bad_extension:Bad\n")
        keyword = "async def" if is_async else "def"
        source = f"@hosting.hookimpl\n{keyword} {hook}(self, {arguments}):\n    {body}\n"
        module = PREAMBLE + textwrap.indent(source, "    ")
        (tmp_path / "bad_extension.py").write_text(module)
        monkeypatch.syspath_prepend(str(tmp_path))

    yield install
    sys.modules.pop("bad_extension", None)


def neighbour_class(hook: str, trace: list[str]) -> Any:
    """Return an extension that records that its hook ran."""

    def plain(self: Any) -> None:
        trace.append(hook)

    def around(self: Any) -> Any:
        trace.append(hook)
        yield
        trace.append(f"{hook} ends")

    is_around = hook in ("invocation", invocation_app_level.__name__)
    return type("Neighbour", (), {hook: hosting.hookimpl(around if is_around else plain)})


def budget_for(fault: str) -> float:
    """Return the budget in seconds: short only for faults that exceed it."""
    return BUDGET_SECONDS if fault.startswith(("hangs", "is slow")) else LONG_BUDGET_SECONDS


def host_with(hook: str, trace: list[str], *functions: Function, budget: float = LONG_BUDGET_SECONDS) -> ExtensionHost:
    host = ExtensionHost(environ=ON, section={"budgets": {"hook": budget, "startup": budget, "shutdown": budget}})
    host.register("a", neighbour_class(hook, trace))
    host.register("z", neighbour_class(hook, trace))
    host.discover()
    host.load(functions)
    return host


def target(*, is_async: bool, fails: bool) -> Function:
    def plain(req: str) -> str:
        if fails:
            raise LookupError(req)
        return f"fine {req}"

    async def waiting(req: str) -> str:
        await asyncio.sleep(0)
        return plain(req)

    return function(waiting if is_async else plain, "F", "a", "middle", "z")


async def outcome_of(host: ExtensionHost, subject: Function, context: Context) -> Any:
    """Invoke the function; return its result, or the LookupError that it raised."""
    # As in an app, asyncio logs the error of an async generator that was abandoned while it ran.
    asyncio.get_running_loop().set_exception_handler(None)
    try:
        return await asyncio.wait_for(invoker_of(host, subject)(context, {"req": "x"}), 20)
    except LookupError as exception:
        return exception
    finally:
        await host.shutdown()


PHASES = ("pre_invocation", "post_invocation", "invocation_error", "invocation")
FORMS = [
    (phase, level, fn, hook) for phase in PHASES for level in ("", "_app_level") for fn in (0, 1) for hook in (0, 1)
]


TYPICAL = ("raises Exception", "raises ShortCircuit where it may not", "hangs", "is slow", "returns nonsense")
"""The faults that mutants are tested with: with all of them, each mutant of the dispatch would take a minute."""


def matrix(faults: dict[str, str]) -> list[Any]:
    """Return every fault at every phase and level, for sync and async functions and hooks, where it is possible."""
    cases = []
    for fault, body in faults.items():
        for phase, level, is_async_function, is_async_hook in FORMS:
            if is_async_hook if fault == "is slow" else "await" in body and not is_async_hook:
                continue
            if "ShortCircuit" in fault and phase in ("pre_invocation", "invocation"):
                continue
            if fault == "returns nonsense" and phase in ("invocation", "post_invocation"):
                continue
            case = (fault, f"{phase}{level}", bool(is_async_function), bool(is_async_hook))
            name = "-".join((fault, case[1], *("async" if one else "sync" for one in case[2:])))
            is_typical = fault in TYPICAL and is_async_function == is_async_hook
            cases.append(pytest.param(*case, id=name, marks=() if is_typical else pytest.mark.unmutated))
    return cases


def body_of(hook: str, fault: str, *, before: bool = True) -> str:
    body = {**FAULTS, **HARMLESS}[fault]
    if hook not in ("invocation", "invocation_app_level"):
        return body
    return f"{body}\n    yield" if before else f"yield\n    {body}"


async def check_invocation(
    hook: str, *, is_async: bool, expect_error: bool, caplog: Any, budget: float = LONG_BUDGET_SECONDS
) -> None:
    """Check the caller's result, the neighbours, the recorded error and the log line."""
    subject = target(is_async=is_async, fails=hook.startswith("invocation_error"))
    trace: list[str] = []
    host = host_with(hook, trace, subject, budget=budget)
    context: Any = Context("the-invocation")
    context.exceed_budget = partial(exceed_budget, host)
    with caplog.at_level(logging.ERROR, logger="hosting.extensions"):
        outcome = await outcome_of(host, subject, context)
    assert str(outcome) == ("x" if hook.startswith("invocation_error") else "fine x")
    assert trace.count(hook) == 2
    assert trace.count(f"{hook} ends") == (2 if hook in ("invocation", "invocation_app_level") else 0)
    entry = extension_entry(host, "middle")
    assert bool(entry["error"]) is expect_error
    records = [record for record in caplog.records if record.name == "hosting.extensions.middle"]
    assert bool(records) is expect_error
    if expect_error:
        assert entry["statistics"][hook]["errors"] == 1
        check_error_fields(records[0], entry, hook)


def check_error_fields(record: logging.LogRecord, entry: dict[str, Any], hook: str) -> None:
    expected = {
        "extension": "middle",
        "distribution": "bad-extension",
        "version": "1.2.3",
        "hook": hook,
        "function": "F",
        "invocation_id": "the-invocation",
    }
    assert {key: getattr(record, key) for key in expected} == expected
    text = record.getMessage()
    assert all(part in text for part in expected.values())
    assert entry["error"]["phase"] == "invocation"
    assert (entry["distribution"], entry["version"]) == ("bad-extension", "1.2.3")


@pytest.mark.parametrize(("fault", "hook", "is_async_function", "is_async_hook"), matrix(FAULTS))
async def test_hook_that_fails_does_not_change_the_callers_result(
    fault: str,
    hook: str,
    is_async_function: bool,
    is_async_hook: bool,
    install_bad_extension: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The neighbours run, and the error is logged and recorded with the names of the extension and its hook."""
    install_bad_extension(hook, body_of(hook, fault), arguments="context", is_async=is_async_hook)
    await check_invocation(hook, is_async=is_async_function, expect_error=True, caplog=caplog, budget=budget_for(fault))


AFTER = [case for case in matrix(FAULTS) if case.values[1] in ("invocation", "invocation_app_level")]


@pytest.mark.parametrize(("fault", "hook", "is_async_function", "is_async_hook"), AFTER)
async def test_around_hook_that_fails_after_its_yield_does_not_change_the_result(
    fault: str,
    hook: str,
    is_async_function: bool,
    is_async_hook: bool,
    install_bad_extension: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An error after the yield of an around hook is contained too."""
    install_bad_extension(hook, body_of(hook, fault, before=False), arguments="context", is_async=is_async_hook)
    await check_invocation(hook, is_async=is_async_function, expect_error=True, caplog=caplog, budget=budget_for(fault))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize(("fault", "hook", "is_async_function", "is_async_hook"), matrix(HARMLESS))
async def test_hook_with_odd_but_harmless_behaviour_does_not_change_the_result(
    fault: str,
    hook: str,
    is_async_function: bool,
    is_async_hook: bool,
    install_bad_extension: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Meaningless results, threads that fail, and deleted attributes of the context have no effect."""
    install_bad_extension(hook, body_of(hook, fault), arguments="context", is_async=is_async_hook)
    await check_invocation(
        hook, is_async=is_async_function, expect_error=False, caplog=caplog, budget=budget_for(fault)
    )


@pytest.mark.parametrize("hook", ["invocation", "invocation_app_level"])
@pytest.mark.parametrize("body", ["if False: yield", "yield\n    yield", "yield\n    yield\n    yield"])
@pytest.mark.parametrize("is_async_hook", [False, True])
@pytest.mark.parametrize("is_async_function", [False, True])
async def test_around_hook_that_does_not_yield_exactly_once_is_an_error_without_effect(
    hook: str,
    body: str,
    is_async_hook: bool,
    is_async_function: bool,
    install_bad_extension: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The error says how often an around hook must yield."""
    install_bad_extension(hook, body, arguments="context", is_async=is_async_hook)
    await check_invocation(hook, is_async=is_async_function, expect_error=True, caplog=caplog)
    assert "yields exactly once" in caplog.text


@pytest.mark.parametrize("hook", ["pre_invocation_app_level", "post_invocation"])
@pytest.mark.parametrize("is_async_function", [False, True])
async def test_def_hook_that_returns_a_coroutine_is_an_error_with_its_remedy(
    hook: str, is_async_function: bool, install_bad_extension: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The remedy is 'async def', and no coroutine is left that was never awaited."""
    install_bad_extension(hook, "return stubborn()", arguments="context", is_async=False)
    await check_invocation(hook, is_async=is_async_function, expect_error=True, caplog=caplog)
    assert "Declare it 'async def'" in caplog.text


@pytest.mark.parametrize("is_async", [False, True])
async def test_post_hook_that_clears_the_arguments_does_not_change_the_result(is_async: bool) -> None:
    """A post hook that empties the arguments does not touch the result."""

    class Emptying:
        @hosting.hookimpl
        def post_invocation_app_level(self, func_args: dict[str, Any]) -> None:
            func_args.clear()

    subject = target(is_async=is_async, fails=False)
    host = ExtensionHost(environ=ON)
    host.register("emptying", Emptying)
    host.load([subject])
    assert await outcome_of(host, subject, Context()) == "fine x"


class RecordFactory:
    """A record factory, as apps install it, which adds a field of its own."""

    def __init__(self) -> None:
        self.original = logging.getLogRecordFactory()

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record = self.original(*args, **kwargs)
        record.invocation_id = "the app's own"
        return record


def raise_error(record: logging.LogRecord) -> bool:
    raise RuntimeError(record)


@pytest.mark.parametrize("is_async", [False, True])
async def test_error_log_with_a_conflicting_record_factory_fails_no_invocation(
    is_async: bool, install_bad_extension: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Where the app's record factory sets one of our fields, the error is logged without our fields."""
    install_bad_extension("pre_invocation_app_level", "raise ValueError('bad')", arguments="context", is_async=False)
    subject = target(is_async=is_async, fails=False)
    factory = RecordFactory()
    logging.setLogRecordFactory(factory)
    try:
        host = host_with("pre_invocation_app_level", [], subject)
        assert await outcome_of(host, subject, Context("the-invocation")) == "fine x"
    finally:
        logging.setLogRecordFactory(factory.original)
    assert "(invocation the-invocation): ValueError: bad" in caplog.text
    assert [record.invocation_id for record in caplog.records] == ["the app's own"]  # type: ignore[attr-defined]


async def test_error_log_with_a_filter_that_raises_fails_no_invocation(install_bad_extension: Any) -> None:
    """A log line that cannot be written does not change what the caller gets."""
    install_bad_extension("pre_invocation_app_level", "raise ValueError('bad')", arguments="context", is_async=False)
    subject = target(is_async=False, fails=False)
    host = host_with("pre_invocation_app_level", [], subject)
    logger = logging.getLogger("hosting.extensions.middle")
    logger.addFilter(raise_error)
    try:
        assert await outcome_of(host, subject, Context()) == "fine x"
    finally:
        logger.removeFilter(raise_error)
    assert extension_entry(host, "middle")["error"]["type"] == "ValueError"


@pytest.mark.parametrize("is_async", [False, True])
async def test_around_hook_that_yields_twice_does_not_replace_the_result(is_async: bool) -> None:
    """An around hook that fails has no effect, even if it had set a result before."""

    class Twice:
        @hosting.hookimpl
        def invocation(self) -> Any:
            outcome = yield
            outcome.set_result("changed")
            yield

        @hosting.hookimpl
        async def invocation_app_level(self) -> Any:
            outcome = yield
            outcome.set_result("changed")
            yield

    subject = function(target(is_async=is_async, fails=False).call, "F", "twice")
    host = ExtensionHost(environ=ON)
    host.register("twice", Twice)
    host.load([subject])
    assert await outcome_of(host, subject, Context()) == "fine x"
    assert {figures["errors"] for figures in extension_entry(host, "twice")["statistics"].values()} == {1}


LIFECYCLE = {
    "init": ("init", ""),
    "configure": ("configure", "settings"),
    "init_function": ("init_function", "function_name"),
    "configure_function": ("configure_function", "settings"),
    "load, app level": ("post_function_load_app_level", "function_name"),
    "load, function level": ("post_function_load", "function_name"),
    "startup": ("startup", ""),
    "shutdown": ("shutdown", ""),
}


@pytest.mark.parametrize("phase", LIFECYCLE)
@pytest.mark.parametrize(
    ("fault", "is_async_hook"),
    [
        pytest.param(fault, is_async, marks=() if fault in TYPICAL else pytest.mark.unmutated)
        for fault, body in FAULTS.items()
        for is_async in (False, True)
        if fault != "is slow" and (is_async or "await" not in body)
    ],
)
async def test_lifecycle_hook_that_fails_does_not_stop_the_host(
    phase: str, fault: str, is_async_hook: bool, install_bad_extension: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The neighbours' hooks run, the function answers, and the error is recorded with its names."""
    hook, arguments = LIFECYCLE[phase]
    install_bad_extension(hook, FAULTS[fault], arguments=arguments, is_async=is_async_hook)
    subject, trace = target(is_async=False, fails=False), list[str]()
    with caplog.at_level(logging.ERROR, logger="hosting.extensions"):
        host = host_with(hook, trace, subject, budget=budget_for(fault))
        assert await run_from_startup_to_shutdown(host, subject) == "fine x"
    assert trace == [hook, hook]
    entry = extension_entry(host, "middle")
    assert entry["error"]["phase"] == hook
    assert entry["status"] == ("failed" if hook in ("init", "configure") else "active")
    record = next(record for record in caplog.records if record.name == "hosting.extensions.middle")
    names = [getattr(record, key) for key in ("extension", "distribution", "version", "hook")]
    assert names == ["middle", "bad-extension", "1.2.3", hook]


async def run_from_startup_to_shutdown(host: ExtensionHost, subject: Function) -> Any:
    await host.startup()
    result = await invoker_of(host, subject)(Context(), {"req": "x"})
    await host.shutdown()
    return result
