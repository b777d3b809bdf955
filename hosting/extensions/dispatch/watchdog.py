"""One clock for all time budgets: a coarse tick that a hook's caller compares, instead of a timer per hook.

A thread counts ticks, four to a budget. A sync hook over which five ticks passed was too slow, which is seen right
after it. An async hook that is still waiting after five is cancelled; one that swallows its cancellation is closed, and
its invocation goes on without it.
"""

from __future__ import annotations

import contextlib
import threading
from asyncio import Task
from collections.abc import Coroutine
from typing import Any

TICKS = 4
"""To a budget: what is late is known within a quarter of the budget."""


class Watch:
    """Where one invocation with async hooks stands: its task, the step it is in (or -1), since which tick.

    The chain fills it in: a call of ``__init__`` would cost as much as a hook.
    """

    __slots__ = ("cancels", "since", "step", "task")

    task: Task[Any]
    step: int
    since: int
    cancels: int

    def awaited(self) -> Coroutine[Any, Any, Any] | None:
        """The hook's coroutine: what the chain that has this watch awaits right now."""
        coroutine: Any = self.task.get_coro()
        while coroutine is not None:
            frame, awaited = getattr(coroutine, "cr_frame", None), getattr(coroutine, "cr_await", None)
            if frame is not None and frame.f_locals.get("watch") is self:
                return awaited if isinstance(awaited, Coroutine) else None
            coroutine = awaited
        return None


class Clock:
    """Counts ticks and cancels the async hooks that outlast the budget.

    Args:
        budget: seconds that one hook may take.
    """

    def __init__(self, budget: float) -> None:
        self.budget = budget
        self.tick = [0]
        self.watches: dict[Watch, None] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to count; once is enough."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="hosting-clock", daemon=True)
            with contextlib.suppress(RuntimeError):  # where Python has no threads, as in WebAssembly: nothing is timed
                self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()

    def is_late(self, since: int) -> bool:
        """Whether a step that began at tick ``since`` has outlasted the budget."""
        return self.tick[0] - since > TICKS

    def _run(self) -> None:
        while not self._stop.wait(self.budget / TICKS):
            self.tick[0] += 1
            for watch in list(self.watches):
                if watch.step >= 0 and self.is_late(watch.since):
                    self._call(watch)

    def _call(self, watch: Watch) -> None:
        """Have the watch's loop look at it; one whose loop is closed is nobody's any more."""
        try:
            watch.task.get_loop().call_soon_threadsafe(self._expire, watch)
        except RuntimeError:
            self.watches.pop(watch, None)

    def _expire(self, watch: Watch) -> None:
        """On the watch's loop, while its task waits: ask it to stop, and a tick later make it."""
        if watch.step < 0 or not self.is_late(watch.since):
            return
        watch.since = self.tick[0] - TICKS
        watch.cancels += 1
        end(watch.task, watch.awaited() if watch.cancels > 1 else None)


def end(task: Task[Any], stubborn: Coroutine[Any, Any, Any] | None = None) -> None:
    """Ask a task to stop; ``stubborn`` is what it awaits, when that has ignored the asking, and is closed."""
    if stubborn is not None:
        with contextlib.suppress(BaseException):
            stubborn.close()
    task.cancel()
