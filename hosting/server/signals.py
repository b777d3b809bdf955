"""SIGINT and SIGTERM of a process that serves, next to the handlers that its app installs, and in its children."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from hosting._fork import call_around_fork
from hosting._log import host_logger

_NUMBERS = (signal.SIGINT, signal.SIGTERM)
_DEFAULTS = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
"""Python's own handlers."""

_logger = host_logger("start")

Handler = Callable[[int, FrameType | None], Any]


class ExitSignals:
    """The handlers of SIGINT and SIGTERM: made before the app is imported, used while its process serves.

    A child that the app forks has the handlers that it would have in any Python process: the app's, or Python's own.
    """

    def __init__(self) -> None:
        self._usual = {number: signal.getsignal(number) for number in _NUMBERS}
        self._apps: dict[int, Any] = {}
        """The handlers that the app has installed, by signal."""
        self._own: Handler | None = None
        self._masks = threading.local()
        call_around_fork(self._hold, self._release, self._reset_in_child)

    def note_apps_handlers(self) -> None:
        """Note the handlers that the app has installed when it was imported; asyncio installs one of its own later."""
        for number in _NUMBERS:
            self._note(number, signal.getsignal(number))

    def install(self, handler: Handler) -> None:
        """Handle the signals with ``handler``, which calls ``call_apps_handler``. Main thread only."""
        self._own = handler
        for number in _NUMBERS:
            signal.signal(number, handler)

    def adopt(self) -> None:
        """Note the handlers that the app has installed since then, and put ours back in their place."""
        for number in _NUMBERS:
            current = signal.getsignal(number)
            if current != self._own:
                self._note(number, current)
                signal.signal(number, self._own)

    def take_back_from_debugger(self) -> None:
        """Put our handler of Ctrl-C back where Python's debugger has its own, which would open the debugger again."""
        debugger = sys.modules.get("bdb")
        handler = signal.getsignal(signal.SIGINT)
        if debugger is not None and self._own is not None and _is_method_of(handler, debugger.Bdb):
            signal.signal(signal.SIGINT, self._own)

    def call_apps_handler(self, number: int, frame: FrameType | None) -> None:
        """Call the handler that the app has installed for a signal; what it raises is logged."""
        handler = self._apps.get(number)
        if callable(handler):
            try:
                handler(number, frame)
            except SystemExit:
                return  # how many handlers end a process: this one ends as well
            except BaseException:
                _logger.warning("The app's handler of %s failed.", signal.Signals(number).name, exc_info=True)

    def restore(self) -> None:
        """Put back the handlers that were found at first."""
        for number, handler in self._usual.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)  # None: it was not set by Python code
        self._own = None

    def _note(self, number: int, handler: Any) -> None:
        if handler != self._usual[signal.Signals(number)]:
            self._apps[number] = handler

    def _hold(self) -> None:
        """Hold the signals back during a fork: one that reached the child before its handlers are set would be lost."""
        self._masks.before = signal.pthread_sigmask(signal.SIG_BLOCK, _NUMBERS)

    def _release(self) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, self._masks.before)

    def _reset_in_child(self) -> None:
        signal.set_wakeup_fd(-1)  # it is the parent's event loop that it would wake
        for number, default in _DEFAULTS.items():
            usual = self._usual[number]
            if signal.getsignal(number) in (self._own, usual):
                # A shell has its background processes ignore Ctrl-C, and their children with them.
                inherited = usual if usual == signal.SIG_IGN else default
                signal.signal(number, self._apps.get(number, inherited))
        self._release()


def _is_method_of(handler: object, cls: type) -> bool:
    return isinstance(getattr(handler, "__self__", None), cls)
