"""The provider of blobs: what it refuses when an app is loaded, and what it warns of."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import azurefunctions.extensions.bindings.blob as blob  # type: ignore[import-untyped]
import pytest
from storage_support.blob_hosts import function

from hosting.bindings import Services
from hosting.core import Binding
from hosting.errors import FunctionLoadError, HostingError
from hosting_storage.blobs.options import read_options
from hosting_storage.blobs.provider import BlobProvider

ACCOUNT = "DefaultEndpointsProtocol=https;AccountName=elsewhere;AccountKey=a2V5;EndpointSuffix=core.windows.net"
STORAGE = {"AzureWebJobsStorage": ACCOUNT}


def provider(settings: Mapping[str, str] = STORAGE, host_json: Mapping[str, Any] | None = None) -> BlobProvider:
    return BlobProvider(Services(host_json or {}, settings))


def trigger(**properties: Any) -> Binding:
    return Binding("blob", "blobTrigger", "in", {"path": "images/{name}", **properties})


def test_own_account() -> None:
    """A trigger's container may be in another account than the host's own blobs and queues."""
    found = provider({**STORAGE, "Photos": ACCOUNT.replace("elsewhere", "photos")})
    assert found.trigger(function(), trigger(connection="Photos")).connection == "Photos"
    asyncio.run(found.close())


@pytest.mark.parametrize(
    ("settings", "missing"),
    [({"Photos": ACCOUNT}, "AzureWebJobsStorage"), (STORAGE, "AzureWebJobsPhotos")],
)
def test_no_account(settings: dict[str, str], missing: str) -> None:
    """Both the account of the blobs and the host's own must be set; what is missing is named."""
    found = provider(settings)
    with pytest.raises(FunctionLoadError, match=f"'{missing}' does not exist"):
        found.trigger(function(), trigger(connection="Photos"))
    asyncio.run(found.close())


def test_no_queues() -> None:
    """An account that is known by the address of its blobs only has no place for poison, and is refused."""
    found = provider({**STORAGE, "Photos__blobServiceUri": "https://photos.blob.core.windows.net"})
    with pytest.raises(FunctionLoadError, match="Photos"):
        found.trigger(function(), trigger(connection="Photos"))
    asyncio.run(found.close())


def test_host_json() -> None:
    """host.json says how many blobs are worked on at the same time, and how often one may fail."""
    blobs = {"maxDegreeOfParallelism": 5, "poisonBlobThreshold": 2}
    found = read_options(Services({"extensions": {"blobs": blobs}}, {}))
    assert found.queue.batch_size + found.queue.new_batch_threshold == 5
    assert found.queue.max_dequeue_count == 2
    assert (found.scan_interval, found.queue.max_polling_interval) == (10, 60)
    assert read_options(Services({}, {"AZURE_FUNCTIONS_ENVIRONMENT": "Development"})).scan_interval == 2


@pytest.mark.parametrize("name", ["maxDegreeOfParallelism", "poisonBlobThreshold"])
@pytest.mark.parametrize("value", [0, -1, "many", 1.5, True])
def test_bad_host_json(name: str, value: object) -> None:
    """A number that cannot be is refused with its place."""
    with pytest.raises(HostingError, match=rf"extensions\.blobs\.{name} must be a whole number of 1 or more"):
        provider(host_json={"extensions": {"blobs": {name: value}}})


def test_downloads() -> None:
    """One warning tells that Azure may hand out a download that was read before."""
    found = provider()
    found.trigger(function("T", {"blob": blob.StorageStreamDownloader}), trigger())
    found.input(function("I", {"blob": blob.BlobClient}), Binding("blob", "blob", "in", {"path": "images/x"}))
    (problem,) = found.services.problems
    assert (problem.severity, problem.function) == ("warning", "T")
    assert "In Azure, an invocation may get one that an earlier invocation has read to its end." in problem.message
    asyncio.run(found.close())


def test_nothing_to_do() -> None:
    """Without a trigger nothing is watched, and the host starts and stops without storage."""

    async def scenario() -> None:
        found = provider()
        found.output(function(), Binding("blob", "blob", "out", {"path": "images/{rand-guid}"}))
        for step in (found.start, found.stop, found.close):
            await step()

    asyncio.run(scenario())
