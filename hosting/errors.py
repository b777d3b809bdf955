"""What can go wrong, and how it is told: who, what was expected, what was found, the next step."""

from __future__ import annotations

import sys
import traceback


class HostingError(Exception):
    """A mistake that the person at the keyboard can mend: one message, no traceback, exit code 1.

    Args:
        message: what is wrong, naming who and what was found.
        remedy: the next step, one sentence.
        file: the file the mistake is in, if there is one.
        line: the line in that file, counted from 1.
    """

    def __init__(self, message: str, *, remedy: str = "", file: str | None = None, line: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.file = file
        self.line = line

    def __str__(self) -> str:
        where = "" if self.file is None else f"{self.file}:{self.line}: " if self.line else f"{self.file}: "
        remedy = f"\n  {self.remedy}" if self.remedy else ""
        return f"{where}{self.message}{remedy}"


class SettingsError(HostingError):
    """``host.json`` or ``local.settings.json`` cannot be used as it stands."""


class AppLoadError(HostingError):
    """The function app cannot be loaded."""


class FunctionLoadError(HostingError):
    """One function cannot be loaded; the others are not touched by it."""


class ExtensionError(HostingError):
    """An extension breaks its contract, or a required one is not there."""


class OrderCycleError(ExtensionError):
    """Extensions ask to stand before each other in a circle.

    Args:
        circle: their names, the first one again at the end.
    """

    def __init__(self, circle: list[str]) -> None:
        self.names = tuple(dict.fromkeys(circle))
        super().__init__(
            f"the order goes in a circle: {' -> '.join(circle)}",
            remedy=f"Settle it in host.json: extensionHost.order naming {', '.join(sorted(self.names))}.",
        )


class FrozenError(RuntimeError):
    """The host has started: what it is made of can no longer change."""


def print_error(error: HostingError, *, verbose: bool = False) -> None:
    """Print the message of an error on standard error.

    Args:
        error: the mistake.
        verbose: whether to print the traceback of the exception that caused it first.
    """
    if verbose and error.__cause__ is not None:
        traceback.print_exception(error.__cause__)
    print(error, file=sys.stderr, flush=True)
