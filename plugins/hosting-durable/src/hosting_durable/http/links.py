"""The addresses of the management API that clients and callers get."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

ROOT = "/runtime/webhooks/durabletask"
CONNECTION = "Storage"
"""The connection that Azure's addresses name; nothing here depends on it."""


@dataclass(frozen=True, slots=True)
class Links:
    """Makes the addresses of one hub, as ``GetClientResponseLinks`` of Azure's extension makes them.

    Args:
        origin: scheme, host and port by which callers reach the host.
        hub: the name of the task hub.
        key: the system key; empty if callers need none.
    """

    origin: str
    hub: str
    key: str

    @property
    def code(self) -> str:
        """The part of a query with the key; empty without one."""
        return f"code={quote(self.key, safe='')}" if self.key else ""

    def management(self, instance_id: str, *, with_rewind: bool = True) -> dict[str, str]:
        """Return the addresses about an instance.

        Args:
            instance_id: its ID; it is encoded.
            with_rewind: whether the address for rewinding is included, which replies of the API itself lack.
        """
        base = f"{self.origin}{ROOT}/instances/{quote(instance_id, safe='')}"
        query = "&".join(filter(None, [f"taskHub={self.hub}", f"connection={CONNECTION}", self.code]))
        addresses = {
            "id": instance_id,
            "statusQueryGetUri": f"{base}?{query}",
            "sendEventPostUri": f"{base}/raiseEvent/{{eventName}}?{query}",
            "terminatePostUri": f"{base}/terminate?reason={{text}}&{query}",
            "rewindPostUri": f"{base}/rewind?reason={{text}}&{query}",
            "purgeHistoryDeleteUri": f"{base}?{query}",
            "restartPostUri": f"{base}/restart?{query}",
            "suspendPostUri": f"{base}/suspend?reason={{text}}&{query}",
            "resumePostUri": f"{base}/resume?reason={{text}}&{query}",
        }
        if not with_rewind:
            del addresses["rewindPostUri"]
        return addresses

    def creation(self) -> dict[str, str]:
        """Return the addresses that start an orchestration."""
        base = f"{self.origin}{ROOT}/orchestrators/{{functionName}}[/{{instanceId}}]"
        waiting = "timeout={timeoutInSeconds}&pollingInterval={intervalInSeconds}"
        return {
            "createNewInstancePostUri": f"{base}?{self.code}" if self.code else base,
            "createAndWaitOnNewInstancePostUri": f"{base}?{'&'.join(filter(None, [waiting, self.code]))}",
        }

    def status_url(self, instance_id: str) -> str:
        """Return the address of the status of an instance."""
        return self.management(instance_id)["statusQueryGetUri"]
