"""Keeps the status of one timer where it outlives the process."""

from __future__ import annotations

import json
import logging
from datetime import tzinfo

from hosting.bindings.services import Services
from hosting.bindings.timer.status import Status, read_status

_logger = logging.getLogger("hosting.triggers.timer")


class StatusStore:
    """Reads and writes the status of a function's timer.

    Args:
        services: where the host's storage is, which is asked for when it is first needed.
        name: the function's.
        zone: the time zone that moments are written in.
    """

    def __init__(self, services: Services, name: str, zone: tzinfo) -> None:
        self._services = services
        self._name = name
        self._zone = zone

    async def read(self) -> Status | None:
        """The status; None if none is stored, or what is stored cannot be understood.

        Raises:
            HostingError: the storage cannot be reached.
        """
        try:
            text = await self._services.storage.read(self._path)
            return None if text is None else read_status(text, self._zone)
        except (ValueError, RecursionError) as error:
            reason = error.args[0]
            _logger.warning(
                "The status of timer '%s' in %s cannot be read: %s. It starts anew.", self._name, self._path, reason
            )
            return None

    async def write(self, status: Status) -> None:
        """Store a status, if possible; a failure is logged, and the timer goes on."""
        try:
            await self._services.storage.write(self._path, json.dumps(status.as_json(self._zone)))
        except Exception as error:  # noqa: BLE001 - the storage may be another package's
            _logger.error("Function '%s' failed to update the timer trigger status. %s", self._name, error)

    @property
    def _path(self) -> str:
        return f"timers/{self._services.host_id}/Host.Functions.{self._name}/status"
