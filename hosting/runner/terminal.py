"""The terminal of a command, left as it was found."""

from __future__ import annotations

import os
from typing import Any

_STDIN = 0


class Terminal:
    """The settings of the terminal on standard input at the start of a command.

    A debugger's prompt changes them while it waits for a line. A process that ends meanwhile would leave them so, and
    the shell would not show what its user types.
    """

    def __init__(self) -> None:
        self._settings = _settings()

    def restore(self) -> None:
        """Put the settings back if they differ, unless other processes have the terminal now."""
        if self._settings is None or _settings() in (None, self._settings):
            return
        import termios

        try:
            if os.tcgetpgrp(_STDIN) == os.getpgrp():  # else the system would stop this process
                termios.tcsetattr(_STDIN, termios.TCSANOW, self._settings)
        except (OSError, termios.error):
            return  # the terminal was closed


def _settings() -> list[Any] | None:
    """Return the settings of the terminal; None if standard input is not one, or the system has no such settings."""
    if not os.isatty(_STDIN):
        return None
    try:
        import termios
    except ImportError:
        return None
    try:
        return termios.tcgetattr(_STDIN)
    except (OSError, termios.error):
        return None
