"""Which process runs a timer: the one that holds its lock."""

from __future__ import annotations

import logging

from hosting.bindings.services import Services
from hosting.bindings.storage import Lease
from hosting.errors import HostingError

_logger = logging.getLogger("hosting.triggers.timer")


class TimerLocks:
    """The locks of a host's timers, and what is wrong with the storage they are in: said once, and when it is over.

    Args:
        services: where the host's storage is, which is asked for when it is first needed.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self.trouble = ""
        """Why the storage cannot be used; empty while it can."""

    async def acquire(self, name: str) -> Lease | None:
        """Take the lock of function ``name``; None if another process holds it, or the storage cannot be reached."""
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
        """Let another process have the lock."""
        try:
            await lease.release()
        except Exception as error:  # noqa: BLE001 - as above; a lock that is not given back runs out
            _logger.debug("A lock was not given back: %s", error)

    def report_success(self) -> None:
        """Say that the storage can be used again, if it could not."""
        if self.trouble:
            self.trouble = ""
            _logger.info("The host's storage can be used again.")

    def report_failure(self, error: Exception) -> None:
        """Say that the storage cannot be used, unless that has been said."""
        text = str(error) if isinstance(error, HostingError) else f"{type(error).__name__}: {error}"
        if text != self.trouble:
            self.trouble = text
            _logger.error("Timers do not run, and are tried again and again: %s", text)
