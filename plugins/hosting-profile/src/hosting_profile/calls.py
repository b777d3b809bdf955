"""Time by call, by pyinstrument, cut down to what the function itself did."""

from __future__ import annotations

import asyncio
import os
from contextvars import Context
from pathlib import Path

from pyinstrument import Profiler
from pyinstrument.frame import AWAIT_FRAME_IDENTIFIER, OUT_OF_CONTEXT_FRAME_IDENTIFIER
from pyinstrument.session import Session

import hosting

_OURS = tuple(f"{Path(file).parent}{os.sep}" for file in (__file__, hosting.__file__))
_SYNTHETIC = (AWAIT_FRAME_IDENTIFIER, OUT_OF_CONTEXT_FRAME_IDENTIFIER)


class Calls:
    """Looks at the stack of this thread every ``interval`` seconds, from when it is made until ``end``.

    Args:
        interval: seconds.
        loop: the event loop that the function shares with others; None where it has its thread to itself.

    Raises:
        RuntimeError: the author's code has a profiler running in this context already.
    """

    def __init__(self, interval: float, loop: asyncio.AbstractEventLoop | None) -> None:
        self._profiler = Profiler(interval=interval, async_mode="disabled" if loop is None else "strict")
        self._profiler.start()
        self._ticking = None if loop is None else _Ticking(loop, interval)

    def end(self) -> Session:
        """Stop, and tell the calls below the one that called the function."""
        if self._ticking is not None:
            self._ticking.end()
        return _cut(self._profiler.stop())


class _Ticking:
    """Runs a call outside of every context now and then, while the loop is idle.

    pyinstrument sees that a function waits, and where, at the first call in another context. An event loop written in C
    that has nothing else to do makes none before the function goes on.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, interval: float) -> None:
        self._loop, self._interval = loop, interval
        self._tick()

    def end(self) -> None:
        self._next.cancel()

    def _tick(self) -> None:
        self._next = self._loop.call_later(self._interval, self._tick, context=Context())


def _cut(session: Session) -> Session:
    """Take off what is above the function: the server's calls, and ours."""
    stem = list(session.start_call_stack)
    while stem and _is_ours(stem[-1]):
        stem.pop()
    if stem:
        cut = ((_below(stack, stem), seconds) for stack, seconds in session.frame_records)
        session.frame_records = [
            (below, seconds) for below, seconds in cut if len(below) > 1 and not _is_ours(below[1])
        ]
        session.start_call_stack = [stem[-1]]
        _drop_caller(session)
    return session


def _below(stack: list[str], stem: list[str]) -> list[str]:
    """What of one look at the stack is below the last of ``stem``, which called the function and comes first.

    In another task, which the function has started, only the first of ``stem`` are the same. Where nothing is left, the
    function waits, and it is not known where: nothing was called before it went on.
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
    """Let the tree begin with the function, unless the caller has called something else, too, such as a task of its."""
    called = {_identifier(stack[1]): stack[1] for stack, _ in session.frame_records if stack[1] not in _SYNTHETIC}
    if len(called) == 1:
        (function,) = called.values()
        session.frame_records = [
            ([function, *stack[1:]] if stack[1] in _SYNTHETIC else stack[1:], seconds)
            for stack, seconds in session.frame_records
        ]
        session.start_call_stack = [function]


def _identifier(frame: str) -> str:
    """Which code a frame runs, without the line that it is at."""
    return frame.partition("\x01")[0]
