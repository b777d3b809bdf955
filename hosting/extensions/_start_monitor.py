"""Names extensions that keep the start waiting: after 5 seconds, at the end of their budget, and then ever more rarely.

Imports and ``def`` hooks run on the thread that starts the host, because extensions rely on that: they install signal
handlers, or use what belongs to the main thread. Python cannot end them. So the start waits, and the log says for what.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from types import FrameType

from hosting.extensions._failures import log
from hosting.extensions._model import Extension

SLOW_AFTER_SECONDS = 5.0


class StartMonitor:
    """Watches what the start of one host waits for, from a thread that runs only while there is something to watch.

    Args:
        slow_after: the seconds after which an extension is named.
    """

    def __init__(self, slow_after: float = SLOW_AFTER_SECONDS) -> None:
        self._slow_after = slow_after
        self._waits: list[_Wait] = []
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._wakes_at = 0.0

    @contextmanager
    def watching(self, extension: Extension, what: str, budget: float, *, is_async: bool = False) -> Iterator[None]:
        """Watch the block.

        Args:
            extension: what runs inside it belongs to this extension.
            what: what that is doing, such as ``importing``, for the log.
            budget: the seconds that it may take.
            is_async: whether it is ended at the end of its budget, and reported by that.
        """
        wait = _Wait(extension, what, budget, self._slow_after, is_async=is_async)
        with self._changed:
            self._waits.append(wait)
            self._wake(wait.due)
        try:
            yield
        finally:
            with self._changed:
                self._waits.remove(wait)

    def stop(self) -> None:
        """End the thread, because the start is over."""
        with self._changed:
            self._changed.notify()

    def _wake(self, due: float) -> None:
        """Have the thread look not later than ``due``; it needs no signal where it wakes before that anyway."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="hosting-start", daemon=True)
            with contextlib.suppress(RuntimeError):  # Python without threads, as in WebAssembly
                self._thread.start()
        elif due < self._wakes_at:
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                due = [wait for wait in self._waits if wait.due <= monotonic()]
                if not self._waits:
                    self._thread = None
                    return
                if not due:
                    self._wakes_at = min(wait.due for wait in self._waits)
                    self._changed.wait(self._wakes_at - monotonic())
            for wait in due:
                wait.report()


class _Wait:
    """One thing that the start waits for.

    Args:
        extension: its extension.
        what: what it is doing.
        budget: the seconds that it may take.
        slow_after: the seconds after which it is named, unless its budget ends before.
        is_async: as for ``StartMonitor.watching``.
    """

    def __init__(self, extension: Extension, what: str, budget: float, slow_after: float, *, is_async: bool) -> None:
        self._extension = extension
        self._what = what
        self._budget = budget
        self._is_async = is_async
        self._started = monotonic()
        self._thread = threading.get_ident()
        self._reported_after = slow_after if is_async else min(slow_after, budget)
        self.due = self._started + self._reported_after
        """When to report it next."""

    def report(self) -> None:
        """Write the line about it, and decide when to write the next one."""
        after, at_end = self._reported_after, not self._is_async and self._reported_after >= self._budget
        extension = self._extension
        log(
            extension,
            logging.ERROR if at_end else logging.WARNING,
            "Extension '%s' (%s) is still %s after %g s%s%s. The host waits for it%s.",
            extension.name,
            extension.origin,
            self._what,
            after,
            f", longer than its budget of {self._budget:g} s" if at_end else "",
            self._place(),
            f", because Python cannot end it. To start without it: HOSTING_DISABLE={extension.name}" if at_end else "",
            distribution=extension.distribution,
            version=extension.version,
        )
        self._reported_after = after * 2 if at_end or self._is_async else self._budget
        self.due = self._started + self._reported_after

    def _place(self) -> str:
        """Return the line that runs, if it is known."""
        frame = None if self._is_async else _innermost(sys._current_frames().get(self._thread))
        return f", in {frame.f_code.co_filename}, line {frame.f_lineno}" if frame else ""


def _innermost(frame: FrameType | None) -> FrameType | None:
    """Return the innermost frame that is neither Python's nor ours."""
    while frame is not None and not _is_of_extension(frame):
        frame = frame.f_back
    return frame


def _is_of_extension(frame: FrameType) -> bool:
    module, _, _ = str(frame.f_globals.get("__name__", "")).partition(".")
    return module != "hosting" and module not in sys.stdlib_module_names
