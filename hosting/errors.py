"""Errors with a message for a person: what is wrong and where, what was expected, and what to do."""

from __future__ import annotations

import sys

from hosting._exceptions import traceback_text
from hosting._redaction import redact


class HostingError(Exception):
    """A mistake that a user can fix. The command line prints its message without a traceback.

    ``str()`` gives all of it: file, line, message and, on a line of its own, the remedy.

    Args:
        message: what is wrong, and what was found.
        remedy: what to do, one sentence; empty if the message says it.
        file: the path of the file that has the mistake, if there is one.
        line: the line in that file, counted from 1.
    """

    exit_code = 1
    """The exit code of the command that it ends."""

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


class UsageError(HostingError):
    """An argument or an option of a command is wrong."""

    exit_code = 2


class SettingsError(HostingError):
    """host.json or local.settings.json has a mistake."""


class AppLoadError(HostingError):
    """The function app cannot be loaded."""


class MissingFolderError(UsageError, AppLoadError):
    """There is no folder at the path that was given.

    Args:
        folder: the path.
        remedy: as for ``HostingError``.
    """

    def __init__(self, folder: object, *, remedy: str = "Name the folder of a function app.") -> None:
        super().__init__(f"there is no folder {folder}", remedy=remedy)


class FunctionLoadError(HostingError):
    """One function cannot be loaded. The other functions of the app run."""


class MissingSettingError(FunctionLoadError):
    """A connection of a binding has no setting, or one that cannot be used.

    An HTTP function keeps its route, and each call fails with this error. The events of any other function wait.
    """


class ExtensionError(HostingError):
    """An extension is not valid, or a required extension does not run."""


class GuardError(HostingError):
    """A guard did not let a function run, or withholds its result: it failed, was too slow, is paused or is missing.

    Its cause is the exception of the guard, if there is one.

    Args:
        message: what happened.
        guard: the name of the extension.
        status: the status of the response to an HTTP request: 500, or 503 where another attempt may succeed.
        invocation_id: the id of the invocation.
        remedy: as for ``HostingError``.
    """

    def __init__(self, message: str, *, guard: str, status: int, invocation_id: str, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.guard = guard
        self.status = status
        self.invocation_id = invocation_id

    def without_cause(self) -> GuardError:
        """Return a copy for the log of the function: the log of the extension has the cause with its traceback."""
        return GuardError(
            self.message,
            guard=self.guard,
            status=self.status,
            invocation_id=self.invocation_id,
            remedy=self.remedy,
        )


class OrderCycleError(ExtensionError):
    """The ``before`` and ``after`` of some extensions contradict each other.

    Args:
        cycle: the extensions' names, each before the next one; the first one again at the end.
    """

    def __init__(self, cycle: list[str]) -> None:
        self.names = tuple(dict.fromkeys(cycle))
        """The names of the extensions, each once."""
        super().__init__(
            f"the order of the extensions is a cycle: {' -> '.join(cycle)}",
            remedy=f"Set their order in host.json: extensionHost.order with {', '.join(sorted(self.names))}.",
        )


class FrozenError(RuntimeError):
    """The host is loaded: what it consists of can no longer change."""


def print_error(error: HostingError, *, verbose: bool = False) -> None:
    """Print an error on standard error, after ``Error:`` and without secrets.

    Args:
        error: the error.
        verbose: whether to print before it the traceback of the exception that caused it.
    """
    if verbose and error.__cause__ is not None:
        print(traceback_text(error.__cause__), file=sys.stderr)
    print(f"Error: {redact(str(error))}", file=sys.stderr, flush=True)
