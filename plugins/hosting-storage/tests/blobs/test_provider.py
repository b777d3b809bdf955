"""The provider of blobs: its errors and warnings when an app is loaded."""

from __future__ import annotations

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


async def test_trigger_may_use_another_account_than_the_host() -> None:
    """A trigger's container may be in another account than the host's own blobs and queues."""
    blobs = provider({**STORAGE, "Photos": ACCOUNT.replace("elsewhere", "photos")})
    assert blobs.trigger(function(), trigger(connection="Photos")).connection == "Photos"
    await blobs.close()


@pytest.mark.parametrize(
    ("settings", "missing"),
    [({"Photos": ACCOUNT}, "AzureWebJobsStorage"), (STORAGE, "AzureWebJobsPhotos")],
)
async def test_missing_connection_puts_the_trigger_in_error(settings: dict[str, str], missing: str) -> None:
    """Both the account of the blobs and the host's own must be set; the missing one is named."""
    blobs = provider(settings)
    with pytest.raises(FunctionLoadError, match=f"'{missing}' does not exist"):
        blobs.trigger(function(), trigger(connection="Photos"))
    await blobs.close()


async def test_account_without_a_queue_service_puts_the_trigger_in_error() -> None:
    """An account with only the address of its blobs has no poison queue, and is refused."""
    blobs = provider({**STORAGE, "Photos__blobServiceUri": "https://photos.blob.core.windows.net"})
    with pytest.raises(FunctionLoadError, match="Photos"):
        blobs.trigger(function(), trigger(connection="Photos"))
    await blobs.close()


def test_blob_options_are_read_from_host_json() -> None:
    """host.json sets how many blobs run at the same time, and how often one may fail."""
    blobs = {"maxDegreeOfParallelism": 5, "poisonBlobThreshold": 2}
    options = read_options(Services({"extensions": {"blobs": blobs}}, {}))
    assert options.queue.batch_size + options.queue.new_batch_threshold == 5
    assert options.queue.max_dequeue_count == 2
    assert (options.scan_interval, options.queue.max_polling_interval) == (10, 60)
    assert read_options(Services({}, {"AZURE_FUNCTIONS_ENVIRONMENT": "Development"})).scan_interval == 2


@pytest.mark.parametrize("name", ["maxDegreeOfParallelism", "poisonBlobThreshold"])
@pytest.mark.parametrize("value", [0, -1, "many", 1.5, True])
def test_invalid_blob_option_is_refused_with_its_setting(name: str, value: object) -> None:
    """An invalid number is refused with its place."""
    with pytest.raises(HostingError, match=rf"extensions\.blobs\.{name} must be a whole number of 1 or more"):
        provider(host_json={"extensions": {"blobs": {name: value}}})


async def test_downloader_parameter_in_a_trigger_is_a_warning() -> None:
    """One warning explains that Azure may pass a download that was read before."""
    blobs = provider()
    blobs.trigger(function("T", {"blob": blob.StorageStreamDownloader}), trigger())
    blobs.input(function("I", {"blob": blob.BlobClient}), Binding("blob", "blob", "in", {"path": "images/x"}))
    (problem,) = blobs.services.problems
    assert (problem.severity, problem.function) == ("warning", "T")
    assert "In Azure, an invocation may get one that an earlier invocation has read to its end." in problem.message
    await blobs.close()


async def test_provider_without_a_trigger_starts_without_storage() -> None:
    """Without a trigger no container is watched, and the host starts and stops without storage."""
    blobs = provider()
    blobs.output(function(), Binding("blob", "blob", "out", {"path": "images/{rand-guid}"}))
    for step in (blobs.start, blobs.stop, blobs.close):
        await step()
