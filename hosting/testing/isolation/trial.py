"""``assert_isolated``: runs an extension under adverse conditions, and reports what affects others."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

from hosting.authoring import ShortCircuit, hookimpl
from hosting.core import NOTHING
from hosting.testing.extensions import extensions_by_name
from hosting.testing.isolation.leaks import Leftovers, alive, grown, separate_logging, sizes
from hosting.testing.isolation.scenarios import FAILURES, ExtensionUnderTest, UnusableValue
from hosting.testing.portal import Portal
from hosting.testing.recorder import HOOKS, RecordingExtension
from hosting.testing.recording import Invocation

Found: TypeAlias = AsyncIterator[str]
REPEATS = 25
"""How often an invocation is repeated to find leaks."""
_ENDINGS: tuple[tuple[str, str, Mapping[str, str]], ...] = (
    ("that returned", "answers", MappingProxyType({"mark": "1"})),
    ("that raised", "raises", MappingProxyType({"what": "TrialError"})),
)
_OTHER = "hosting-testing-other"
_WEIRD: tuple[Any, ...] = (None, True, -1, 1e300, "", "\0", "x" * 10_000, [], {"a": [None]}, [[]])
_MARK = re.compile(r"<([\w-]+)>")
_MAX_SITUATIONS = 3
"""How many situations are listed for one finding."""


def assert_isolated(extension: Any, *, settings: Mapping[str, Any] | None = None, handles_errors: bool = False) -> None:
    """Run an extension under adverse conditions, and fail with a list of what it does to others or leaves behind.

    The extension runs in a host in this process: with functions that return, raise, are cancelled, exit, run
    concurrently, and take values that can be neither printed nor copied; without settings and with invalid settings;
    next to extensions that raise in every hook or that respond instead of the function; in a host that starts again
    after a shutdown. Each time, its hooks must not raise, and callers must get the function's result or exception. No
    context of an ended invocation, no entry of a failed invocation, no thread, task or log handler may remain.

    An exception in ``configure`` or ``configure_function`` that refuses invalid settings is not a finding.

    Args:
        extension: as in ``make_host``: an object, a class, a module, or the name of an installed extension.
        settings: the settings that it needs, as in host.json.
        handles_errors: whether it turns exceptions of functions into results, so that callers do not see them.

    Raises:
        AssertionError: the extension is not isolated; the message has a line for each finding.
        ExtensionError: there is no such extension.
    """
    __tracebackhide__ = True
    ((name, target),) = extensions_by_name([extension]).items()
    findings = Findings()
    portal = Portal(daemon=False)  # like the main thread of a real host
    portal.open()
    try:
        with separate_logging(findings.logged):
            portal.call(
                _run_trials(
                    ExtensionUnderTest(name, target, settings or NOTHING), findings, handles_errors=handles_errors
                )
            )
    finally:
        portal.close()
    if findings:
        raise AssertionError(f"Extension '{name}' is not isolated:\n{findings}")


class Findings:
    """Findings, each with the situations in which it occurred."""

    def __init__(self) -> None:
        self.logged: list[str] = []
        self._found: dict[str, list[str]] = {}

    async def add(self, situation: str, found: Found) -> None:
        """Add findings of one situation, and records that could not be formatted."""
        async for finding in found:
            self._found.setdefault(finding, []).append(situation)
        while self.logged:
            self._found.setdefault(self.logged.pop(), []).append(situation)

    def __bool__(self) -> bool:
        return bool(self._found)

    def __str__(self) -> str:
        return "\n".join(f"- {finding}: {_listed(situations)}" for finding, situations in self._found.items())


def _listed(situations: list[str]) -> str:
    distinct = list(dict.fromkeys(situations))
    more = len(distinct) - _MAX_SITUATIONS
    return "; ".join(distinct[:_MAX_SITUATIONS]) + (f"; and {more} more" if more > 0 else "")


async def _run_trials(subject: ExtensionUnderTest, findings: Findings, *, handles_errors: bool) -> None:
    leftovers = Leftovers()
    await findings.add("with the settings of this test", _start(subject))
    if findings:
        return  # the other trials would run without the extension
    trials: Mapping[str, Callable[[ExtensionUnderTest], Found]] = {
        "when functions return": _returning,
        "when arguments cannot be printed or copied": _unusable_arguments,
        "when an invocation is cancelled": _cancelled,
        "when many invocations run at once": _concurrent,
        "when another extension raises in every hook": _beside_raising,
        "when another extension responds instead of the function": _beside_responding,
        "when its host starts again after a shutdown": _restarted,
    }
    for situation, trial in trials.items():
        await findings.add(situation, trial(subject))
    for what in FAILURES:
        await findings.add(f"when a function raises {what}", _failing(subject, what, handles_errors=handles_errors))
    for settings in ({}, *(dict.fromkeys(subject.settings or ("unknown",), weird) for weird in _WEIRD)):
        await findings.add(f"with the settings {str(settings)[:60]}", _configured(subject, settings))
    for ending, function, params in _ENDINGS:
        await findings.add(f"after invocations {ending}", _holding(subject, function, params))
    await findings.add(f"after {REPEATS} of them", _growing(subject))
    await findings.add("after its host was shut down", leftovers.found())


async def _start(subject: ExtensionUnderTest) -> Found:
    async with subject.running() as running:
        for fault in running.faults():
            yield fault


async def _returning(subject: ExtensionUnderTest) -> Found:
    async with subject.running() as running:
        for function in ("answers", "answers_async"):
            for finding in _succeeded(await running.call(function, mark="1")):
                yield finding
        for finding in _succeeded(await running.call("ticks")):
            yield finding
        for fault in running.faults():
            yield fault


async def _failing(subject: ExtensionUnderTest, what: str, *, handles_errors: bool) -> Found:
    """Run a sync and an async function that raise."""
    async with subject.running() as running:
        for function in ("raises", "raises_async"):
            ran = len(running.trial.contexts)
            invocation = await running.call(function, what=what)
            has_raised = len(running.trial.contexts) > ran  # else the extension has responded instead of it
            if invocation.exception is None and has_raised and not handles_errors:
                yield f"the caller gets a result instead of the exception: {invocation.result!r}"
            elif invocation.exception is not None and not isinstance(invocation.exception, FAILURES[what]):
                yield f"the caller gets another exception: {invocation.exception!r}"
        for fault in running.faults():
            yield fault


async def _unusable_arguments(subject: ExtensionUnderTest) -> Found:
    async with subject.running() as running:
        for finding in _succeeded(await running.call("takes_event", UnusableValue())):
            yield finding
        for fault in running.faults():
            yield fault


async def _cancelled(subject: ExtensionUnderTest) -> Found:
    async with subject.running() as running:
        task = asyncio.ensure_future(running.call("waits", mark="1"))
        waiting = asyncio.ensure_future(running.trial.waiting.wait())
        await asyncio.wait({task, waiting}, return_when="FIRST_COMPLETED")
        task.cancel()
        waiting.cancel()
        await asyncio.wait({task, waiting})
        if running.trial.waiting.is_set() and not task.cancelled():
            yield "the cancellation is swallowed"
        for fault in running.faults():
            yield fault


async def _concurrent(subject: ExtensionUnderTest) -> Found:
    """Check that every caller gets its own result."""
    async with subject.running() as running:
        calls = {
            f"{function}-{number}": running.call(function, mark=f"{function}-{number}")
            for number in range(REPEATS)
            for function in ("answers", "answers_async")
        }
        for mark, invocation in zip(calls, await asyncio.gather(*calls.values()), strict=True):
            for finding in _succeeded(invocation):
                yield finding
            marks = _MARK.findall(_body(invocation))
            if marks and mark not in marks:
                yield f"a caller gets the result of another: {_body(invocation)!r} for <{mark}>"
        for fault in running.faults():
            yield fault


async def _configured(subject: ExtensionUnderTest, settings: Mapping[str, Any]) -> Found:
    """Check that settings are refused at start, or work: an extension that fails later helps no one."""
    async with subject.running(settings=settings) as running:
        if running.refuses:
            return
        for finding in _succeeded(await running.call("answers", mark="1")):
            yield finding
        for fault in running.faults():
            yield fault


async def _beside_raising(subject: ExtensionUnderTest) -> Found:
    for order in ((_OTHER, subject.name), (subject.name, _OTHER)):
        other = RecordingExtension(_OTHER)
        for hook in HOOKS:
            if hook not in ("init", "configure"):
                other.raise_at(hook, RuntimeError("on purpose"))
        async with subject.running(others={_OTHER: other}, order=order) as running:
            for finding in _succeeded(await running.call("answers", mark="1")):
                yield finding
            for fault in running.faults():
                yield fault


class _Responding:
    @hookimpl
    def pre_invocation_app_level(self) -> None:
        """Respond instead of the function."""
        raise ShortCircuit("answered")


async def _beside_responding(subject: ExtensionUnderTest) -> Found:
    for order in ((_OTHER, subject.name), (subject.name, _OTHER)):
        async with subject.running(others={_OTHER: _Responding()}, order=order) as running:
            for finding in _succeeded(await running.call("answers", mark="1")):
                yield finding
            for fault in running.faults():
                yield fault


async def _restarted(subject: ExtensionUnderTest) -> Found:
    """Start a host twice with the same extension object."""
    target = subject.instance()
    for _ in range(2):
        async with subject.running(target=target) as running:
            for finding in _succeeded(await running.call("answers", mark="1")):
                yield finding
            for fault in running.faults():
                yield fault


async def _holding(subject: ExtensionUnderTest, function: str, params: Mapping[str, str]) -> Found:
    """Check that nothing of an ended invocation is held."""
    async with subject.running() as running:
        for _ in range(REPEATS):
            await running.call(function, **params)
        await running.call("answers", mark="last")  # a pool thread holds its last call until the next one
        running.host.logs.clear()
        held = alive(running.trial.contexts)
        if held:
            yield f"it still holds the contexts of {held} of {len(running.trial.contexts)} ended invocations"


async def _growing(subject: ExtensionUnderTest) -> Found:
    """Check that failed invocations leave no more entries than successful ones."""
    growth = []
    for _, function, params in _ENDINGS:
        target = subject.instance()
        async with subject.running(target=target) as running:
            await running.call(function, **params)
            before = sizes(target)
            for _ in range(REPEATS):
                await running.call(function, **params)
            growth.append(grown(before, sizes(target), REPEATS))
    returned, raised = growth
    for name in raised.keys() - returned.keys():
        yield f"{name} keeps an entry for every failed invocation: {raised[name]} more"


def _succeeded(invocation: Invocation) -> list[str]:
    if invocation.exception is None:
        return []
    return [
        f"function '{invocation.function}' fails, which it does not do without the extension: {invocation.exception!r}"
    ]


def _body(invocation: Invocation) -> str:
    result = invocation.result
    return str(result if isinstance(result, str) else getattr(result, "get_body", lambda: b"")())
