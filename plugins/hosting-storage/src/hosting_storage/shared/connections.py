"""The clients of an app's storage accounts, created from the settings that ``connection`` of a binding names."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast
from urllib.request import getproxies

from hosting.bindings import Services
from hosting.errors import MissingSettingError
from hosting_storage.shared.connection_strings import DEVELOPMENT_ACCOUNT, normalized
from hosting_storage.shared.credentials import credential_of

if TYPE_CHECKING:
    from azure.data.tables.aio import TableServiceClient
    from azure.storage.blob import BlobServiceClient as SyncBlobServiceClient
    from azure.storage.blob.aio import BlobServiceClient
    from azure.storage.queue.aio import QueueServiceClient

Client = TypeVar("Client")

_PREFIX = "AzureWebJobs"
DEFAULT = "Storage"
"""The connection of a binding without ``connection``: the setting ``AzureWebJobsStorage``."""

_DEVELOPMENT_VERSION = (
    "2021-12-02"  # all recent versions of Azurite support it, and refuse versions newer than themselves
)

# Three more attempts within about six seconds, as in Azure's host: two seconds apart, plus or minus one.
_RETRIES = MappingProxyType({"retry_total": 3, "initial_backoff": 1, "increment_base": 1, "random_jitter_range": 1})
_NOISY_LOGGERS = (
    "azure.storage.queue._generated",
    "azure.storage.queue._shared.response_handlers",
    "azure.storage.blob._shared.response_handlers",
)
_TABLE_RETRIES = MappingProxyType({"retry_total": 3, "retry_backoff_factor": 0.8})


class ConnectionSettingError(MissingSettingError):
    """The setting that a ``connection`` names is missing, or cannot be used."""


class Account(NamedTuple):
    """A storage account: its connection string, or the settings of an identity-based connection."""

    setting: str
    text: str
    parts: Mapping[str, str]

    @property
    def is_development(self) -> bool:
        """Whether it is an account of Azurite, on this or another machine."""
        return DEVELOPMENT_ACCOUNT in (self.text or "".join(self.parts.values()))


class Connections:
    """The official async clients, one for each account and service, created when first used.

    A connection is the *name* of a setting. As in Azure's host, ``AzureWebJobsNAME`` comes first, then ``NAME``, each
    among the connection strings before the other settings. An account without a connection string has
    ``NAME__accountName``, ``NAME__queueServiceUri`` or ``NAME__serviceUri``, and is used with an identity.

    Args:
        services: the host's services, of which the settings are used.
    """

    def __init__(self, services: Services) -> None:
        self._settings = services.settings
        self._clients: dict[tuple[str, str], Any] = {}
        self._credentials: list[Any] = []
        _quiet_sdk_loggers()

    def has(self, name: str | None = None) -> bool:
        """Return whether there is any setting of the connection."""
        return self._find(name) is not None

    def queue_service(self, name: str | None = None) -> QueueServiceClient:
        """Return the queue client of an account.

        Args:
            name: a binding's ``connection``; empty or None for the default account.

        Raises:
            ConnectionSettingError: the setting is missing, or cannot be used.
        """
        return self._client("queue", name, self._queue_service)

    def blob_service(self, name: str | None = None) -> BlobServiceClient:
        """Return the blob client of an account; see ``queue_service``."""
        return self._client("blob", name, self._blob_service)

    def table_service(self, name: str | None = None) -> TableServiceClient:
        """Return the table client of an account; see ``queue_service``."""
        return self._client("table", name, self._table_service)

    def sync_blob_service(self, name: str | None = None) -> SyncBlobServiceClient:
        """Return the sync client for blobs and containers that functions get; see ``queue_service``."""
        return self._client("sync blob", name, self._sync_blob_service)

    async def close(self) -> None:
        """Close all clients."""
        for client in (*self._clients.values(), *self._credentials):
            closing = client.close()
            if closing is not None:
                await closing
        self._clients.clear()
        self._credentials.clear()

    def _client(self, service: str, name: str | None, make: Callable[[Account], Client]) -> Client:
        account = self.account(name)
        key = (service, account.setting)
        if key not in self._clients:
            try:
                self._clients[key] = make(account)
            except ValueError as error:
                raise _unusable(account, error) from error
        return cast("Client", self._clients[key])

    def account(self, name: str | None = None) -> Account:
        """Return the account of a connection.

        Raises:
            ConnectionSettingError: the setting is missing, or cannot be used.
        """
        account = self._find(name)
        if account is None:
            missing = f"{_PREFIX}{_connection_name(name).removeprefix(_PREFIX)}"
            raise ConnectionSettingError(
                f"Storage account connection string '{missing}' does not exist.",
                remedy=f'Set {missing} in "Values" of local.settings.json or in the environment: a connection string, '
                "or UseDevelopmentStorage=true for Azurite.",
            )
        if not account.text and not account.parts:
            raise _unusable(account, ValueError("it is empty"))
        try:
            return account._replace(text=normalized(account.text)) if account.text else account
        except ValueError as error:
            raise _unusable(account, error) from None

    def _find(self, name: str | None) -> Account | None:
        for setting in (f"{_PREFIX}{_connection_name(name)}", _connection_name(name)):
            for key in (f"ConnectionStrings:{setting}", setting):
                text, parts = self._settings.get(key), self._settings.section(key)
                if text is not None or parts:
                    return Account(setting, (text or "").strip(), parts)
        return None

    def _queue_service(self, account: Account) -> QueueServiceClient:
        from azure.storage.queue.aio import QueueServiceClient

        if account.text:
            return QueueServiceClient.from_connection_string(account.text, **_options(account))
        return QueueServiceClient(_address(account, "queue"), self._credential(account), **_options(account))

    def _blob_service(self, account: Account) -> BlobServiceClient:
        from azure.storage.blob.aio import BlobServiceClient

        if account.text:
            return BlobServiceClient.from_connection_string(account.text, **_options(account))
        return BlobServiceClient(_address(account, "blob"), self._credential(account), **_options(account))

    def _sync_blob_service(self, account: Account) -> SyncBlobServiceClient:
        from azure.storage.blob import BlobServiceClient

        if account.text:
            return BlobServiceClient.from_connection_string(account.text, **_options(account))
        credential = self._credential(account, asynchronous=False)
        return BlobServiceClient(_address(account, "blob"), credential, **_options(account))

    def _table_service(self, account: Account) -> TableServiceClient:
        from azure.data.tables.aio import TableServiceClient

        options: dict[str, Any] = {**_TABLE_RETRIES, **_common_options()}
        if account.text:
            return TableServiceClient.from_connection_string(account.text, **options)
        return TableServiceClient(_address(account, "table"), credential=self._credential(account), **options)

    def _credential(self, account: Account, *, asynchronous: bool = True) -> Any:
        credential = credential_of(account.parts, account.setting, asynchronous=asynchronous)
        self._credentials.append(credential)
        return credential


def _connection_name(name: str | None) -> str:
    """Return the name as text; a function.json may have any JSON value there, which .NET converts to text as well."""
    return str(name or DEFAULT)


def _options(account: Account) -> dict[str, Any]:
    version = {"api_version": _DEVELOPMENT_VERSION} if account.is_development else {}
    return {**_RETRIES, **version, **_common_options()}


def _common_options() -> dict[str, Any]:
    """Return options that make requests of polling clients cheap.

    The SDK logs each request at information level, and looks for a proxy twice per request, in a thread.
    """
    quiet = logging.Logger("hosting.storage.requests", logging.WARNING)
    return {"logger": quiet, "use_env_settings": bool(getproxies())}


def _quiet_sdk_loggers() -> None:
    """Silence loggers of the SDK that log a traceback for each response that is not XML; an error follows anyway."""
    for logger in map(logging.getLogger, _NOISY_LOGGERS):
        logger.setLevel(logger.level or logging.ERROR)


def _address(account: Account, service: str) -> str:
    parts = account.parts
    if name := parts.get("accountname"):
        return f"https://{name}.{service}.core.windows.net"
    for key in (f"{service}serviceuri", "serviceuri", "endpoint"):
        if address := parts.get(key):
            return address
    name = account.setting
    raise ConnectionSettingError(
        f"The settings of connection '{name}' do not name the {service} service of the account.",
        remedy=f"Set {name} to a connection string, or {name}__{service}ServiceUri or {name}__accountName.",
    )


def _unusable(account: Account, error: ValueError) -> ConnectionSettingError:
    reason = str(error).strip().rstrip(".")
    return ConnectionSettingError(
        f"The setting '{account.setting}' cannot be used as a storage connection: {reason}.",
        remedy="Copy the connection string from the account's access keys, or write UseDevelopmentStorage=true for "
        "Azurite.",
    )
