"""Quarantine: an extension that fails in too many consecutive invocations is not called any more."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from hosting.extensions._model import Extension


class Quarantine:
    """Counts the consecutive failing invocations of each extension, over all functions, and quarantines it at a limit.

    Args:
        limit: the number of consecutive invocations with an error that quarantines an extension.
        on_limit: called with an extension that has reached the limit.
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
        if extension.consecutive_errors >= self._limit:
            self._on_limit(extension)
            self._forget(extension)

    def end_invocation(self, extensions: Iterable[Extension], invocation: str) -> None:
        """Reset the count of those of the ``extensions`` that did not fail in the invocation that has ended."""
        for extension in self.failing.intersection(extensions):
            if invocation in extension.failed_invocations:
                extension.failed_invocations.discard(invocation)
            else:
                extension.consecutive_errors = 0
            if not (extension.consecutive_errors or extension.failed_invocations):
                self.failing.discard(extension)

    def reset(self, extension: Extension) -> None:
        """Start the count from zero, because the extension is paused or resumed."""
        extension.consecutive_errors = 0
        self._forget(extension)

    def _forget(self, extension: Extension) -> None:
        extension.failed_invocations.clear()
        self.failing.discard(extension)
