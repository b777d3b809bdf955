"""``assert_isolated``: an extension is put through everything that goes wrong around it, and is to harm nobody."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

from hosting.authoring import ShortCircuit, hookimpl
from hosting.core import NOTHING
from hosting.testing.extensions import named
from hosting.testing.isolation.leaks import Leftovers, alive, grown, own_logging, sizes
from hosting.testing.isolation.scenarios import FAILURES, Awkward, Subject
from hosting.testing.portal import Portal
from hosting.testing.recorder import HOOKS, RecordingExtension
from hosting.testing.recording import Invocation

Found: TypeAlias = AsyncIterator[str]
MANY = 25
"""How often something is done that might leave something behind each time."""
_ENDINGS: tuple[tuple[str, str, Mapping[str, str]], ...] = (
    ("that returned", "answers", MappingProxyType({"mark": "1"})),
    ("that raised", "raises", MappingProxyType({"what": "TrialError"})),
)
_OTHER = "hosting-testing-other"
_WEIRD: tuple[Any, ...] = (None, True, -1, 1e300, "", "\0", "x" * 10_000, [], {"a": [None]}, [[]])
_MARK = re.compile(r"<([\w-]+)>")
_SHOWN = 3
"""Of the situations in which the same thing goes wrong, how many are told."""


def assert_isolated(extension: Any, *, settings: Mapping[str, Any] | None = None, handles_errors: bool = False) -> None:
    """Try an extension where things go wrong, and say in words what it does to others, or leaves behind.

    It runs, in a host in this process, with functions that return, raise, are cancelled, exit, run all at once, and get
    values that can be neither printed nor copied; without settings and with nonsense for settings; beside extensions
    that raise in every hook, and that answer in the function's place; in a host that starts again after it was shut
    down. Each time its hooks must not raise, callers must get what the function gave or raised, and nothing may stay:
    no context of an invocation that has ended, no entries of failed invocations, no thread, task or log handler.

    To refuse wrong settings with an exception in ``configure`` or ``configure_function`` is right, and is no finding.

    Args:
        extension: as in ``make_host``: an object, a class, a module, or the name of an installed extension.
        settings: what it needs to run, as in host.json.
        handles_errors: whether it answers in place of functions that raise, so that callers do not see them fail.

    Raises:
        AssertionError: it is not isolated; with one line for each finding.
        ExtensionError: there is no such extension.
    """
    __tracebackhide__ = True
    ((name, target),) = named([extension]).items()
    findings = Findings()
    portal = Portal(daemon=False)  # as the main thread of a real host
    portal.open()
    try:
        with own_logging(findings.logged):
            portal.call(_try(Subject(name, target, settings or NOTHING), findings, handles_errors=handles_errors))
    finally:
        portal.close()
    if findings:
        raise AssertionError(f"Extension '{name}' is not isolated:\n{findings}")


class Findings:
    """What went wrong, with the situations in which it did."""

    def __init__(self) -> None:
        self.logged: list[str] = []
        self._found: dict[str, list[str]] = {}

    async def add(self, situation: str, found: Found) -> None:
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
    more = len(distinct) - _SHOWN
    return "; ".join(distinct[:_SHOWN]) + (f"; and {more} more" if more > 0 else "")


async def _try(subject: Subject, findings: Findings, *, handles_errors: bool) -> None:
    leftovers = Leftovers()
    await findings.add("with the settings of this test", _starting(subject))
    if findings:
        return  # everything else would speak of an extension that does nothing
    trials: Mapping[str, Callable[[Subject], Found]] = {
        "when functions return": _returning,
        "when arguments are awkward": _awkward,
        "when an invocation is cancelled": _cancelled,
        "when many invocations run at once": _concurrent,
        "when another extension raises in every hook": _beside_raising,
        "when another extension answers in the function's place": _beside_answering,
        "when its host starts again after it was shut down": _again,
    }
    for situation, trial in trials.items():
        await findings.add(situation, trial(subject))
    for what in FAILURES:
        await findings.add(f"when a function raises {what}", _failing(subject, what, handles_errors=handles_errors))
    for settings in ({}, *(dict.fromkeys(subject.settings or ("unknown",), weird) for weird in _WEIRD)):
        await findings.add(f"with the settings {str(settings)[:60]}", _set(subject, settings))
    for ending, function, params in _ENDINGS:
        await findings.add(f"after invocations {ending}", _holding(subject, function, params))
    await findings.add(f"after {MANY} of them", _growing(subject))
    await findings.add("after its host was shut down", leftovers.found())


async def _starting(subject: Subject) -> Found:
    async with subject.running() as running:
        for fault in running.faults():
            yield fault


async def _returning(subject: Subject) -> Found:
    async with subject.running() as running:
        for function in ("answers", "answers_async"):
            for finding in _succeeded(await running.call(function, mark="1")):
                yield finding
        for finding in _succeeded(await running.call("ticks")):
            yield finding
        for fault in running.faults():
            yield fault


async def _failing(subject: Subject, what: str, *, handles_errors: bool) -> Found:
    """In sync and async functions."""
    async with subject.running() as running:
        for function in ("raises", "raises_async"):
            invocation = await running.call(function, what=what)
            if invocation.exception is None and not handles_errors:
                yield f"the caller is told that it succeeded: {invocation.result!r}"
            elif invocation.exception is not None and not isinstance(invocation.exception, FAILURES[what]):
                yield f"the caller is told {invocation.exception!r}"
        for fault in running.faults():
            yield fault


async def _awkward(subject: Subject) -> Found:
    async with subject.running() as running:
        for finding in _succeeded(await running.call("takes_event", Awkward())):
            yield finding
        for fault in running.faults():
            yield fault


async def _cancelled(subject: Subject) -> Found:
    async with subject.running() as running:
        task = asyncio.ensure_future(running.call("waits", mark="1"))
        await asyncio.wait({task, asyncio.ensure_future(running.trial.waiting.wait())}, return_when="FIRST_COMPLETED")
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled():
            yield "the cancellation is swallowed"
        for fault in running.faults():
            yield fault


async def _concurrent(subject: Subject) -> Found:
    """Every caller gets its own answer."""
    async with subject.running() as running:
        calls = {
            f"{function}-{number}": running.call(function, mark=f"{function}-{number}")
            for number in range(MANY)
            for function in ("answers", "answers_async")
        }
        for mark, invocation in zip(calls, await asyncio.gather(*calls.values()), strict=True):
            for finding in _succeeded(invocation):
                yield finding
            marks = _MARK.findall(_body(invocation))
            if marks and mark not in marks:
                yield f"a caller gets another one's answer: {_body(invocation)!r} for <{mark}>"
        for fault in running.faults():
            yield fault


async def _set(subject: Subject, settings: Mapping[str, Any]) -> Found:
    """Settings are refused when the host starts, or work; an extension that stumbles later is of no use to anybody."""
    async with subject.running(settings=settings) as running:
        if running.refuses:
            return
        for finding in _succeeded(await running.call("answers", mark="1")):
            yield finding
        for fault in running.faults():
            yield fault


async def _beside_raising(subject: Subject) -> Found:
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


class _Answering:
    @hookimpl
    def pre_invocation_app_level(self) -> None:
        raise ShortCircuit("answered")


async def _beside_answering(subject: Subject) -> Found:
    for order in ((_OTHER, subject.name), (subject.name, _OTHER)):
        async with subject.running(others={_OTHER: _Answering()}, order=order) as running:
            for finding in _succeeded(await running.call("answers", mark="1")):
                yield finding
            for fault in running.faults():
                yield fault


async def _again(subject: Subject) -> Found:
    """What was closed is opened again, in the same object where a host is given one."""
    target = subject.made()
    for _ in range(2):
        async with subject.running(target=target) as running:
            for finding in _succeeded(await running.call("answers", mark="1")):
                yield finding
            for fault in running.faults():
                yield fault


async def _holding(subject: Subject, function: str, params: Mapping[str, str]) -> Found:
    """Nothing of an invocation is held when it has ended."""
    async with subject.running() as running:
        for _ in range(MANY):
            await running.call(function, **params)
        await running.call("answers", mark="last")  # a thread holds what it has done until it does something else
        running.host.logs.clear()
        held = alive(running.trial.contexts)
        if held:
            yield f"it still holds the context of {held} of {len(running.trial.contexts)} that have ended"


async def _growing(subject: Subject) -> Found:
    """Failed invocations leave no more entries than others do."""
    growth = []
    for _, function, params in _ENDINGS:
        target = subject.made()
        async with subject.running(target=target) as running:
            await running.call(function, **params)
            before = sizes(target)
            for _ in range(MANY):
                await running.call(function, **params)
            growth.append(grown(before, sizes(target), MANY))
    returned, raised = growth
    for name in raised.keys() - returned.keys():
        yield f"{name} keeps an entry of every invocation that failed, {raised[name]} more"


def _succeeded(invocation: Invocation) -> list[str]:
    if invocation.exception is None:
        return []
    return [f"function '{invocation.function}' fails, which it does not do by itself: {invocation.exception!r}"]


def _body(invocation: Invocation) -> str:
    result = invocation.result
    return str(result if isinstance(result, str) else getattr(result, "get_body", lambda: b"")())
