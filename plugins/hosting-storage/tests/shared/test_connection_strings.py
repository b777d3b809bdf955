"""Connection strings, in the forms that people use."""

from __future__ import annotations

import pytest

from hosting.bindings import Services
from hosting_storage.shared.connection_strings import normalized
from hosting_storage.shared.connections import Connections

LOCAL = "http://127.0.0.1"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("UseDevelopmentStorage=true", LOCAL),
        ("UseDevelopmentStorage=true;", LOCAL),
        (" usedevelopmentstorage = TRUE ;", LOCAL),
        ("UseDevelopmentStorage=true;DevelopmentStorageProxyUri=http://azurite", "http://azurite"),
        ("DevelopmentStorageProxyUri=http://azurite/;UseDevelopmentStorage=True", "http://azurite"),
    ],
)
def test_development_storage_is_azurite_for_every_client(text: str, address: str) -> None:
    """Every client finds Azurite, here or on another machine, however the setting is spelled."""
    connections = Connections(Services({}, {"AzureWebJobsStorage": text}))
    services = (connections.blob_service(), connections.queue_service(), connections.table_service())
    places = [service.url.rstrip("/") for service in services]
    assert places == [f"{address}:{port}/devstoreaccount1" for port in (10000, 10001, 10002)]


@pytest.mark.parametrize(
    "text",
    [
        "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=a2V5;EndpointSuffix=core.windows.net",
        "DefaultEndpointsProtocol=https; AccountName=a; AccountKey=a2V5;",
        "AccountName=a;AccountKey=a2V5",
        ";".join(f"{name}Endpoint=https://a.{name.lower()}.core.windows.net" for name in ("Blob", "Queue", "Table"))
        + ";SharedAccessSignature=sv=1&sig=x%3D",
    ],
)
def test_account_connection_string_works_for_every_client(text: str) -> None:
    """Every client finds the account, with a key or a signature, with spaces and a final semicolon or without."""
    connections = Connections(Services({}, {"AzureWebJobsStorage": text}))
    for kind in ("blob", "queue", "table"):
        service = getattr(connections, f"{kind}_service")()
        assert service.url.startswith(f"https://a.{kind}.core.windows.net")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("nonsense", "it has no AccountKey and no SharedAccessSignature"),
        ("AccountName=a", "it has no AccountKey and no SharedAccessSignature"),
        ("UseDevelopmentStorage=maybe", "it has no AccountKey and no SharedAccessSignature"),
        ("AccountName=a;AccountKey=c2VjcmV", "its AccountKey is not valid Base64"),
    ],
)
def test_unusable_connection_string_is_refused_without_its_key(text: str, reason: str) -> None:
    """A connection string that no client could use is refused, and its key is not shown."""
    with pytest.raises(ValueError, match=reason) as caught:
        normalized(text)
    assert "c2VjcmV" not in str(caught.value)
