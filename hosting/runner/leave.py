"""The end of a process that has served: as Python ends, or at a deadline that no thread and no child can delay."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import NoReturn

from hosting.extensions import PoolThread

_MIN_SECONDS = 0.05
_CALLBACKS_SECONDS = 1.0
"""How long callbacks of ``atexit`` may take at the deadline."""


class EarlyExit:
    """Ends the process at SIGTERM, as long as nothing serves that would have to be drained.

    A signal handler of the server replaces this one. When the server has stopped, a further SIGTERM changes nothing.

    Args:
        before: called before the process ends.
    """

    def __init__(self, before: Callable[[], None]) -> None:
        self._is_early = True
        self._before = before
        signal.signal(signal.SIGTERM, self._exit)
        if hasattr(signal, "pthread_kill"):
            woken, self._wake = os.pipe()
            os.set_blocking(self._wake, False)
            signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
            threading.Thread(target=self._wake_main, args=(woken,), name="hosting-early-exit", daemon=True).start()

    def disable(self) -> None:
        """Let SIGTERM do nothing from now on, where no other handler is installed. Called once the server serves."""
        self._is_early = False

    def _exit(self, _number: int, _frame: object) -> None:
        if self._is_early:
            self._before()
            os._exit(0)

    def _wake_main(self, woken: int) -> None:
        """Let the main thread call the handler of SIGTERM at once, also if another thread got the signal.

        Otherwise the main thread would sleep on, for as long as the import of the app takes.

        Args:
            woken: a pipe from which the numbers of signals are read.
        """
        while number := os.read(woken, 1):
            if number[0] == signal.SIGTERM:
                if self._is_early and signal.getsignal(signal.SIGTERM) == self._exit:  # another one is called once only
                    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
                return


def leave(code: int, deadline: float) -> NoReturn:
    """End the process as Python does, with its threads, its children and what is registered with ``atexit``.

    At the deadline threads and children are waited for no longer. What is registered with ``atexit`` is called then,
    unless Python has begun to, and a second later the process ends in any case.

    Args:
        code: the exit code.
        deadline: until when to wait, in seconds of ``time.monotonic``.
    """
    deadline = max(deadline, time.monotonic() + _MIN_SECONDS)
    end = _End(code)
    atexit.register(end.begin)  # the last that is registered is called first
    # Both now: from its end on, Python starts no threads.
    threading.Thread(target=end.at, args=(deadline,), name="hosting-deadline", daemon=True).start()
    last = deadline + _CALLBACKS_SECONDS
    threading.Thread(target=end.force_at, args=(last,), name="hosting-last-deadline", daemon=True).start()
    for thread in threading.enumerate():
        if isinstance(thread, PoolThread):
            thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                end.at(deadline)  # Python's own end is not safe while a function still runs
    sys.exit(code)


class _End:
    """The end of this process, by the thread that begins it first."""

    def __init__(self, code: int) -> None:
        self._code = code
        self._begun = threading.Lock()

    def begin(self) -> bool:
        """Return whether the calling thread is the first."""
        return self._begun.acquire(blocking=False)

    def at(self, deadline: float) -> NoReturn:
        """End the process at the deadline. If Python has begun to, only end the children that it waits for."""
        time.sleep(max(0.0, deadline - time.monotonic()))
        _terminate_children()
        if self.begin():
            _flush()
            with contextlib.suppress(BaseException):
                # There is no public way. It contains what the callbacks raise.
                atexit._run_exitfuncs()
            _flush()
            os._exit(self._code)
        while True:
            time.sleep(_CALLBACKS_SECONDS)

    def force_at(self, deadline: float) -> NoReturn:
        """End the process at the deadline, whatever it does."""
        time.sleep(max(0.0, deadline - time.monotonic()))
        os._exit(self._code)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()


def _terminate_children() -> None:
    if processes := sys.modules.get("multiprocessing"):
        with contextlib.suppress(Exception):
            for child in processes.active_children():
                child.terminate()
