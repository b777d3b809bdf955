"""Quarantine: an extension that fails in too many consecutive invocations is not called any more.

A guard is never taken out: it goes on denying, which is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from hosting.extensions._failures import log_error
from hosting.extensions._model import Extension

ERRING_REPORT_INTERVAL = 100
"""A guard that goes on failing is reported at the limit, and then each time that it has failed so often again."""


class Quarantine:
    """Counts the consecutive failing invocations of each extension, over all functions, and quarantines it at a limit.

    Args:
        limit: the number of consecutive invocations with an error that quarantines an extension.
        on_limit: called with an extension that has reached the limit; not with a guard.
    """

    def __init__(self, limit: int, on_limit: Callable[[Extension], None]) -> None:
        self._limit = limit
        self._on_limit = on_limit
        self.failing: set[Extension] = set()
        """The extensions with a count above zero; while it is empty, the end of an invocation costs nothing."""

    def count_error(self, extension: Extension, invocation: str) -> None:
        """Count an invocation in which the extension failed, once however often it did."""
        if invocation in extension.failed_invocations or extension.status != "active":
            return
        extension.failed_invocations.add(invocation)
        extension.consecutive_errors += 1
        self.failing.add(extension)
        excess = extension.consecutive_errors - self._limit
        if excess >= 0 and extension.is_guard:
            extension.is_erring = True
            if excess % ERRING_REPORT_INTERVAL == 0:
                log_erring(extension)
        elif excess >= 0:
            self._on_limit(extension)
            self._forget(extension)

    def end_invocation(self, extensions: Iterable[Extension], invocation: str) -> None:
        """Reset the count of those of the ``extensions`` that did not fail in the invocation that has ended."""
        for extension in self.failing.intersection(extensions):
            if invocation in extension.failed_invocations:
                extension.failed_invocations.discard(invocation)
            else:
                extension.consecutive_errors, extension.is_erring = 0, False
            if not (extension.consecutive_errors or extension.failed_invocations):
                self.failing.discard(extension)

    def reset(self, extension: Extension) -> None:
        """Start the count from zero, because the extension is paused or resumed."""
        extension.consecutive_errors, extension.is_erring = 0, False
        self._forget(extension)

    def _forget(self, extension: Extension) -> None:
        extension.failed_invocations.clear()
        self.failing.discard(extension)


def log_quarantine(extension: Extension, limit: int) -> None:
    """Log that an extension is quarantined, because it failed in ``limit`` invocations in a row."""
    log_error(
        extension,
        "Extension '%s' (%s) is quarantined: it failed in %d invocations in a row. Its hooks run again after a "
        "restart or POST /admin/extensions/%s/resume.",
        extension.name,
        extension.origin,
        limit,
        extension.name,
    )


def log_erring(guard: Extension) -> None:
    """Log that a guard goes on failing."""
    log_error(
        guard,
        "Guard '%s' (%s) has failed in %d invocations in a row, which it denied. A guard is not quarantined: it goes "
        "on denying until it succeeds.",
        guard.name,
        guard.origin,
        guard.consecutive_errors,
    )
