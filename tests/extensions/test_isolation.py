"""An extension that misbehaves, in every way and at every phase, never changes what the caller gets.

Each case is a real distribution on the path, ``bad-extension`` 1.2.3, whose one hook does one bad thing between two
well-behaved neighbours.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import hosting
from hosting.core import Function
from hosting.extensions import ExtensionHost
from hosting.hookspecs import invocation_app_level
from tests.support.invoking import ON, Context, function, invoker_of, told

BUDGET = 0.08

MISDEEDS = {
    "raises Exception": "raise ValueError('bad')",
    "raises a BaseException": "raise type('Odd', (BaseException,), {})('bad')",
    "raises SystemExit": "raise SystemExit(3)",
    "raises StopIteration": "raise StopIteration",
    "raises GeneratorExit": "raise GeneratorExit",
    "raises CancelledError": "raise asyncio.CancelledError",
    "raises ShortCircuit where it may not": "raise hosting.ShortCircuit('bad')",
    "recurses": "endless = lambda: endless()\n    endless()",
    "has an unreadable message": "raise Unreadable",
    "hangs": "await asyncio.sleep(60)",
    "hangs and ignores cancellation": "await stubborn()",
    "is slow": "time.sleep(BUDGET * 2)",
}
HARMLESS = {
    "returns nonsense": "return object()",
    "starts a thread that dies": "thread = threading.Thread(target=Unreadable); thread.start(); thread.join()",
    "deletes context attributes": "vars(context).clear()",
}
PREAMBLE = """
import asyncio, threading, time
import hosting

BUDGET = {budget}

class Unreadable(Exception):
    def __str__(self):
        raise RuntimeError("no message")

async def stubborn():
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            pass

class Bad:
"""


@pytest.fixture
def bad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Installs the distribution with one hook of the given source."""

    def install(hook: str, body: str, *, arguments: str, is_async: bool, group: str = "hosting") -> None:
        info = tmp_path / "bad_extension-1.2.3.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bad-extension\nVersion: 1.2.3\n")
        (info / "entry_points.txt").write_text(f"[{group}]\nmiddle = bad_extension:Bad\n")
        keyword = "async def" if is_async else "def"
        source = f"@hosting.hookimpl\n{keyword} {hook}(self, {arguments}):\n    {body}\n"
        module = PREAMBLE.format(budget=BUDGET) + textwrap.indent(source, "    ")
        (tmp_path / "bad_extension.py").write_text(module)
        monkeypatch.syspath_prepend(str(tmp_path))

    yield install
    sys.modules.pop("bad_extension", None)


def neighbour(hook: str, trace: list[str]) -> Any:
    """An extension that writes down that its hook ran."""

    def plain(self: Any) -> None:
        trace.append(hook)

    def around(self: Any) -> Any:
        trace.append(hook)
        yield
        trace.append(f"{hook} ends")

    is_around = hook in ("invocation", invocation_app_level.__name__)
    return type("Neighbour", (), {hook: hosting.hookimpl(around if is_around else plain)})


def host_with(hook: str, trace: list[str], *functions: Function) -> ExtensionHost:
    host = ExtensionHost(environ=ON, section={"budgets": {"hook": BUDGET, "startup": BUDGET, "shutdown": BUDGET}})
    host.register("a", neighbour(hook, trace))
    host.register("z", neighbour(hook, trace))
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


async def outcome_of(host: ExtensionHost, called: Function, context: Context) -> Any:
    """Invoke the function; return its result, or the LookupError that it raised."""
    try:
        return await asyncio.wait_for(invoker_of(host, called)(context, {"req": "x"}), 20)
    except LookupError as exception:
        return exception
    finally:
        await host.shutdown()


PHASES = ("pre_invocation", "post_invocation", "invocation_error", "invocation")
FORMS = [
    (phase, level, fn, hook) for phase in PHASES for level in ("", "_app_level") for fn in (0, 1) for hook in (0, 1)
]


def matrix(misdeeds: dict[str, str]) -> list[Any]:
    """Every misdeed at every phase and level, for sync and async functions and hooks, where it can be written so."""
    cases = []
    for deed, body in misdeeds.items():
        for phase, level, is_async_function, is_async_hook in FORMS:
            if is_async_hook if deed == "is slow" else "await" in body and not is_async_hook:
                continue
            if "ShortCircuit" in deed and phase in ("pre_invocation", "invocation"):
                continue
            if deed == "returns nonsense" and phase in ("invocation", "post_invocation"):
                continue
            case = (deed, f"{phase}{level}", bool(is_async_function), bool(is_async_hook))
            cases.append(
                pytest.param(*case, id="-".join((deed, case[1], *("async" if one else "sync" for one in case[2:]))))
            )
    return cases


def body_of(hook: str, deed: str, *, before: bool = True) -> str:
    body = {**MISDEEDS, **HARMLESS}[deed]
    if hook not in ("invocation", "invocation_app_level"):
        return body
    return f"{body}\n    yield" if before else f"yield\n    {body}"


async def judge(hook: str, *, is_async: bool, trace: list[str], expect_error: bool, caplog: Any) -> None:
    """The caller's result, the neighbours, the record and the log line."""
    called = target(is_async=is_async, fails=hook.startswith("invocation_error"))
    host = host_with(hook, trace, called)
    context = Context("the-invocation")
    with caplog.at_level(logging.ERROR, logger="hosting.extensions"):
        outcome = await outcome_of(host, called, context)
    assert str(outcome) == ("x" if hook.startswith("invocation_error") else "fine x")
    assert trace.count(hook) == 2
    assert trace.count(f"{hook} ends") == (2 if hook in ("invocation", "invocation_app_level") else 0)
    entry = told(host, "middle")
    assert bool(entry["error"]) is expect_error
    records = [record for record in caplog.records if record.name == "hosting.extensions.middle"]
    assert bool(records) is expect_error
    if expect_error:
        assert entry["statistics"][hook]["errors"] == 1
        names_everything(records[0], entry, hook)


def names_everything(record: logging.LogRecord, entry: dict[str, Any], hook: str) -> None:
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


@pytest.mark.parametrize(("deed", "hook", "is_async_function", "is_async_hook"), matrix(MISDEEDS))
async def test_a_hook_that_errs_changes_nothing_for_the_caller(
    deed: str, hook: str, is_async_function: bool, is_async_hook: bool, bad: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The result is what it would have been, the neighbours run, and the error is logged and kept with its names."""
    bad(hook, body_of(hook, deed), arguments="context", is_async=is_async_hook)
    await judge(hook, is_async=is_async_function, trace=[], expect_error=True, caplog=caplog)


AFTER = [case for case in matrix(MISDEEDS) if case.values[1] in ("invocation", "invocation_app_level")]


@pytest.mark.parametrize(("deed", "hook", "is_async_function", "is_async_hook"), AFTER)
async def test_an_around_hook_that_errs_after_its_yield_changes_nothing(
    deed: str, hook: str, is_async_function: bool, is_async_hook: bool, bad: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Also what an around hook does wrong on the way out stays its own affair."""
    bad(hook, body_of(hook, deed, before=False), arguments="context", is_async=is_async_hook)
    await judge(hook, is_async=is_async_function, trace=[], expect_error=True, caplog=caplog)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize(("deed", "hook", "is_async_function", "is_async_hook"), matrix(HARMLESS))
async def test_odd_behaviour_changes_nothing_for_the_caller(
    deed: str, hook: str, is_async_function: bool, is_async_hook: bool, bad: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Nonsense results where results do not count, dying threads, and a context stripped bare are survived."""
    bad(hook, body_of(hook, deed), arguments="context", is_async=is_async_hook)
    await judge(hook, is_async=is_async_function, trace=[], expect_error=False, caplog=caplog)


@pytest.mark.parametrize("hook", ["invocation", "invocation_app_level"])
@pytest.mark.parametrize("body", ["if False: yield", "yield\n    yield", "yield\n    yield\n    yield"])
@pytest.mark.parametrize("is_async_hook", [False, True])
@pytest.mark.parametrize("is_async_function", [False, True])
async def test_a_generator_that_does_not_yield_once_changes_nothing(
    hook: str, body: str, is_async_hook: bool, is_async_function: bool, bad: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Never or twice: the error says what an around hook must do."""
    bad(hook, body, arguments="context", is_async=is_async_hook)
    await judge(hook, is_async=is_async_function, trace=[], expect_error=True, caplog=caplog)
    assert "yields exactly once" in caplog.text


@pytest.mark.parametrize("hook", ["pre_invocation_app_level", "post_invocation"])
@pytest.mark.parametrize("is_async_function", [False, True])
async def test_a_hook_that_forgot_async_is_told_so(
    hook: str, is_async_function: bool, bad: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A ``def`` hook that returns a coroutine is an error with its remedy, and no un-awaited coroutine is left."""
    bad(hook, "return stubborn()", arguments="context", is_async=False)
    await judge(hook, is_async=is_async_function, trace=[], expect_error=True, caplog=caplog)
    assert "Declare it 'async def'" in caplog.text


@pytest.mark.parametrize("is_async", [False, True])
async def test_arguments_changed_after_the_function_change_nothing(is_async: bool) -> None:
    """A post hook that empties the arguments does not touch the result."""

    class Emptying:
        @hosting.hookimpl
        def post_invocation_app_level(self, func_args: dict[str, Any]) -> None:
            func_args.clear()

    called = target(is_async=is_async, fails=False)
    host = ExtensionHost(environ=ON)
    host.register("emptying", Emptying)
    host.load([called])
    assert await outcome_of(host, called, Context()) == "fine x"


class Factory:
    """A record factory as apps have them, which adds fields of its own."""

    def __init__(self) -> None:
        self.original = logging.getLogRecordFactory()

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record = self.original(*args, **kwargs)
        record.invocation_id = "the app's own"
        return record


def refuse(record: logging.LogRecord) -> bool:
    raise RuntimeError(record)


@pytest.mark.parametrize("is_async", [False, True])
async def test_logging_as_the_app_has_changed_it_fails_no_invocation(
    is_async: bool, bad: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Where the app's own records have a field that ours have too, the error is logged without ours."""
    bad("pre_invocation_app_level", "raise ValueError('bad')", arguments="context", is_async=False)
    called = target(is_async=is_async, fails=False)
    factory = Factory()
    logging.setLogRecordFactory(factory)
    try:
        host = host_with("pre_invocation_app_level", [], called)
        assert await outcome_of(host, called, Context("the-invocation")) == "fine x"
    finally:
        logging.setLogRecordFactory(factory.original)
    assert "(invocation the-invocation): ValueError: bad" in caplog.text
    assert [record.invocation_id for record in caplog.records] == ["the app's own"]  # type: ignore[attr-defined]


async def test_a_filter_that_raises_fails_no_invocation(bad: Any) -> None:
    """Not even a log line that cannot be written changes what the caller gets."""
    bad("pre_invocation_app_level", "raise ValueError('bad')", arguments="context", is_async=False)
    called = target(is_async=False, fails=False)
    host = host_with("pre_invocation_app_level", [], called)
    logger = logging.getLogger("hosting.extensions.middle")
    logger.addFilter(refuse)
    try:
        assert await outcome_of(host, called, Context()) == "fine x"
    finally:
        logger.removeFilter(refuse)
    assert told(host, "middle")["error"]["type"] == "ValueError"


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_generator_that_yields_twice_replaces_nothing(is_async: bool) -> None:
    """An around hook that errs is as if it had not been there, also when it had set a result before."""

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

    called = function(target(is_async=is_async, fails=False).call, "F", "twice")
    host = ExtensionHost(environ=ON)
    host.register("twice", Twice)
    host.load([called])
    assert await outcome_of(host, called, Context()) == "fine x"
    assert {figures["errors"] for figures in told(host, "twice")["statistics"].values()} == {1}


LIFETIME = {
    "init": ("init", ""),
    "configure": ("configure", "settings"),
    "init_function": ("init_function", "function_name"),
    "configure_function": ("configure_function", "settings"),
    "load, app level": ("post_function_load_app_level", "function_name"),
    "load, function level": ("post_function_load", "function_name"),
    "startup": ("startup", ""),
    "shutdown": ("shutdown", ""),
}


@pytest.mark.parametrize("phase", LIFETIME)
@pytest.mark.parametrize(
    ("deed", "is_async_hook"),
    [
        (deed, is_async)
        for deed, body in MISDEEDS.items()
        for is_async in (False, True)
        if deed != "is slow" and (is_async or "await" not in body)
    ],
)
async def test_a_lifetime_hook_that_errs_stops_nothing(
    phase: str, deed: str, is_async_hook: bool, bad: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Outside invocations too: the neighbours' hooks run, the function answers, the error is kept with its names."""
    hook, arguments = LIFETIME[phase]
    bad(hook, MISDEEDS[deed], arguments=arguments, is_async=is_async_hook)
    called, trace = target(is_async=False, fails=False), list[str]()
    with caplog.at_level(logging.ERROR, logger="hosting.extensions"):
        host = host_with(hook, trace, called)
        assert await whole_life(host, called) == "fine x"
    assert trace == [hook, hook]
    entry = told(host, "middle")
    assert entry["error"]["phase"] == hook
    assert entry["status"] == ("failed" if hook in ("init", "configure") else "active")
    record = next(record for record in caplog.records if record.name == "hosting.extensions.middle")
    names = [getattr(record, key) for key in ("extension", "distribution", "version", "hook")]
    assert names == ["middle", "bad-extension", "1.2.3", hook]


async def whole_life(host: ExtensionHost, called: Function) -> Any:
    await host.startup()
    result = await invoker_of(host, called)(Context(), {"req": "x"})
    await host.shutdown()
    return result
