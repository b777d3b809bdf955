"""Progress and log messages of a running function, for the client that waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from hosting_mcp.jsonrpc import notification_message

LEVELS = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")

_current: ContextVar[Reporter | None] = ContextVar("hosting_mcp_reporter", default=None)


class Reporter:
    """Passes the notifications of one call to its client.

    Args:
        send: called on the event loop with each notification.
        progress_token: the client's name for the call; None if it does not want to know its progress.
    """

    def __init__(self, send: Callable[[dict[str, Any]], None], progress_token: Any) -> None:
        self._send = send
        self._loop = asyncio.get_running_loop()
        self.progress_token = progress_token

    def activate(self) -> None:
        """Let the functions that run in this context, and threads started with it, use it."""
        _current.set(self)

    def notify(self, method: str, params: dict[str, Any]) -> None:
        """Send a notification, from any thread."""
        self._loop.call_soon_threadsafe(self._send, notification_message(method, params))


def report_progress(progress: float, total: float | None = None, message: str | None = None) -> None:
    """Report to the client of the running function how far it is, from any thread.

    It does nothing if the client did not ask for it, if ``extensions.mcp.beyondAzure.notifications`` is not true, or
    in Azure.

    Args:
        progress: how much is done; more than in the last report.
        total: how much there is to do, if it is known.
        message: what is being done.
    """
    reporter = _current.get()
    if reporter is not None and reporter.progress_token is not None:
        optional = {name: value for name, value in (("total", total), ("message", message)) if value is not None}
        reporter.notify(
            "notifications/progress", {"progressToken": reporter.progress_token, "progress": progress, **optional}
        )


def log_message(level: str, data: Any, logger: str | None = None) -> None:
    """Send a log message to the client of the running function, from any thread; see ``report_progress``.

    Args:
        level: ``debug``, ``info``, ``notice``, ``warning``, ``error``, ``critical``, ``alert`` or ``emergency``.
        data: a text, or anything that JSON can express.
        logger: the name of the logger.

    Raises:
        ValueError: there is no such level.
    """
    if level not in LEVELS:
        raise ValueError(f"level {level!r} is not one of {', '.join(LEVELS)}")
    reporter = _current.get()
    if reporter is not None:
        named = {} if logger is None else {"logger": logger}
        reporter.notify("notifications/message", {"level": level, **named, "data": data})
