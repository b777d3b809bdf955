"""Python's debugger in the terminal of ``hosting start``, for ``breakpoint()``."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from pdb import Pdb
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

    def set_quit(self) -> None:
        """End the host; the function that is debugged ends with ``BdbQuit``."""
        super().set_quit()
        self._end()


def interrupt_host() -> None:
    """Do what Ctrl-C does: to this process, or to the supervisor that has started it."""
    supervisor = multiprocessing.parent_process()
    process = os.getpid() if supervisor is None or supervisor.pid is None else supervisor.pid
    os.kill(process, signal.SIGINT)
