"""Connections to storage accounts: settings as Azure's host reads them, and clients against a real Azurite."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from hosting._install import install_command
from hosting.bindings import Services
from hosting.errors import FunctionLoadError
from hosting_storage.shared.connections import Connections, ConnectionSettingError
from hosting_storage.shared.credentials import credential_of
from hosting_storage.testing import Azurite


def connections(settings: dict[str, str]) -> Connections:
    return Connections(Services({}, settings))


def keyed(account: str) -> str:
    return f"DefaultEndpointsProtocol=https;AccountName={account};AccountKey=a2V5;EndpointSuffix=core.windows.net"


async def test_client_of_each_service_responds(azurite: Azurite) -> None:
    """The default connection is ``AzureWebJobsStorage``, and each of its services responds."""
    storage = connections({"AzureWebJobsStorage": azurite.connection_string})
    await storage.queue_service().get_service_properties()
    await storage.blob_service("").get_service_properties()
    await storage.table_service(None).get_service_properties()
    await storage.close()


@pytest.mark.parametrize(
    ("settings", "name", "account"),
    [
        ({"AzureWebJobsStorage": keyed("a")}, None, "a"),
        ({"AzureWebJobsStorage": keyed("a")}, "", "a"),
        ({"AzureWebJobsStorage": keyed("a")}, "Storage", "a"),
        ({"AzureWebJobsStorage": keyed("a")}, "AzureWebJobsStorage", "a"),
        ({"azurewebjobsSTORAGE": keyed("a")}, "storage", "a"),
        ({"Orders": keyed("a")}, "Orders", "a"),
        ({"AzureWebJobsOrders": keyed("a"), "Orders": keyed("b")}, "Orders", "a"),
        ({"ConnectionStrings:Orders": keyed("a"), "Orders": keyed("b")}, "Orders", "a"),
        ({"ConnectionStrings__Orders": keyed("a")}, "Orders", "a"),
        ({"Orders": keyed("b"), "ConnectionStrings:AzureWebJobsOrders": keyed("a")}, "Orders", "a"),
    ],
)
async def test_connection_is_looked_up_with_azures_prefix_first(
    settings: dict[str, str], name: str | None, account: str
) -> None:
    """A connection is looked up with Azure's prefix before without it, and among the connection strings first."""
    storage = connections(settings)
    assert storage.has(name)
    assert storage.queue_service(name).account_name == account
    await storage.close()


async def test_client_of_an_account_is_created_once() -> None:
    """The same account is the same client, whatever name it is requested by."""
    storage = connections({"AzureWebJobsStorage": keyed("a")})
    assert storage.queue_service() is storage.queue_service("Storage") is storage.queue_service("AzureWebJobsStorage")
    await storage.close()


@pytest.mark.parametrize(
    ("name", "missing"), [(None, "Storage"), ("Orders", "Orders"), ("AzureWebJobsOrders", "Orders"), (5, "5")]
)
def test_missing_connection_setting_is_an_error_in_the_words_of_azure(name: Any, missing: str) -> None:
    """The error names the setting, and the remedy says what to set it to."""
    storage = connections({})
    assert not storage.has(name)
    with pytest.raises(ConnectionSettingError) as caught:
        storage.queue_service(name)
    assert caught.value.message == f"Storage account connection string 'AzureWebJobs{missing}' does not exist."
    assert "UseDevelopmentStorage=true" in caught.value.remedy


@pytest.mark.parametrize("text", ["", " ", "nonsense", "AccountName=a", "AccountKey=a2V5"])
def test_invalid_connection_string_is_an_error_without_its_value(text: str) -> None:
    """The error names the setting and what is wrong, and shows nothing of its value."""
    with pytest.raises(ConnectionSettingError, match="'AzureWebJobsStorage' cannot be used as a storage connection: "):
        connections({"AzureWebJobsStorage": text}).queue_service()


@pytest.mark.parametrize(
    ("parts", "url"),
    [
        ({"accountName": "mine"}, "https://mine.queue.core.windows.net/"),
        ({"queueServiceUri": "https://q.example.org"}, "https://q.example.org/"),
        ({"serviceUri": "https://q.example.org"}, "https://q.example.org/"),
        ({"serviceUri": "https://s.example.org", "queueServiceUri": "https://q.example.org"}, "https://q.example.org/"),
        ({"blobServiceUri": "https://b.example.org", "accountName": "mine"}, "https://mine.queue.core.windows.net/"),
    ],
)
async def test_connection_by_the_address_of_an_account_is_accepted(parts: dict[str, str], url: str) -> None:
    """``NAME__accountName``, ``NAME__queueServiceUri`` or ``NAME__serviceUri`` replace a connection string."""
    storage = connections({f"Orders__{key}": value for key, value in parts.items()})
    assert storage.queue_service("Orders").url == url
    await storage.close()


def test_connection_with_the_address_of_another_service_is_refused() -> None:
    """If only the blob service is known, a queue's error says which setting is missing."""
    with pytest.raises(ConnectionSettingError, match="do not name the queue service of the account") as caught:
        connections({"Orders__blobServiceUri": "https://b.example.org"}).queue_service("Orders")
    assert "Orders__queueServiceUri" in caught.value.remedy


@pytest.mark.parametrize(
    ("parts", "kind"),
    [
        ({}, "DefaultAzureCredential"),
        ({"clientid": "c"}, "DefaultAzureCredential"),
        ({"credential": "managedidentity"}, "ManagedIdentityCredential"),
        ({"credential": "ManagedIdentity", "clientid": "c"}, "ManagedIdentityCredential"),
        ({"credential": "managedidentity", "managedidentityresourceid": "/r"}, "ManagedIdentityCredential"),
        (
            {"credential": "workloadidentity", "clientid": "c", "tenantid": "t", "tokenfilepath": "/f"},
            "WorkloadIdentityCredential",
        ),
        ({"clientid": "c", "tenantid": "t", "clientsecret": "s"}, "ClientSecretCredential"),
    ],
)
async def test_identity_settings_select_a_credential_of_azure_identity(parts: dict[str, str], kind: str) -> None:
    """The kind of credential follows from the settings, as in Azure's host."""
    credential = credential_of(parts, "Orders")
    assert type(credential).__name__ == kind
    await credential.close()


def test_unknown_credential_kind_is_refused() -> None:
    """The error has the unknown kind and those that exist."""
    with pytest.raises(FunctionLoadError, match="'magic' is not a kind of credential") as caught:
        credential_of({"credential": "magic"}, "Orders")
    assert caught.value.remedy == "Set Orders__credential to managedidentity or workloadidentity."


def test_identity_without_azure_identity_has_its_installation_as_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    """An identity needs a package that is optional; the remedy says how to install it."""
    monkeypatch.setitem(sys.modules, "azure.identity.aio", None)
    with pytest.raises(FunctionLoadError, match="not installed") as caught:
        credential_of({}, "Orders")
    assert caught.value.remedy == install_command("hosting-storage", "identity")
