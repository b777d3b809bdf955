"""What a host knows about its health: its process, its app, its triggers, its storage, and the checks of extensions."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

from hosting._exceptions import error_text
from hosting._redaction import redact
from hosting.app_work import HEALTH_NAMES
from hosting.errors import HostingError
from hosting.extensions import ExtensionHost, HealthResult
from hosting.host.triggers import Triggers

if TYPE_CHECKING:
    from hosting.bindings.services import Services

STORAGE = "azure.functions.webjobs.storage"
"""The name of the check of the host's storage, as in Azure's host. Source: its ``HealthCheckNames``."""
STORAGE_SECONDS = 5.0
"""How long the host's storage may take to answer."""
STORAGE_HOLDS_SECONDS = 5.0
"""How long its answer holds: the endpoint is open, and must not let callers load the storage."""
DRAINED = "the host is drained"
"""Why a host is not ready that an operator has drained."""
_TRIGGERS = "hosting.triggers"
_LIVE, _READY = HEALTH_NAMES


class CheckedHost(Protocol):
    """What is asked of a host."""

    extensions: ExtensionHost
    listening: Triggers

    @property
    def state(self) -> str:
        """Whether it starts, runs, stops or has stopped."""


class HostHealth:
    """The health of one host.

    Args:
        host: the host, loaded.
        services: has the host's storage, which is checked if something of the app uses it.
    """

    def __init__(self, host: CheckedHost, services: Services) -> None:
        self._host = host
        self._services = services
        self._storage: asyncio.Task[str] | None = None
        self._storage_asked_at = float("-inf")
        self._storage_result: HealthResult | None = None

    def seconds(self, probe: str) -> float:
        """Return how long the checks of a probe may take together, in seconds.

        Args:
            probe: ``live``, ``ready``, or empty for all checks.
        """
        seconds = self._host.extensions.background.health_seconds(lambda check: check.is_for(probe))
        return max(seconds, STORAGE_SECONDS) if not probe and self._services.uses_storage else seconds

    async def check(self, probe: str) -> list[HealthResult]:
        """Return the results of the checks of a probe; async.

        What all hosts of an app share, such as storage, decides about no probe: its outage would restart all of them,
        or take them out of rotation.

        Args:
            probe: ``live``, ``ready``, or empty for all checks.
        """
        results = self._own(probe)
        if not probe:
            results += [
                HealthResult(f"{_TRIGGERS}.{name}", redact(reason), 0.0, False, False)
                for name, reason in self._host.listening.health().items()
            ]
        checks: list[Any] = [self._host.extensions.background.check_health(lambda check: check.is_for(probe))]
        if not probe and self._services.uses_storage:
            checks.append(self._check_storage())
        for found in await asyncio.gather(*checks):
            results += found
        return results

    def stop(self) -> None:
        """Cancel the check of the storage, if it runs."""
        if self._storage is not None:
            self._storage.cancel()

    def _own(self, probe: str) -> list[HealthResult]:
        """Return the results of the host's process, and of the app that it runs."""
        live = HealthResult(_LIVE, "the host has stopped" if self._host.state == "stopped" else "", 0.0, False, True)
        ready = HealthResult(_READY, self._not_ready(), 0.0, True, False)
        return [*([live] if probe != "ready" else []), *([ready] if probe != "live" else [])]

    def _not_ready(self) -> str:
        """Return why no requests should be sent to the host; empty if they may be."""
        guards = self._host.extensions.background.denying_guards
        if guards:
            return f"functions do not run without their guard: {', '.join(guards)}"
        if self._host.state != "running":
            return f"the host is {self._host.state}"
        return DRAINED if self._host.listening.is_drained else ""

    async def _check_storage(self) -> list[HealthResult]:
        """Return the result for the host's storage, which is not asked again for a few seconds."""
        started = monotonic()
        if self._storage_result is None or started - self._storage_asked_at >= STORAGE_HOLDS_SECONDS:
            if self._storage is None or self._storage.done():
                self._storage = asyncio.create_task(self._ask_storage(), name="health of the storage")
            await asyncio.wait({self._storage}, timeout=STORAGE_SECONDS)
            is_done = self._storage.done() and not self._storage.cancelled()
            reason = self._storage.result() if is_done else f"it has not answered within {STORAGE_SECONDS:g} s"
            self._storage_asked_at = monotonic()
            self._storage_result = HealthResult(STORAGE, reason, self._storage_asked_at - started, False, False)
        return [self._storage_result]

    async def _ask_storage(self) -> str:
        """Return why the host's storage cannot be used; empty if it can."""
        try:
            await self._services.storage.read("health")
        except Exception as error:  # noqa: BLE001 - the storage may be another package's
            return redact(str(error) if isinstance(error, HostingError) else error_text(error))
        return ""
