"""Guards: a function does not run, and does not answer, where its guard cannot decide."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import logging
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

import hosting
from hosting import GuardError, ShortCircuit
from hosting.extensions import ExtensionHost
from tests.support.invoking import Context, exceed_budget, extension_entry, function, invoke, invoker_of, load_host

SHORT = {"budgets": {"hook": 0.05}}
PRE, AROUND, POST, ERROR = (
    "pre_invocation_app_level",
    "invocation_app_level",
    "post_invocation_app_level",
    "invocation_error_app_level",
)


class App:
    """A function that notes that it ran, as ``def`` and as ``async def``."""

    def __init__(self, *, is_async: bool, fails: bool = False) -> None:
        self.ran = 0
        self.function = function(self.call_async if is_async else self.call)
        self._fails = fails

    def call(self, **arguments: Any) -> str:
        self.ran += 1
        if self._fails:
            raise LookupError("the function")
        return "secret"

    async def call_async(self, **arguments: Any) -> str:
        return self.call()


def extension(**hooks: Callable[..., Any]) -> Any:
    """Return an object with hooks, which is no guard by itself."""
    return type("Extension", (), {name: staticmethod(hosting.hookimpl(hook)) for name, hook in hooks.items()})()


def guard(**hooks: Callable[..., Any]) -> Any:
    found = extension(**hooks)
    found.guard = True
    return found


def raising(exception: BaseException) -> Callable[[], None]:
    def hook() -> None:
        raise type(exception)(*exception.args)

    return hook


def raising_async(exception: BaseException) -> Callable[[], Any]:
    async def hook() -> None:
        raise type(exception)(*exception.args)

    return hook


async def slow() -> None:
    await asyncio.sleep(60)


async def swallows_its_cancellation() -> None:
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        return


async def ignores_its_cancellation() -> None:
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            continue


async def answers_too_late() -> None:
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        raise ShortCircuit("open") from None


def returns_a_coroutine() -> Any:
    return slow()


def returns_an_awaitable() -> Any:
    class Later:
        def __await__(self) -> Iterator[None]:
            yield

    return Later()


def returns_its_verdict() -> Any:
    return False


def is_broken() -> bool:
    return True


def never_yields() -> Iterator[None]:
    if not is_broken():
        yield


async def never_yields_async() -> AsyncIterator[None]:
    if not is_broken():
        yield


def raises_before_its_yield() -> Iterator[None]:
    if is_broken():
        raise PermissionError("no")
    yield


async def raises_before_its_yield_async() -> AsyncIterator[None]:
    if is_broken():
        raise PermissionError("no")
    yield


async def is_slow_before_its_yield() -> AsyncIterator[None]:
    await asyncio.sleep(60)
    yield


class Unmade(ShortCircuit):
    """An answer whose class forgets to call that of hosting."""

    def __init__(self) -> None:
        """Set no result."""


WAY_IN: dict[str, tuple[str, Callable[..., Any], int]] = {
    "error": (PRE, raising(ValueError("Bearer secret")), 500),
    "error, async": (PRE, raising_async(ValueError("Bearer secret")), 500),
    "SystemExit": (PRE, raising(SystemExit(0)), 500),
    "SystemExit, async": (PRE, raising_async(SystemExit(0)), 500),
    "CancelledError": (PRE, raising(asyncio.CancelledError()), 500),
    "CancelledError, async": (PRE, raising_async(asyncio.CancelledError()), 500),
    "GeneratorExit": (PRE, raising(GeneratorExit()), 500),
    "StopIteration": (PRE, raising(StopIteration("open")), 500),
    "TimeoutError of its own": (PRE, raising_async(TimeoutError("the identity provider")), 500),
    "slow": (PRE, slow, 503),
    "swallows its cancellation": (PRE, swallows_its_cancellation, 503),
    "ignores its cancellation": (PRE, ignores_its_cancellation, 503),
    "answers too late": (PRE, answers_too_late, 503),
    "coroutine": (PRE, returns_a_coroutine, 500),
    "awaitable": (PRE, returns_an_awaitable, 500),
    "answer without a result": (PRE, raising(Unmade()), 500),
    "answer without a result, async": (PRE, raising_async(Unmade()), 500),
    "verdict returned": (PRE, returns_its_verdict, 500),
    "no yield": (AROUND, never_yields, 500),
    "no yield, async": (AROUND, never_yields_async, 500),
    "error before the yield": (AROUND, raises_before_its_yield, 500),
    "error before the yield, async": (AROUND, raises_before_its_yield_async, 500),
    "slow before the yield": (AROUND, is_slow_before_its_yield, 503),
}
ASYNC = pytest.mark.parametrize("is_async", [False, True], ids=["def", "async def"])


@pytest.mark.exhaustive
@ASYNC
@pytest.mark.parametrize("case", WAY_IN)
def test_function_does_not_run_where_its_guard_fails(
    case: str, is_async: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever keeps a guard from deciding, the function does not run, and the log has one error with all about it."""
    name, hook, status = WAY_IN[case]
    app = App(is_async=is_async)
    section = SHORT if status == 503 else None  # a def hook may exceed a short budget on a busy machine
    host = load_host({"gate": guard(**{name: hook})}, app.function, section=section)
    with pytest.raises(GuardError) as caught, caplog.at_level(logging.ERROR, logger="hosting.extensions"):
        invoke(host, app.function, Context("one"))
    assert app.ran == 0
    error = caught.value
    assert (error.guard, error.status, error.invocation_id) == ("gate", status, "one")
    assert "secret" not in str(error)
    (record,) = [one for one in caplog.records if one.name == "hosting.extensions.gate"]
    assert all(part in record.getMessage() for part in ("'gate'", name, "'F'", "(invocation one)"))
    figures = extension_entry(host, "gate")["statistics"][name]
    assert (figures["calls"], figures["errors"], figures["denied"]) == (1, 1, 1)


@ASYNC
def test_ctrl_c_in_a_guard_is_raised_and_the_function_does_not_run(is_async: bool) -> None:
    """KeyboardInterrupt is the user's, and opens nothing."""
    app = App(is_async=is_async)
    host = load_host({"gate": guard(**{PRE: raising(KeyboardInterrupt())})}, app.function)
    with pytest.raises(KeyboardInterrupt):
        invoke(host, app.function)
    assert app.ran == 0


@ASYNC
def test_same_failures_of_other_extensions_do_not_stop_the_function(is_async: bool) -> None:
    """What observes only changes nothing for the caller."""
    for name, hook, _ in WAY_IN.values():
        app = App(is_async=is_async)
        host = load_host({"observer": extension(**{name: hook})}, app.function, section=SHORT)
        if hook is not answers_too_late:
            assert invoke(host, app.function) == "secret"


@ASYNC
def test_late_verdict_of_a_sync_guard_counts(is_async: bool) -> None:
    """A def hook has answered by the time that its budget is seen to be over; the overrun is reported."""
    hosts: list[ExtensionHost] = []
    app = App(is_async=is_async)
    hosts.append(load_host({"gate": guard(**{PRE: lambda: exceed_budget(hosts[0])})}, app.function, section=SHORT))
    assert invoke(hosts[0], app.function) == "secret"
    assert extension_entry(hosts[0], "gate")["error"]["type"] == "TimeoutError"


def raises_after_its_yield() -> Iterator[None]:
    yield
    raise PermissionError("no")


async def raises_after_its_yield_async() -> AsyncIterator[None]:
    yield
    raise PermissionError("no")


def yields_twice() -> Iterator[None]:
    yield
    yield


async def is_slow_after_its_yield() -> AsyncIterator[None]:
    yield
    await asyncio.sleep(60)


WAY_OUT: dict[str, tuple[str, Callable[..., Any]]] = {
    "post": (POST, raising(ValueError())),
    "post, async": (POST, raising_async(ValueError())),
    "post, slow": (POST, slow),
    "post, swallows its cancellation": (POST, swallows_its_cancellation),
    "post, coroutine": (POST, returns_a_coroutine),
    "around": (AROUND, raises_after_its_yield),
    "around, async": (AROUND, raises_after_its_yield_async),
    "around, two yields": (AROUND, yields_twice),
    "around, slow": (AROUND, is_slow_after_its_yield),
}


@pytest.mark.exhaustive
@ASYNC
@pytest.mark.parametrize("case", WAY_OUT)
def test_result_is_withheld_where_a_guard_fails_after_the_function(case: str, is_async: bool) -> None:
    """Redaction is a verdict, too. The function has run, so the status does not invite another attempt."""
    name, hook = WAY_OUT[case]
    app = App(is_async=is_async)
    host = load_host({"redact": guard(**{name: hook})}, app.function, section=SHORT)
    with pytest.raises(GuardError) as caught:
        invoke(host, app.function)
    assert (app.ran, caught.value.status) == (1, 500)


@ASYNC
def test_error_hook_of_a_guard_changes_nothing(is_async: bool) -> None:
    """Where the function itself has failed, an error hook has nothing to withhold."""
    app = App(is_async=is_async, fails=True)
    host = load_host({"gate": guard(**{ERROR: raising(ValueError())})}, app.function)
    with pytest.raises(LookupError):
        invoke(host, app.function)


@ASYNC
def test_guard_that_raises_the_functions_own_error_again_has_not_failed(is_async: bool) -> None:
    """A guard's around hook may end with what the function has raised."""

    def around() -> Iterator[None]:
        outcome = yield
        raise outcome.exception  # type: ignore[attr-defined]

    app = App(is_async=is_async, fails=True)
    host = load_host({"gate": guard(**{AROUND: around})}, app.function)
    with pytest.raises(LookupError):
        invoke(host, app.function)


def observing(seen: list[Any], result: Any = None) -> Callable[..., Any]:
    """Return an around hook that notes how the invocation ended, and replaces a failure by a result if there is one."""

    def around() -> Iterator[None]:
        outcome: Any = yield
        seen.append(outcome.exception or outcome.result)
        if result is not None:
            outcome.set_result(result)

    return around


@ASYNC
def test_denial_is_seen_by_telemetry_outside_and_replaced_by_nobody(is_async: bool) -> None:
    """An extension that answers with an older result where the function fails does not open what a guard has denied."""
    seen: list[Any] = []
    app = App(is_async=is_async)
    hooks = {"a": extension(**{AROUND: observing(seen, "stale")}), "gate": guard(**{PRE: raising(ValueError())})}
    with pytest.raises(GuardError):
        invoke(load_host(hooks, app.function), app.function)
    assert [type(one) for one in seen] == [GuardError]
    assert isinstance(seen[0].__cause__, ValueError)


async def cancels_its_task() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(0)


async def cancels_its_task_around() -> AsyncIterator[None]:
    await cancels_its_task()
    yield


@ASYNC
@pytest.mark.parametrize(("name", "hook"), [(PRE, cancels_its_task), (AROUND, cancels_its_task_around)])
def test_cancellation_of_a_guard_is_replaced_by_nobody(name: str, hook: Callable[..., Any], is_async: bool) -> None:
    """A caller who gives up, or a time limit of the host, has the guard not decide."""
    app = App(is_async=is_async)
    hooks = {"a": extension(**{AROUND: observing([], "stale")}), "gate": guard(**{name: hook})}
    with pytest.raises((asyncio.CancelledError, GuardError)):
        invoke(load_host(hooks, app.function), app.function)
    assert app.ran == 0


def cached() -> Iterator[None]:
    if is_broken():
        raise ShortCircuit("cached")
    yield


async def cached_async() -> AsyncIterator[None]:
    if is_broken():
        raise ShortCircuit("cached")
    yield


def short_circuit(result: str) -> Callable[[], None]:
    return raising(ShortCircuit(result))


def replaces_late() -> Iterator[None]:
    yield
    raise ShortCircuit("open")


async def replaces_late_async() -> AsyncIterator[None]:
    yield
    raise ShortCircuit("open")


@ASYNC
@pytest.mark.parametrize("hook", [replaces_late, replaces_late_async])
def test_short_circuit_after_the_function_opens_nothing(hook: Callable[..., Any], is_async: bool) -> None:
    """It is an error like any other there: it replaces no result, and no denial."""
    app = App(is_async=is_async)
    extensions = {"a": extension(**{AROUND: hook})}
    assert invoke(load_host(extensions, app.function), app.function) == "secret"
    with pytest.raises(GuardError):
        invoke(load_host({**extensions, "gate": guard(**{PRE: raising(ValueError())})}, app.function), app.function)


CACHES: dict[str, dict[str, Callable[..., Any]]] = {
    "around": {AROUND: cached},
    "around, async": {AROUND: cached_async},
    "pre": {PRE: short_circuit("cached")},
    "pre, async": {PRE: raising_async(ShortCircuit("cached"))},
}


def passing_around(ends: list[str]) -> Callable[[], Iterator[None]]:
    def around() -> Iterator[None]:
        yield
        ends.append("around")

    return around


BEHIND: dict[str, tuple[dict[str, Callable[..., Any]], str]] = {
    "passes": ({PRE: lambda: None}, "cached"),
    "passes, async": ({PRE: lambda: None, AROUND: never_yields}, "denied"),
    "answers": ({PRE: short_circuit("401")}, "401"),
    "answers, async": ({PRE: raising_async(ShortCircuit("401"))}, "401"),
    "answers in its around hook": ({AROUND: raising(ShortCircuit("401")), PRE: raising(ValueError())}, "401"),
    "fails": ({PRE: raising(ValueError())}, "denied"),
    "fails, async": ({PRE: raising_async(ValueError())}, "denied"),
    "is slow": ({PRE: slow}, "denied"),
    "swallows its cancellation": ({PRE: swallows_its_cancellation}, "denied"),
    "fails in its around hook": ({AROUND: raises_before_its_yield}, "denied"),
    "fails in its async around hook": ({AROUND: raises_before_its_yield_async}, "denied"),
}


def answering_around() -> Iterator[None]:
    if is_broken():
        raise ShortCircuit("401")
    yield


BEHIND["answers in its around hook"] = ({AROUND: answering_around, PRE: raising(ValueError())}, "401")


def outcome_of(host: ExtensionHost, app: App) -> str:
    try:
        return str(invoke(host, app.function))
    except GuardError:
        return "denied"


@pytest.mark.exhaustive
@ASYNC
@pytest.mark.parametrize("behind", BEHIND)
def test_cache_in_front_does_not_answer_past_a_guard(behind: str, is_async: bool) -> None:
    """What answers in the function's place is honoured once the guards behind it have let the invocation pass."""
    hooks, expected = BEHIND[behind]
    for cache in CACHES.values():
        app = App(is_async=is_async)
        host = load_host({"cache": extension(**cache), "gate": guard(**hooks)}, app.function, section=SHORT)
        assert (outcome_of(host, app), app.ran) == (expected, 0)


@ASYNC
def test_every_guard_runs_before_an_answer_is_honoured(is_async: bool) -> None:
    """Two guards behind a cache, in front of and behind an observer: each runs once, the observer is skipped."""
    ran: list[str] = []

    def noting(name: str) -> dict[str, Callable[..., Any]]:
        async def later() -> None:
            ran.append(f"{name} pre")

        def around() -> Iterator[None]:
            ran.append(f"{name} in")
            yield
            ran.append(f"{name} out")

        return {
            PRE: (lambda: ran.append(f"{name} pre")) if name != "c" else later,
            AROUND: around,
            POST: lambda: ran.append(f"{name} post"),
        }

    app = App(is_async=is_async)
    extensions = {
        "a": extension(**noting("a")),
        "b": extension(**{AROUND: cached}),
        "c": guard(**noting("c")),
        "d": extension(**noting("d")),
        "e": guard(**noting("e")),
    }
    host = load_host(extensions, app.function)
    assert outcome_of(host, app) == "cached"
    assert ran == ["a in", "c in", "e in", "c pre", "e pre", "e post", "c post", "a post", "e out", "c out", "a out"]
    calls = {name: extension_entry(host, name)["statistics"][PRE]["calls"] for name in ("a", "c", "d", "e")}
    assert calls == {"a": 0, "c": 1, "d": 0, "e": 1}


@ASYNC
def test_answer_of_one_guard_waits_for_the_others(is_async: bool) -> None:
    """A guard that caches is no way past another guard, and the hooks after the one that answers are not its own."""
    app = App(is_async=is_async)
    extensions = {
        "cache": guard(**{AROUND: cached, PRE: raising(ValueError())}),
        "gate": guard(**{AROUND: passing_around([]), PRE: short_circuit("401"), POST: raising(ValueError())}),
    }
    assert outcome_of(load_host(extensions, app.function), app) == "401"


def test_guard_that_fails_for_ever_is_never_taken_out(caplog: pytest.LogCaptureFixture) -> None:
    """The 21st bad request is denied as the first one was; the log says at the limit, and then each 100th time, why."""
    app = App(is_async=True)
    host = load_host({"gate": guard(**{PRE: raising(ValueError("broken"))})}, app.function)
    run = invoker_of(host, app.function)

    async def invoke_often() -> None:
        for _ in range(121):
            with pytest.raises(GuardError):
                await run(Context(), {})
        entry = extension_entry(host, "gate")
        assert (entry["status"], entry["guard"]) == ("erring", True)
        assert "121" in entry["reason"]
        (problem,) = [one for one in host.diagnosis()["problems"] if "erring" in one["message"]]
        assert problem["severity"] == "error"
        await host.shutdown()

    with caplog.at_level(logging.ERROR, logger="hosting.extensions"):
        asyncio.run(invoke_often())
    assert app.ran == 0
    assert sum("not quarantined" in message for message in caplog.messages) == 2


def test_guard_that_recovers_lets_functions_run_again() -> None:
    """Failures in a row count until one invocation passes."""
    failures = itertools.chain([True] * 25, itertools.repeat(False))

    def pre() -> None:
        if next(failures):
            raise ValueError

    app = App(is_async=True)
    host = load_host({"gate": guard(**{PRE: pre})}, app.function)
    run = invoker_of(host, app.function)

    async def invoke_often() -> None:
        for _ in range(25):
            with pytest.raises(GuardError):
                await run(Context(), {})
        assert await run(Context(), {}) == "secret"
        assert extension_entry(host, "gate")["status"] == "active"
        await host.shutdown()

    asyncio.run(invoke_often())


@pytest.mark.parametrize("cache", [False, True])
def test_denied_invocation_leaves_nothing_to_the_garbage_collector(cache: bool) -> None:
    """Errors and arguments of a denied invocation go when it ends, also where a cache had answered before."""

    class Argument:
        pass

    app = App(is_async=True)
    extensions = {"gate": guard(**{PRE: raising_async(ValueError())})}
    if cache:
        extensions = {"cache": extension(**{AROUND: cached}), **extensions}
    host = load_host(extensions, app.function)
    run = invoker_of(host, app.function)

    async def invoke_once() -> weakref.ref[Argument]:
        argument = Argument()
        with contextlib.suppress(GuardError):
            await run(Context(), {"req": argument})
        return weakref.ref(argument)

    async def check() -> None:
        gc.disable()
        try:
            assert (await invoke_once())() is None
        finally:
            gc.enable()
        await host.shutdown()

    asyncio.run(check())


def test_chain_without_a_chance_to_overtake_a_guard_is_that_of_any_extension() -> None:
    """A guard costs nothing: where nothing can answer before it, its chain has not one line more."""
    app = App(is_async=True)
    hooks: dict[str, Callable[..., Any]] = {PRE: lambda: None, POST: lambda: None}
    sources = [
        load_host({"gate": one(**hooks), "other": extension(**hooks)}, app.function).describe_chain("F")["source"]
        for one in (guard, extension)
    ]
    assert sources[0] == sources[1]
