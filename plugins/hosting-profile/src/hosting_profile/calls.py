"""The call tree of a function, measured by pyinstrument and cut to the function's own calls."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Iterator
from contextvars import Context
from pathlib import Path

from pyinstrument import Profiler
from pyinstrument.frame import AWAIT_FRAME_IDENTIFIER, OUT_OF_CONTEXT_FRAME_IDENTIFIER
from pyinstrument.session import Session

import hosting

_OURS = tuple(f"{Path(file).parent}{os.sep}" for file in (__file__, hosting.__file__))
_SYNTHETIC = (AWAIT_FRAME_IDENTIFIER, OUT_OF_CONTEXT_FRAME_IDENTIFIER)


class Calls:
    """Samples the stack of this thread from its creation until ``end``.

    Args:
        interval: the time between two samples, in seconds.
        loop: the event loop that the function shares with others; None if it has a thread of its own.

    Raises:
        RuntimeError: another profiler is running in this context.
    """

    def __init__(self, interval: float, loop: asyncio.AbstractEventLoop | None) -> None:
        self._profiler = Profiler(interval=interval, async_mode="disabled" if loop is None else "strict")
        self._profiler.start()
        self._ticker = None if loop is None else _Ticker(loop, interval)

    def end(self) -> Session:
        """Stop, and return the calls below the caller of the function."""
        if self._ticker is not None:
            self._ticker.end()
        return _cut(self._profiler.stop())


class _Ticker:
    """Calls a function in an empty context at intervals, while the loop is idle.

    pyinstrument notices that a function waits, and where, at the first call in another context. An idle event loop that
    is written in C makes no such call before the function continues.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, interval: float) -> None:
        self._loop, self._interval = loop, interval
        self._tick()

    def end(self) -> None:
        """End the measurement."""
        self._next.cancel()

    def _tick(self) -> None:
        self._next = self._loop.call_later(self._interval, self._tick, context=Context())


def _cut(session: Session) -> Session:
    """Remove the frames above the function: those of the server and of this package."""
    stem = list(session.start_call_stack)
    while stem and _is_ours(stem[-1]):
        stem.pop()
    if stem:
        cut = ((_below(stack, stem), seconds) for stack, seconds in _merged(session.frame_records))
        session.frame_records = [
            (below, seconds) for below, seconds in cut if len(below) > 1 and not _is_ours(below[1])
        ]
        session.start_call_stack = [stem[-1]]
        _drop_caller(session)
    return session


def _merged(records: Iterable[tuple[list[str], float]]) -> Iterator[tuple[list[str], float]]:
    """Yield each stack once with the seconds of all its samples.

    Thousands of samples have a few stacks. What is done with each is itself sampled by the profilers of other
    invocations on the loop, whose ends would take longer and longer.
    """
    merged: dict[tuple[str, ...], float] = {}
    for stack, seconds in records:
        key = tuple(stack)
        merged[key] = merged.get(key, 0.0) + seconds
    return ((list(stack), seconds) for stack, seconds in merged.items())


def _below(stack: list[str], stem: list[str]) -> list[str]:
    """Return the frames of a sample from the last frame of ``stem`` on, which called the function.

    In another task that the function started, only the first frames of ``stem`` are the same. If no frame is left, the
    function waits at an unknown place, because nothing was called before it continued.
    """
    places, caller = [_identifier(frame) for frame in stack], stem[-1]
    if _identifier(caller) in places:
        return stack[places.index(_identifier(caller)) :]
    same = 0
    while same < min(len(places), len(stem)) and places[same] == _identifier(stem[same]):
        same += 1
    return [caller, *(stack[same:] or [AWAIT_FRAME_IDENTIFIER])]


def _is_ours(frame: str) -> bool:
    return frame not in _SYNTHETIC and frame.split("\x00")[1].startswith(_OURS)


def _drop_caller(session: Session) -> None:
    """Start the tree at the function, unless its caller called something else as well, such as a task."""
    called = {_identifier(stack[1]): stack[1] for stack, _ in session.frame_records if stack[1] not in _SYNTHETIC}
    if len(called) == 1:
        (function,) = called.values()
        session.frame_records = [
            ([function, *stack[1:]] if stack[1] in _SYNTHETIC else stack[1:], seconds)
            for stack, seconds in session.frame_records
        ]
        session.start_call_stack = [function]


def _identifier(frame: str) -> str:
    """Return the code of a frame, without its current line."""
    return frame.partition("\x01")[0]
