"""Blobs that functions read and write, in a real Azurite, and the clients that they may get in place of content."""

from __future__ import annotations

import asyncio
import io
import uuid
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import azure.storage.blob
import azurefunctions.extensions.bindings.blob as blob  # type: ignore[import-untyped]
import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.functions import InputStream
from hypothesis import given
from hypothesis import strategies as st
from storage_support.blob_hosts import function
from storage_support.blobs import Blobs

from hosting.bindings import Services
from hosting.core import Binding
from hosting.errors import FunctionLoadError
from hosting_storage.blobs.bindings import BlobInput, BlobOutput
from hosting_storage.blobs.paths import BlobPath
from hosting_storage.blobs.trigger import BlobTrigger
from hosting_storage.blobs.values import decode, encode
from hosting_storage.shared.connections import Connections
from hosting_storage.testing import ACCOUNT, KEY, Azurite

ODD = ["a b", "日本/語.txt", "%2F%", "a+b&c=d?e#f", "x" * 1024, "a//b", "[x]{y}", "ä'\""]


class Place:
    """A container of its own, and functions that use it."""

    def __init__(self, azurite: Azurite) -> None:
        self.name = f"place-{uuid.uuid4().hex}"
        self.blobs = Blobs(azurite.connection_string)
        self.environ = {"AzureWebJobsStorage": azurite.connection_string}

    def run(self, scenario: Callable[[Connections], Awaitable[Any]]) -> Any:
        async def run() -> Any:
            connections = Connections(Services({}, self.environ))
            try:
                return await scenario(connections)
            finally:
                await connections.close()

        return asyncio.run(run())

    def read(self, path: str, annotation: Any = None, use: Callable[[Any], Any] = lambda value: value) -> Any:
        """Read ``path`` as an input, and use it while its connection is open."""

        async def scenario(connections: Connections) -> Any:
            source = BlobInput(function(annotations=_annotated(annotation)), _binding(path), connections)
            value = await source.read(None, {"path": path})
            return await asyncio.to_thread(use, value)

        return self.run(scenario)

    def write(self, path: str, value: Any) -> None:
        """Write ``value`` to ``path`` as an output."""

        async def scenario(connections: Connections) -> None:
            output = BlobOutput(function(), _binding(path), connections)
            await output.write(output.encode(value), {"path": path})

        self.run(scenario)


def _annotated(annotation: Any) -> dict[str, Any]:
    return {} if annotation is None else {"blob": annotation}


def _binding(path: str, **properties: Any) -> Binding:
    return Binding("blob", "blob", "in", {"path": path, **properties})


@pytest.fixture
def place(azurite: Azurite) -> Iterator[Place]:
    found = Place(azurite)
    yield found
    found.blobs.close()


@pytest.mark.parametrize(("annotation", "value"), [(str, "grün"), (bytes, "grün".encode())])
def test_input(place: Place, annotation: type, value: Any) -> None:
    """A text or bytes are what the blob holds."""
    place.blobs.put(f"{place.name}/a", "grün")
    assert place.read(f"{place.name}/a", annotation) == value


def test_input_stream(place: Place) -> None:
    """Other parameters get an InputStream with the content only, as in Azure."""
    place.blobs.put(f"{place.name}/a", b"\xff\x00")
    stream = place.read(f"{place.name}/a", InputStream)
    assert (stream.read(1), stream.read(), stream.name, stream.length) == (b"\xff", b"\x00", None, None)


@pytest.mark.parametrize("annotation", [str, bytes, InputStream, None])
def test_missing_input(place: Place, annotation: Any) -> None:
    """A blob that does not exist is None, with its container or without."""
    assert place.read(f"{place.name}/a", annotation) is None
    place.blobs.container(place.name)
    assert place.read(f"{place.name}/a", annotation) is None


def test_no_text(place: Place) -> None:
    """A blob that is no text is an error that says what to do, where a text is asked for."""
    place.blobs.put(f"{place.name}/a", b"ab\xff")
    with pytest.raises(ValueError, match=r"not UTF-8 text \(byte 2 is 0xff\); annotate the parameter as bytes"):
        place.read(f"{place.name}/a", str)


def test_no_way_out(azurite: Azurite, place: Place) -> None:
    """What comes into a path from outside leads to no other container, also where a signature opens all of them.

    An account key signs the address, and so hides that clients shorten ``a/../b``; signatures and identities do not.
    """
    secret = f"secret-{uuid.uuid4().hex}"
    place.blobs.put(f"{secret}/a", "secret")
    everything = azure.storage.blob.generate_account_sas(
        ACCOUNT,
        KEY,
        azure.storage.blob.ResourceTypes(object=True),
        azure.storage.blob.AccountSasPermissions(read=True, write=True),
        datetime.now(UTC) + timedelta(hours=1),
    )
    endpoint = f"http://127.0.0.1:{azurite.ports['Blob']}/{ACCOUNT}"
    place.environ = {"AzureWebJobsStorage": f"BlobEndpoint={endpoint};SharedAccessSignature={everything}"}
    given = {"path": f"{place.name}/../{secret}/a"}

    async def scenario(connections: Connections) -> None:
        binding = _binding(f"{place.name}/{{name}}")
        output = BlobOutput(function(), binding, connections)
        for annotation in (str, blob.BlobClient):
            source = BlobInput(function(annotations=_annotated(annotation)), binding, connections)
            with pytest.raises(ValueError, match="cannot be requested"):
                await source.read(None, given)
        with pytest.raises(ValueError, match="cannot be requested"):
            await output.write(b"changed", given)

    assert place.read(f"{secret}/a", str) == "secret"
    place.run(scenario)
    assert place.blobs.get(f"{secret}/a") == b"secret"


def test_found_under_a_name_that_leads_elsewhere(place: Place) -> None:
    """A scan may find a blob whose name a client would shorten: no other blob is read in its place."""

    async def scenario(connections: Connections) -> None:
        binding = Binding("blob", "blobTrigger", "in", {"path": f"{place.name}/{{name}}"})
        trigger = BlobTrigger(function(), binding, connections)
        with pytest.raises(ValueError, match="cannot be requested"):
            await trigger.fetch(BlobPath(place.name, "../secrets/a"))

    place.run(scenario)


@pytest.mark.parametrize(
    ("value", "content"),
    [("grün", "grün".encode()), (b"\xff", b"\xff"), (bytearray(b"x"), b"x"), (io.BytesIO(b"y"), b"y"), ("", b"")],
)
def test_output(place: Place, value: Any, content: bytes) -> None:
    """Text, bytes and what can be read are written over what is there; the container is made where it is missing."""
    for _ in range(2):
        place.write(f"{place.name}/a", value)
        if isinstance(value, io.BytesIO):
            value.seek(0)
    assert place.blobs.get(f"{place.name}/a") == content


def test_no_output(place: Place) -> None:
    """None writes nothing, not even a container."""
    place.write(f"{place.name}/a", None)
    assert not place.blobs.service.get_container_client(place.name).exists()


@pytest.mark.parametrize("value", [5, {"a": 1}, ["a"], object()])
def test_no_content(value: Any) -> None:
    """What is no content is a TypeError in the words of Azure's worker."""
    with pytest.raises(TypeError, match='unsupported type "blob" for Python type "' + type(value).__name__):
        encode(value)


@given(st.text() | st.binary())
def test_there_and_back(value: str | bytes) -> None:
    """What one function writes another one reads."""
    content = encode(value)
    assert content is not None
    read = decode(content, type(value))
    assert read == (value.removeprefix("\ufeff") if isinstance(value, str) else value)


@pytest.mark.parametrize("name", ODD)
def test_odd_names(place: Place, name: str) -> None:
    """Whatever a blob is called, it is written and read."""

    async def scenario(connections: Connections) -> Any:
        path = f"{place.name}/{name}"
        place_of_any = _binding("{path}")
        output = BlobOutput(function(), place_of_any, connections)
        await output.write(b"x", {"path": path})
        return await BlobInput(function(annotations={"blob": bytes}), place_of_any, connections).read(
            None, {"path": path}
        )

    assert place.run(scenario) == b"x"
    assert place.blobs.get(f"{place.name}/{name}") == b"x"


def test_url(place: Place) -> None:
    """A path may be a blob's address, which is what Event Grid tells."""
    place.blobs.put(f"{place.name}/a b", "x")
    assert place.read(place.blobs.service.get_blob_client(place.name, "a b").url, str) == "x"


def test_resolved_path_that_is_none(place: Place) -> None:
    """An expression that makes no path fails the invocation in the words of Azure's host."""

    async def scenario(connections: Connections) -> None:
        output = BlobOutput(function(), _binding("{container}/{name}"), connections)
        await output.write(b"x", {"path": "Upper/x"})

    with pytest.raises(ValueError, match="Invalid container name: Upper"):
        place.run(scenario)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("", "Invalid blob path specified"),
        ("images", "Invalid blob path specified : 'images'"),
        ("Images/x", "Invalid container name: Images"),
        ("images/x/", "Invalid blob path specified"),
        ("{a}{b}", "Paths must be in the format 'container/blob' or 'blob Url'"),
        ("images/{", "Missing closing bracket"),
    ],
)
@pytest.mark.parametrize("made", [BlobInput, BlobOutput])
def test_no_path(place: Place, made: Callable[..., Any], path: str, message: str) -> None:
    """A path that could never do puts the function in error when it is loaded."""

    async def scenario(connections: Connections) -> None:
        with pytest.raises(FunctionLoadError, match=message):
            made(function(), _binding(path), connections)

    place.run(scenario)


def test_no_source(place: Place) -> None:
    """A source that does not exist is refused with those that do."""

    async def scenario(connections: Connections) -> None:
        binding = Binding("blob", "blobTrigger", "in", {"path": "images/{name}", "source": "Magic"})
        with pytest.raises(FunctionLoadError, match="'Magic' is not a source") as raised:
            BlobTrigger(function(), binding, connections)
        assert "LogsAndContainerScan or EventGrid" in raised.value.remedy

    place.run(scenario)


def test_by_hand(place: Place) -> None:
    """A function can be run by hand for a blob, named by its path; one that is not there is refused."""
    place.blobs.put(f"{place.name}/a.txt", "x")

    async def scenario(connections: Connections) -> None:
        binding = Binding("blob", "blobTrigger", "in", {"path": f"{place.name}/{{name}}.txt"})
        trigger = BlobTrigger(function(annotations={"blob": str}), binding, connections)
        event = await trigger.by_hand(f"{place.name}/a.txt")
        assert (trigger.decode(event), trigger.binding_data(event)["name"]) == ("x", "a")
        with pytest.raises(ValueError, match=f"the path of an existing blob, found '{place.name}/b.txt'"):
            await trigger.by_hand(f"{place.name}/b.txt")
        for text in (None, "a.txt"):
            with pytest.raises(ValueError, match="Blob identifiers must be in the format 'container/blob'"):
                await trigger.by_hand(text)

    place.run(scenario)


def test_blob_client(place: Place) -> None:
    """A BlobClient is the SDK's own, for the blob, whether it exists or not."""
    place.blobs.put(f"{place.name}/a", "grün")

    def use(client: azure.storage.blob.BlobClient) -> tuple[int, bytes]:
        assert isinstance(client, azure.storage.blob.BlobClient)
        return client.get_blob_properties().size, client.download_blob().read(size=2)

    assert place.read(f"{place.name}/a", blob.BlobClient, use) == (5, b"gr")
    assert place.read(f"{place.name}/b", blob.BlobClient, lambda client: client.exists()) is False


@pytest.mark.parametrize("path", ["", "/a"])
def test_container_client(place: Place, path: str) -> None:
    """A ContainerClient is for the container of the path, with a blob in it or not."""
    place.blobs.put(f"{place.name}/a")

    def use(client: azure.storage.blob.ContainerClient) -> list[str]:
        assert isinstance(client, azure.storage.blob.ContainerClient)
        return list(client.list_blob_names())

    assert place.read(f"{place.name}{path}", blob.ContainerClient, use) == ["a"]


def test_stream_downloader(place: Place) -> None:
    """A StorageStreamDownloader reads the blob, and is a new one each time."""
    place.blobs.put(f"{place.name}/a", "grün")

    def use(stream: Any) -> list[bytes]:
        assert isinstance(stream, azure.storage.blob.StorageStreamDownloader)
        return [*stream.chunks()]

    assert place.read(f"{place.name}/a", blob.StorageStreamDownloader, use) == ["grün".encode()]
    assert (
        place.read(f"{place.name}/a", blob.StorageStreamDownloader, lambda stream: stream.readall()) == "grün".encode()
    )
    assert place.read(f"{place.name}/a", blob.StorageStreamDownloader, len) == 5
    assert place.read(f"{place.name}/a", blob.StorageStreamDownloader, lambda stream: stream.properties.size) == 5


def test_stream_downloader_of_nothing(place: Place) -> None:
    """Where there is no blob, reading says so; what no download has is an AttributeError."""
    with pytest.raises(ResourceNotFoundError):
        place.read(f"{place.name}/a", blob.StorageStreamDownloader, lambda stream: stream.readall())
    place.blobs.put(f"{place.name}/a", "x")
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        place.read(f"{place.name}/a", blob.StorageStreamDownloader, lambda stream: stream.nonsense)


def test_clients_in_triggers(place: Place) -> None:
    """A trigger gives clients, too; each attempt has a download of its own."""
    place.blobs.put(f"{place.name}/a", "x")

    async def scenario(connections: Connections) -> None:
        for kind in (blob.BlobClient, blob.ContainerClient, blob.StorageStreamDownloader):
            binding = Binding("blob", "blobTrigger", "in", {"path": place.name})
            trigger = BlobTrigger(function(annotations={"blob": kind}), binding, connections)
            event = await trigger.by_hand(f"{place.name}/a")
            assert event.content == b""
            first, second = trigger.decode(event), trigger.decode(event)
            if kind is blob.StorageStreamDownloader:
                assert await asyncio.to_thread(first.readall) == await asyncio.to_thread(second.readall) == b"x"

    place.run(scenario)


def test_no_client(place: Place) -> None:
    """An SDK type that is none of a blob's is refused with those that are."""

    class Other(blob.BlobClient.__mro__[2]):  # type: ignore[misc]
        pass

    async def scenario(connections: Connections) -> None:
        with pytest.raises(FunctionLoadError, match="annotated with Other, which a blob") as raised:
            BlobInput(function(annotations={"blob": Other}), _binding("images/x"), connections)
        assert "BlobClient, ContainerClient, StorageStreamDownloader" in raised.value.remedy

    place.run(scenario)
