"""Blobs that functions read and write in a real Azurite, as content or with the clients of the SDK."""

from __future__ import annotations

import asyncio
import io
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
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

UNUSUAL_NAMES = ["a b", "日本/語.txt", "%2F%", "a+b&c=d?e#f", "x" * 1024, "a//b", "[x]{y}", "ä'\""]


class BlobContainer:
    """A new container, and functions that use it."""

    def __init__(self, azurite: Azurite) -> None:
        self.name = f"container-{uuid.uuid4().hex}"
        self.blobs = Blobs(azurite.connection_string)
        self.environ = {"AzureWebJobsStorage": azurite.connection_string}

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Connections]:
        """Connections to the account, closed at the end of the block."""
        connections = Connections(Services({}, self.environ))
        try:
            yield connections
        finally:
            await connections.close()

    async def read(self, path: str, annotation: Any = None, use: Callable[[Any], Any] = lambda value: value) -> Any:
        """Read ``path`` as an input, and return the result of ``use`` while its connection is open."""
        async with self.connect() as connections:
            source = BlobInput(function(annotations=_annotated(annotation)), _binding(path), connections)
            value = await source.read(None, {"path": path})
            return await asyncio.to_thread(use, value)

    async def write(self, path: str, value: Any) -> None:
        """Write ``value`` to ``path`` as an output."""
        async with self.connect() as connections:
            output = BlobOutput(function(), _binding(path), connections)
            await output.write(output.encode(value), {"path": path})


def _annotated(annotation: Any) -> dict[str, Any]:
    return {} if annotation is None else {"blob": annotation}


def _binding(path: str, **properties: Any) -> Binding:
    return Binding("blob", "blob", "in", {"path": path, **properties})


@pytest.fixture
def container(azurite: Azurite) -> Iterator[BlobContainer]:
    container = BlobContainer(azurite)
    yield container
    container.blobs.close()


@pytest.mark.parametrize(("annotation", "value"), [(str, "grün"), (bytes, "grün".encode())])
async def test_input_as_str_or_bytes_is_the_content(container: BlobContainer, annotation: type, value: Any) -> None:
    """A text or bytes are the blob's content."""
    container.blobs.put(f"{container.name}/a", "grün")
    assert await container.read(f"{container.name}/a", annotation) == value


async def test_input_stream_has_the_content_only(container: BlobContainer) -> None:
    """Other parameters receive an InputStream with the content only, as in Azure."""
    container.blobs.put(f"{container.name}/a", b"\xff\x00")
    stream = await container.read(f"{container.name}/a", InputStream)
    assert (stream.read(1), stream.read(), stream.name, stream.length) == (b"\xff", b"\x00", None, None)


@pytest.mark.parametrize("annotation", [str, bytes, InputStream, None])
async def test_input_of_a_missing_blob_is_none(container: BlobContainer, annotation: Any) -> None:
    """A blob that does not exist is None, with its container or without."""
    assert await container.read(f"{container.name}/a", annotation) is None
    container.blobs.container(container.name)
    assert await container.read(f"{container.name}/a", annotation) is None


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"ab\xff", "ab\ufffd"),
        (b"\xe2\x82", "\ufffd"),
        (b"a\xc0\xafb", "a\ufffd\ufffdb"),
        (b"\xed\xa0\x80", "\ufffd\ufffd\ufffd"),
        (b"\xef\xbb\xbfgr\xc3\xbcn", "gr\u00fcn"),
    ],
)
async def test_str_input_that_is_not_utf8_has_replacement_characters(
    container: BlobContainer, content: bytes, text: str
) -> None:
    """A ``str`` gets what Azure's host would pass; a byte order mark is left out."""
    container.blobs.put(f"{container.name}/a", content)
    assert await container.read(f"{container.name}/a", str) == text
    async with container.connect() as connections:
        binding = Binding("blob", "blobTrigger", "in", {"path": container.name})
        trigger = BlobTrigger(function(annotations={"blob": str}), binding, connections)
        assert trigger.decode(await trigger.by_hand(f"{container.name}/a")) == text


async def test_path_from_outside_cannot_leave_its_container(azurite: Azurite, container: BlobContainer) -> None:
    """What comes into a path from outside leads to no other container, also where a signature opens all of them.

    An account key signs the address, and so hides that clients shorten ``a/../b``; signatures and identities do not.
    """
    secret = f"secret-{uuid.uuid4().hex}"
    container.blobs.put(f"{secret}/a", "secret")
    everything = azure.storage.blob.generate_account_sas(
        ACCOUNT,
        KEY,
        azure.storage.blob.ResourceTypes(object=True),
        azure.storage.blob.AccountSasPermissions(read=True, write=True),
        datetime.now(UTC) + timedelta(hours=1),
    )
    endpoint = f"http://127.0.0.1:{azurite.ports['Blob']}/{ACCOUNT}"
    container.environ = {"AzureWebJobsStorage": f"BlobEndpoint={endpoint};SharedAccessSignature={everything}"}
    data = {"path": f"{container.name}/../{secret}/a"}

    assert await container.read(f"{secret}/a", str) == "secret"
    async with container.connect() as connections:
        binding = _binding(f"{container.name}/{{name}}")
        output = BlobOutput(function(), binding, connections)
        for annotation in (str, blob.BlobClient):
            source = BlobInput(function(annotations=_annotated(annotation)), binding, connections)
            with pytest.raises(ValueError, match="cannot be requested"):
                await source.read(None, data)
        with pytest.raises(ValueError, match="cannot be requested"):
            await output.write(b"changed", data)

    assert container.blobs.get(f"{secret}/a") == b"secret"


async def test_scanned_blob_with_a_name_of_dots_reads_no_other_blob(container: BlobContainer) -> None:
    """A scan may find a blob whose name a client would shorten: no other blob is read instead."""
    async with container.connect() as connections:
        binding = Binding("blob", "blobTrigger", "in", {"path": f"{container.name}/{{name}}"})
        trigger = BlobTrigger(function(), binding, connections)
        with pytest.raises(ValueError, match="cannot be requested"):
            await trigger.fetch(BlobPath(container.name, "../secrets/a"))


@pytest.mark.parametrize(
    ("value", "content"),
    [("grün", "grün".encode()), (b"\xff", b"\xff"), (bytearray(b"x"), b"x"), (io.BytesIO(b"y"), b"y"), ("", b"")],
)
async def test_output_replaces_the_blob_and_creates_its_container(
    container: BlobContainer, value: Any, content: bytes
) -> None:
    """Text, bytes and file objects replace the blob; a missing container is created."""
    for _ in range(2):
        await container.write(f"{container.name}/a", value)
        if isinstance(value, io.BytesIO):
            value.seek(0)
    assert container.blobs.get(f"{container.name}/a") == content


async def test_output_of_none_writes_nothing(container: BlobContainer) -> None:
    """None writes nothing, not even a container."""
    await container.write(f"{container.name}/a", None)
    assert not container.blobs.service.get_container_client(container.name).exists()


@pytest.mark.parametrize("value", [5, {"a": 1}, ["a"], object()])
def test_output_of_an_unsupported_type_is_a_type_error(value: Any) -> None:
    """An unsupported value is a TypeError in the words of Azure's worker."""
    with pytest.raises(TypeError, match='unsupported type "blob" for Python type "' + type(value).__name__):
        encode(value)


@given(st.text() | st.binary())
def test_content_that_is_written_is_read_unchanged(value: str | bytes) -> None:
    """A value that one function writes is what another one reads."""
    content = encode(value)
    assert content is not None
    read = decode(content, type(value))
    assert read == (value.removeprefix("\ufeff") if isinstance(value, str) else value)


@pytest.mark.parametrize("name", UNUSUAL_NAMES)
async def test_blob_with_an_unusual_name_is_written_and_read(container: BlobContainer, name: str) -> None:
    """A blob with any valid name is written and read."""
    data, any_path = {"path": f"{container.name}/{name}"}, _binding("{path}")
    async with container.connect() as connections:
        await BlobOutput(function(), any_path, connections).write(b"x", data)
        source = BlobInput(function(annotations={"blob": bytes}), any_path, connections)
        assert await source.read(None, data) == b"x"
    assert container.blobs.get(f"{container.name}/{name}") == b"x"


async def test_input_path_may_be_the_url_of_a_blob(container: BlobContainer) -> None:
    """A path may be a blob's URL, which Event Grid sends."""
    container.blobs.put(f"{container.name}/a b", "x")
    assert await container.read(container.blobs.service.get_blob_client(container.name, "a b").url, str) == "x"


async def test_output_with_an_invalid_resolved_path_fails(container: BlobContainer) -> None:
    """An expression that resolves to an invalid path fails the invocation in the words of Azure's host."""
    async with container.connect() as connections:
        output = BlobOutput(function(), _binding("{container}/{name}"), connections)
        with pytest.raises(ValueError, match="Invalid container name: Upper"):
            await output.write(b"x", {"path": "Upper/x"})


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
@pytest.mark.parametrize("binding_class", [BlobInput, BlobOutput])
async def test_binding_with_an_invalid_path_puts_the_function_in_error(
    container: BlobContainer, binding_class: Callable[..., Any], path: str, message: str
) -> None:
    """A path that can never be valid puts the function in error when it is loaded."""
    async with container.connect() as connections:
        with pytest.raises(FunctionLoadError, match=message):
            binding_class(function(), _binding(path), connections)


async def test_trigger_with_an_unknown_source_is_in_error(container: BlobContainer) -> None:
    """An unknown source is refused with those that exist."""
    async with container.connect() as connections:
        binding = Binding("blob", "blobTrigger", "in", {"path": "images/{name}", "source": "Magic"})
        with pytest.raises(FunctionLoadError, match="'Magic' is not a source") as raised:
            BlobTrigger(function(), binding, connections)
        assert "LogsAndContainerScan or EventGrid" in raised.value.remedy


async def test_manual_run_reads_the_blob_at_the_path_or_is_refused(container: BlobContainer) -> None:
    """A manual run reads the blob at the path; a blob that does not exist is refused."""
    container.blobs.put(f"{container.name}/a.txt", "x")

    async with container.connect() as connections:
        binding = Binding("blob", "blobTrigger", "in", {"path": f"{container.name}/{{name}}.txt"})
        trigger = BlobTrigger(function(annotations={"blob": str}), binding, connections)
        event = await trigger.by_hand(f"{container.name}/a.txt")
        assert (trigger.decode(event), trigger.binding_data(event)["name"]) == ("x", "a")
        with pytest.raises(ValueError, match=f"the path of an existing blob, found '{container.name}/b.txt'"):
            await trigger.by_hand(f"{container.name}/b.txt")
        for text in (None, "a.txt"):
            with pytest.raises(ValueError, match="Blob identifiers must be in the format 'container/blob'"):
                await trigger.by_hand(text)


async def test_blob_client_input_is_of_the_sdk(container: BlobContainer) -> None:
    """A BlobClient is the SDK's own, for the blob, whether it exists or not."""
    container.blobs.put(f"{container.name}/a", "grün")

    def use(client: azure.storage.blob.BlobClient) -> tuple[int, bytes]:
        assert isinstance(client, azure.storage.blob.BlobClient)
        return client.get_blob_properties().size, client.download_blob().read(size=2)

    assert await container.read(f"{container.name}/a", blob.BlobClient, use) == (5, b"gr")
    assert await container.read(f"{container.name}/b", blob.BlobClient, lambda client: client.exists()) is False


@pytest.mark.parametrize("path", ["", "/a"])
async def test_container_client_input_is_for_the_container_of_the_path(container: BlobContainer, path: str) -> None:
    """A ContainerClient is for the container of the path, with a blob in the path or without."""
    container.blobs.put(f"{container.name}/a")

    def use(client: azure.storage.blob.ContainerClient) -> list[str]:
        assert isinstance(client, azure.storage.blob.ContainerClient)
        return list(client.list_blob_names())

    assert await container.read(f"{container.name}{path}", blob.ContainerClient, use) == ["a"]


async def test_stream_downloader_input_reads_the_blob(container: BlobContainer) -> None:
    """A StorageStreamDownloader reads the blob, and is a new one each time."""
    container.blobs.put(f"{container.name}/a", "grün")

    def use(stream: Any) -> list[bytes]:
        assert isinstance(stream, azure.storage.blob.StorageStreamDownloader)
        return [*stream.chunks()]

    assert await container.read(f"{container.name}/a", blob.StorageStreamDownloader, use) == ["grün".encode()]
    assert (
        await container.read(f"{container.name}/a", blob.StorageStreamDownloader, lambda stream: stream.readall())
        == "grün".encode()
    )
    assert await container.read(f"{container.name}/a", blob.StorageStreamDownloader, len) == 5
    assert (
        await container.read(f"{container.name}/a", blob.StorageStreamDownloader, lambda stream: stream.properties.size)
        == 5
    )


async def test_stream_downloader_of_a_missing_blob_fails_when_read(container: BlobContainer) -> None:
    """Without a blob, reading fails; an attribute that no download has is an AttributeError."""
    with pytest.raises(ResourceNotFoundError):
        await container.read(f"{container.name}/a", blob.StorageStreamDownloader, lambda stream: stream.readall())
    container.blobs.put(f"{container.name}/a", "x")
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        await container.read(f"{container.name}/a", blob.StorageStreamDownloader, lambda stream: stream.nonsense)


async def test_trigger_parameters_may_be_clients_of_the_sdk(container: BlobContainer) -> None:
    """A trigger provides clients, too; each attempt has a download of its own."""
    container.blobs.put(f"{container.name}/a", "x")

    async with container.connect() as connections:
        for kind in (blob.BlobClient, blob.ContainerClient, blob.StorageStreamDownloader):
            binding = Binding("blob", "blobTrigger", "in", {"path": container.name})
            trigger = BlobTrigger(function(annotations={"blob": kind}), binding, connections)
            event = await trigger.by_hand(f"{container.name}/a")
            assert event.content == b""
            first, second = trigger.decode(event), trigger.decode(event)
            if kind is blob.StorageStreamDownloader:
                assert await asyncio.to_thread(first.readall) == await asyncio.to_thread(second.readall) == b"x"


@pytest.mark.parametrize("kind", ["BlobClient", "ContainerClient"])
async def test_clients_are_kept_for_each_parameter_and_path(container: BlobContainer, kind: str) -> None:
    """A later invocation gets the same client for the same blob, another parameter and another blob get another."""
    annotations = _annotated(getattr(blob, kind))
    async with container.connect() as connections:
        first, other = (
            BlobInput(function(annotations=annotations), _binding(f"{container.name}/{{name}}"), connections)
            for _ in range(2)
        )
        paths = [{"path": f"{container.name}/{name}"} for name in ("a", "b", "a")]
        one, two, again = [await first.read(None, path) for path in paths]
        assert again is one
        assert two is not one
        assert await other.read(None, paths[0]) is not one


async def test_unsupported_sdk_type_puts_the_function_in_error(container: BlobContainer) -> None:
    """An SDK type that no blob provides is refused with those that a blob provides."""

    class Other(blob.BlobClient.__mro__[2]):  # type: ignore[misc]
        pass

    async with container.connect() as connections:
        with pytest.raises(FunctionLoadError, match="annotated with Other, which a blob") as raised:
            BlobInput(function(annotations={"blob": Other}), _binding("images/x"), connections)
        assert "BlobClient, ContainerClient, StorageStreamDownloader" in raised.value.remedy
