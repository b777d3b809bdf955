"""Time budgets of hooks: one thread counts ticks, in place of a timer for each call of a hook.

There are four ticks to a budget. A sync hook during which more than four passed was too slow, which is seen right after
it. An async hook that is still waiting then is cancelled. If it suppresses its cancellation, it is closed one tick
later, and its invocation goes on without it.
"""

from __future__ import annotations

import contextlib
import threading
import weakref
from asyncio import CancelledError, Task
from collections.abc import Coroutine
from typing import Any

from hosting._exceptions import is_a, own_attribute
from hosting.authoring import ShortCircuit

_LATE = "_hosting_late"
"""The attribute of an exception of a hook that was cancelled for its budget."""
TICKS_PER_BUDGET = 4
"""An exceeded budget is noticed within a quarter of the budget."""


class Deadline:
    """The async hook that one invocation is waiting for, and since when.

    One invocation after the other uses it: to make one takes as long as to call a hook.
    """

    __slots__ = ("__weakref__", "cancels", "coroutine", "raised", "since", "task")

    def __init__(self) -> None:
        self.task: Task[Any] | None = None
        """The task that the invocation runs in; None between two invocations."""
        self.coroutine: Coroutine[Any, Any, Any] | None = None
        """The hook's coroutine; None while the function itself runs, and after the last hook."""
        self.since = 0
        """The tick in which that hook was called."""
        self.cancels = 0
        """How often the watchdog has cancelled that hook."""
        self.raised: BaseException | None = None
        """What that hook raised when the watchdog closed it."""


class Watchdog:
    """Counts ticks, and cancels async hooks that exceed their budget.

    Args:
        budget: the seconds that one hook may take.
    """

    def __init__(self, budget: float) -> None:
        self.budget = budget
        self.ticks = [0]
        """The number of ticks so far, as the only item of a list: chains read it without a call."""
        self.idle: list[Deadline] = []
        """The deadlines that no invocation uses; a chain takes one, and brings it back."""
        self._deadlines: list[weakref.ref[Deadline]] = []
        """All there are: an invocation that is abandoned takes its own with it."""
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def new_deadline(self) -> Deadline:
        """Return another deadline, for a chain that finds none idle."""
        deadline = Deadline()
        self._deadlines.append(weakref.ref(deadline))
        return deadline

    def waiting(self) -> list[Deadline]:
        """Return the deadlines of the invocations that wait for an async hook."""
        deadlines = [reference() for reference in list(self._deadlines)]
        return [one for one in deadlines if one is not None and one.coroutine is not None]

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
            self._forget_abandoned()
            for deadline in self.waiting():
                task = deadline.task
                if task is not None and self.is_late(deadline.since):
                    self._schedule_check(task, deadline)

    def _forget_abandoned(self) -> None:
        for reference in list(self._deadlines):
            if reference() is None:
                self._deadlines.remove(reference)

    def _schedule_check(self, task: Task[Any], deadline: Deadline) -> None:
        """Have the invocation's event loop check the deadline; if that loop is closed, nothing waits any more."""
        try:
            task.get_loop().call_soon_threadsafe(self._check, deadline)
        except RuntimeError:
            deadline.coroutine = None

    def _check(self, deadline: Deadline) -> None:
        """Cancel a hook that is late; called on its event loop, where its task is waiting or has moved on."""
        if deadline.task is None or deadline.coroutine is None or not self.is_late(deadline.since):
            return
        deadline.since = self.ticks[0] - TICKS_PER_BUDGET  # the next tick is the next chance
        deadline.cancels += 1
        raised = cancel(deadline.task, deadline.coroutine if deadline.cancels > 1 else None)
        if raised is not None:
            deadline.raised = raised


def cancel(task: Task[Any], coroutine: Coroutine[Any, Any, Any] | None = None) -> BaseException | None:
    """Cancel a task.

    Args:
        task: the task.
        coroutine: what the task awaits, if that has suppressed an earlier cancellation: it is closed first.

    Returns:
        What the coroutine raised when it was closed; None if nothing.
    """
    raised = None
    if coroutine is not None:
        try:
            coroutine.throw(_HookClosed())  # where it awaits again, the cancellation that follows is its next chance
        except (_HookClosed, StopIteration):
            pass
        except BaseException as exception:
            raised = exception
    task.cancel()
    return raised


class _HookClosed(BaseException):
    """Closes a hook: it passes through whatever the hook awaits, however deep, async generators included.

    ``close`` ends at the first of these, which would count as running for ever; before Python 3.13 that leaves them as
    they are. It raises, too, where the hook awaits something in its cleanup.
    """


def late_error(budget: float, *raised: BaseException | None) -> BaseException:
    """Return the error of a hook that was cancelled for its budget.

    Args:
        budget: the seconds that it was given.
        raised: what it raised when it was cancelled and when it was closed.

    Returns:
        The first of these exceptions that is more than the effect of that; a TimeoutError if none is.
    """
    own = (exception for exception in raised if exception is not None and is_own_error(exception))
    error = next(own, TimeoutError(f"it took longer than its budget of {budget:g} s"))
    own_attribute(error, "__dict__")[_LATE] = True
    return error


def is_late_error(exception: BaseException) -> bool:
    """Return whether ``late_error`` has returned an exception."""
    return _LATE in own_attribute(exception, "__dict__")


def is_own_error(exception: BaseException) -> bool:
    """Return whether a hook raised an exception itself; Python's own error of a closed coroutine has no frame of it."""
    frames = own_attribute(exception, "__traceback__")
    is_effect = is_a(exception, CancelledError, GeneratorExit, ShortCircuit, _HookClosed)
    return not is_effect and frames is not None and frames.tb_next is not None
