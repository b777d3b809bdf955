"""Python's debugger in the terminal of ``hosting start``, for ``breakpoint()`` and ``pdb.set_trace()``."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from pdb import Pdb
from types import FrameType
from typing import Any


class HostDebugger(Pdb):
    """Python's debugger, which leaves Ctrl-C to the host, and ends the host when the user quits it.

    Args:
        end: called when the user quits.
        options: those of ``Pdb``.
    """

    def __init__(self, end: Callable[[], None], **options: Any) -> None:
        super().__init__(nosigint=True, **options)
        self._end = end
        self._is_interrupted = False

    def cmdloop(self, intro: Any = None) -> None:
        """Read commands until one goes on, or until Ctrl-C where no server handles it: while the app is imported."""
        try:
            super().cmdloop(intro)
        except KeyboardInterrupt:  # Pdb itself would show its prompt again, for ever
            self._is_interrupted = True

    def interaction(self, frame: FrameType | None, traceback: Any) -> None:
        """Show where the program is, and read commands.

        Raises:
            KeyboardInterrupt: Ctrl-C ended it.
        """
        super().interaction(frame, traceback)
        if self._is_interrupted:
            raise KeyboardInterrupt

    def set_quit(self) -> None:
        """End the host; the function that is debugged ends with ``BdbQuit``."""
        super().set_quit()
        self._end()


def open_debugger(frame: FrameType, *, header: str | None = None, **options: Any) -> None:
    """Debug a frame that runs, in a debugger that the host can end.

    Args:
        frame: where to stop.
        header: shown before the prompt.
        options: further ones of ``pdb.set_trace`` of this Python, such as ``commands`` since 3.14.
    """
    debugger = HostDebugger(interrupt_host)
    if header is not None:
        debugger.message(header)
    debugger.set_trace(frame, **options)


def interrupt_host() -> None:
    """Do what Ctrl-C does: to this process, or to the supervisor that has started it."""
    supervisor = multiprocessing.parent_process()
    process = os.getpid() if supervisor is None or supervisor.pid is None else supervisor.pid
    os.kill(process, signal.SIGINT)
