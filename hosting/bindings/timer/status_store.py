"""Storing the status of a timer between runs and processes."""

from __future__ import annotations

import json
from datetime import tzinfo

from hosting._log import host_logger
from hosting.bindings.services import Services
from hosting.bindings.timer.status import Status, read_status

_logger = host_logger("triggers.timer")


class StatusStore:
    """Reads and writes the status of one timer in the host's storage.

    Args:
        services: has the host's storage, which is opened when it is first needed.
        name: the function's name.
        zone: the time zone of the stored times.
    """

    def __init__(self, services: Services, name: str, zone: tzinfo) -> None:
        self._services = services
        self._name = name
        self._zone = zone

    async def read(self) -> Status | None:
        """Return the stored status; None if there is no status, or it cannot be parsed, which is logged.

        Raises:
            HostingError: the storage cannot be reached.
        """
        try:
            text = await self._services.storage.read(self._path)
            return None if text is None else read_status(text, self._zone)
        except (ValueError, RecursionError) as error:
            reason = error.args[0]
            _logger.warning(
                "The status of timer '%s' in %s cannot be parsed: %s. The timer starts without it.",
                self._name,
                self._path,
                reason,
            )
            return None

    async def write(self, status: Status) -> None:
        """Store a status. An error is logged, and the timer continues."""
        try:
            await self._services.storage.write(self._path, json.dumps(status.as_json(self._zone)))
        except Exception as error:  # noqa: BLE001 - the storage may be another package's
            _logger.error("Function '%s' failed to update the timer trigger status. %s", self._name, error)

    @property
    def _path(self) -> str:
        return f"timers/{self._services.host_id}/Host.Functions.{self._name}/status"
