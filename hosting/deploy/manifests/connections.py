"""Connections of triggers: the setting with a connection string, or the settings of an identity."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from hosting.app_settings import AppSettings

PREFIX = "AzureWebJobs"
STORAGE = "AzureWebJobsStorage"

IDENTITY_KEYS = frozenset(
    {
        *("accountname", "serviceuri", "blobserviceuri", "queueserviceuri", "tableserviceuri", "accountendpoint"),
        *("fullyqualifiednamespace", "credential", "clientid", "tenantid", "managedidentityresourceid"),
    }
)
"""What comes after ``NAME__`` and is not a secret, in lower case."""

_CLOUDS: Mapping[str, str] = {
    "windows.net": "",
    "usgovcloudapi.net": "AzureUSGovernmentCloud",
    "chinacloudapi.cn": "AzureChinaCloud",
}
"""The last two labels of the addresses in each cloud, and KEDA's name for it."""


class Connection(NamedTuple):
    """Where a trigger's messages come from.

    Args:
        setting: the setting with the connection string; for an identity, what its settings begin with.
        parts: the settings of an identity, by what comes after ``NAME__`` in lower case.
    """

    setting: str
    parts: Mapping[str, str]

    @property
    def is_identity(self) -> bool:
        """Whether it has an identity in place of a connection string."""
        return bool(self.parts)

    @property
    def client_id(self) -> str:
        """The client ID of a user-assigned identity; empty for the pod's own."""
        return self.parts.get("clientid", "")

    def account(self, service: str) -> dict[str, str]:
        """Return what KEDA needs to find a storage account without a connection string.

        Args:
            service: ``queue`` or ``blob``.

        Returns:
            Metadata of a scaler; empty if the settings do not say the account.
        """
        address = self.parts.get(f"{service}serviceuri") or self.parts.get("serviceuri") or ""
        host = urlsplit(address).hostname or ""
        if not host:
            name = self.parts.get("accountname", "")
            return {"accountName": name} if name else {}
        name, _, suffix = host.partition(".")
        cloud = _CLOUDS.get(".".join(host.split(".")[-2:]))
        if cloud is None:
            return {"accountName": name, "cloud": "Private", "endpointSuffix": suffix}
        return {"accountName": name, **({"cloud": cloud} if cloud else {})}

    @property
    def namespace(self) -> str:
        """The Service Bus or Event Hubs namespace of an identity: the first label of its host name."""
        return self.parts.get("fullyqualifiednamespace", "").partition(".")[0]


def find_connection(settings: AppSettings, names: Iterable[str], name: str) -> Connection:
    """Return the connection that a binding names, looked up as Azure's host does: ``AzureWebJobsNAME``, then ``NAME``.

    Args:
        settings: the app settings.
        names: the names of all settings, as they are spelled.
        name: the binding's ``connection``.
    """
    prefixed = f"{PREFIX}{name.removeprefix(PREFIX)}"
    for setting in dict.fromkeys((prefixed, name)):
        for key in (f"ConnectionStrings__{setting}", setting):
            parts = {part: value for part, value in settings.section(key).items() if part in IDENTITY_KEYS}
            if settings.get(key) is not None:
                return Connection(_spelled(key, names), {})
            if parts:
                return Connection(key, parts)
    return Connection(name, {})


def _spelled(name: str, names: Iterable[str]) -> str:
    wanted = name.replace("__", ":").lower()
    found = next((one for one in names if one.replace("__", ":").lower() == wanted), name)
    return found.replace(":", "__")
