"""Where storage accounts are: settings as Azure's host finds them, and real clients against a real Azurite."""

from __future__ import annotations

import asyncio
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


def test_a_client_of_each_service_works(azurite: Azurite) -> None:
    """The default connection is ``AzureWebJobsStorage``, and each service of it answers."""

    async def scenario() -> None:
        storage = connections({"AzureWebJobsStorage": azurite.connection_string})
        await storage.queue_service().get_service_properties()
        await storage.blob_service("").get_service_properties()
        await storage.table_service(None).get_service_properties()
        await storage.close()

    asyncio.run(scenario())


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
def test_a_connection_is_the_name_of_a_setting(settings: dict[str, str], name: str | None, account: str) -> None:
    """It is looked for with Azure's prefix before without it, and among the connection strings first."""
    found = connections(settings)
    assert found.has(name)
    assert found.queue_service(name).account_name == account
    asyncio.run(found.close())


def test_a_client_is_made_once() -> None:
    """Who asks for the same account twice gets the same client, whatever name it asks by."""
    found = connections({"AzureWebJobsStorage": keyed("a")})
    assert found.queue_service() is found.queue_service("Storage") is found.queue_service("AzureWebJobsStorage")
    asyncio.run(found.close())


@pytest.mark.parametrize(
    ("name", "missing"), [(None, "Storage"), ("Orders", "Orders"), ("AzureWebJobsOrders", "Orders"), (5, "5")]
)
def test_a_missing_setting_is_told_in_azures_words(name: Any, missing: str) -> None:
    """The error names the setting, and the remedy says what to set it to."""
    found = connections({})
    assert not found.has(name)
    with pytest.raises(ConnectionSettingError) as caught:
        found.queue_service(name)
    assert caught.value.message == f"Storage account connection string 'AzureWebJobs{missing}' does not exist."
    assert "UseDevelopmentStorage=true" in caught.value.remedy


@pytest.mark.parametrize("text", ["", " ", "nonsense", "AccountName=a", "AccountKey=a2V5"])
def test_a_setting_that_is_no_connection_string_is_named(text: str) -> None:
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
def test_an_account_may_be_given_by_its_address(parts: dict[str, str], url: str) -> None:
    """``NAME__accountName``, ``NAME__queueServiceUri`` or ``NAME__serviceUri`` stand for a connection string."""
    found = connections({f"Orders__{key}": value for key, value in parts.items()})
    assert found.queue_service("Orders").url == url
    asyncio.run(found.close())


def test_an_address_of_another_service_is_not_enough() -> None:
    """Where only the blobs are known, a queue's error says which setting is missing."""
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
def test_identities_are_those_of_azure_identity(parts: dict[str, str], kind: str) -> None:
    """The kind of credential follows from the settings, as in Azure's host."""
    credential = credential_of(parts, "Orders")
    assert type(credential).__name__ == kind
    asyncio.run(credential.close())


def test_an_unknown_kind_of_identity_is_named() -> None:
    """The error says what was found, and what it may be."""
    with pytest.raises(FunctionLoadError, match="'magic' is not a kind of credential") as caught:
        credential_of({"credential": "magic"}, "Orders")
    assert caught.value.remedy == "Set Orders__credential to managedidentity or workloadidentity."


def test_without_azure_identity_the_remedy_is_its_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    """An identity needs a package that not everybody needs; who does is told how to install it."""
    monkeypatch.setitem(sys.modules, "azure.identity.aio", None)
    with pytest.raises(FunctionLoadError, match="not installed") as caught:
        credential_of({}, "Orders")
    assert caught.value.remedy == install_command("hosting-storage", "identity")
