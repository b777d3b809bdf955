"""Locks of timers: the process that holds a timer's lock runs it."""

from __future__ import annotations

from hosting._exceptions import error_text
from hosting._log import host_logger
from hosting.bindings.services import Services
from hosting.bindings.storage import Lease
from hosting.errors import HostingError

_logger = host_logger("triggers.timer")


class TimerLocks:
    """The locks of a host's timers. A failure of their storage is logged once, and its end too.

    Args:
        services: has the host's storage, which is opened when it is first needed.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self.failure = ""
        """Why the storage cannot be used; empty if it can be used."""

    async def acquire(self, name: str) -> Lease | None:
        """Try to take the lock of a function's timer.

        Args:
            name: the function's name.

        Returns:
            The lock; None if another process holds it, or the storage cannot be reached.
        """
        try:
            path = f"locks/{self._services.host_id}/Host.Functions.{name}.Listener"
            lease = await self._services.storage.lock(path)
        except Exception as error:  # noqa: BLE001 - the storage may be another package's
            self.report_failure(error)
            return None
        if lease is None:
            self.report_success()
        return lease

    async def release(self, lease: Lease) -> None:
        """Release a lock, so that another process can take it. An error is logged: the lock expires by itself."""
        try:
            await lease.release()
        except Exception as error:  # noqa: BLE001 - as above
            _logger.debug("A lock was not released: %s", error)

    def report_success(self) -> None:
        """Log that the storage can be used again, if it could not be used before."""
        if self.failure:
            self.failure = ""
            _logger.info("The host's storage can be used again.")

    def report_failure(self, error: Exception) -> None:
        """Log that the storage cannot be used, unless the same error was logged last."""
        text = str(error) if isinstance(error, HostingError) else error_text(error)
        if text != self.failure:
            self.failure = text
            _logger.error("Timers are waiting for the host's storage; trying again: %s", text)
