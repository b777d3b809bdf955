"""Extensions that the app registers after its functions are loaded: none of their hooks runs, and a guard denies."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from hosting.authoring import pending
from hosting.host.context import current

if TYPE_CHECKING:
    from hosting.extensions import ExtensionHost
    from hosting.host.invocation import RunningInvocations

_started_by: ContextVar[LateExtensions | None] = ContextVar("hosting_started_by", default=None)
"""Whose host has started the code that runs: its startup hooks and its background tasks."""


class LateExtensions:
    """Takes what is passed to ``hosting.extension`` while one host runs.

    Args:
        extensions: the host's extensions, which are loaded.
        running: its invocations.
        in_test: whether a test runs the host: what the test itself registers meanwhile is for its next host.
    """

    def __init__(self, extensions: ExtensionHost, running: RunningInvocations, *, in_test: bool) -> None:
        self._extensions, self._running, self._in_test = extensions, running, in_test
        self._loaded_in = threading.get_ident()
        self.add_pending()  # those of hooks that were called at load

    def add_pending(self) -> None:
        """Take what has been registered since the functions were loaded."""
        for name, target in pending.collect().extensions:
            self._extensions.add_late(name, target)

    def open(self) -> None:
        """Take what is registered from now on."""
        if not self._in_test:
            self.add_pending()
        pending.late.append(self._take)

    def close(self) -> None:
        """Take no more."""
        pending.late[:] = [takes for takes in pending.late if takes != self._take]

    @contextmanager
    def starting(self) -> Iterator[None]:
        """Recognize the code that is started in this block."""
        token = _started_by.set(self)
        try:
            yield
        finally:
            _started_by.reset(token)

    def _take(self, name: str, target: Any) -> bool:
        """Take an extension.

        Args:
            name: its name.
            target: its module, object or class.

        Returns:
            Whether it is one of this host's app.
        """
        if self._in_test and not self._is_called_by_app():
            return False
        self._extensions.add_late(name, target)
        return True

    def _is_called_by_app(self) -> bool:
        """Return whether the app's code runs now; on the thread of the test, it may be the test's own."""
        invocation, starter = current.get(), _started_by.get()
        if invocation is not None:
            return invocation.id in self._running.invocations
        if starter is not None:
            return starter is self
        return threading.get_ident() != self._loaded_in
