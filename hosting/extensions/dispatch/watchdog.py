"""Time budgets of hooks: one thread counts ticks, in place of a timer for each call of a hook.

There are four ticks to a budget. A sync hook during which more than four passed was too slow, which is seen right after
it. An async hook that is still waiting then is cancelled. If it suppresses its cancellation, it is closed one tick
later, and its invocation goes on without it.
"""

from __future__ import annotations

import contextlib
import threading
from asyncio import Task
from collections.abc import Coroutine
from typing import Any

TICKS_PER_BUDGET = 4
"""An exceeded budget is noticed within a quarter of the budget."""


class Deadline:
    """The async hook that one invocation is waiting for, and since when.

    Its chain sets the attributes one by one: a call of ``__init__`` would cost as much as a hook.
    """

    __slots__ = ("cancels", "coroutine", "since", "task")

    task: Task[Any]
    """The task that the invocation runs in."""
    coroutine: Coroutine[Any, Any, Any] | None
    """The hook's coroutine; None while the function itself runs, and after the last hook."""
    since: int
    """The tick in which that hook was called."""
    cancels: int
    """How often the watchdog has cancelled that hook."""


class Watchdog:
    """Counts ticks, and cancels async hooks that exceed their budget.

    Args:
        budget: the seconds that one hook may take.
    """

    def __init__(self, budget: float) -> None:
        self.budget = budget
        self.ticks = [0]
        """The number of ticks so far, as the only item of a list: chains read it without a call."""
        self.deadlines: dict[Deadline, None] = {}
        """The invocations under way that have async hooks."""
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start counting; further calls change nothing."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="hosting-watchdog", daemon=True)
            with contextlib.suppress(RuntimeError):  # Python without threads, as in WebAssembly: no budget is enforced
                self._thread.start()

    def stop(self) -> None:
        """End the thread; does not wait for it."""
        self._stopping.set()

    def is_late(self, since: int) -> bool:
        """Return whether a hook that was called in tick ``since`` has exceeded its budget."""
        return self.ticks[0] - since > TICKS_PER_BUDGET

    def _run(self) -> None:
        while not self._stopping.wait(self.budget / TICKS_PER_BUDGET):
            self.ticks[0] += 1
            for deadline in list(self.deadlines):
                if deadline.coroutine is not None and self.is_late(deadline.since):
                    self._schedule_check(deadline)

    def _schedule_check(self, deadline: Deadline) -> None:
        """Have the invocation's event loop check the deadline; drop one whose loop is closed."""
        try:
            deadline.task.get_loop().call_soon_threadsafe(self._check, deadline)
        except RuntimeError:
            self.deadlines.pop(deadline, None)

    def _check(self, deadline: Deadline) -> None:
        """Cancel a hook that is late; called on its event loop, where its task is waiting or has moved on."""
        if deadline.coroutine is None or not self.is_late(deadline.since):
            return
        deadline.since = self.ticks[0] - TICKS_PER_BUDGET  # the next tick is the next chance
        deadline.cancels += 1
        cancel(deadline.task, deadline.coroutine if deadline.cancels > 1 else None)


def cancel(task: Task[Any], coroutine: Coroutine[Any, Any, Any] | None = None) -> None:
    """Cancel a task.

    Args:
        task: the task.
        coroutine: what the task awaits, if that has suppressed an earlier cancellation: it is closed first.
    """
    if coroutine is not None:
        with contextlib.suppress(BaseException):
            coroutine.close()
    task.cancel()
