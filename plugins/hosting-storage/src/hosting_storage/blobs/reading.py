"""Reading a blob for a parameter: all of its content, or only what a client needs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import ContainerClient

from hosting.core import Binding, Function
from hosting_storage.blobs.clients import is_sdk_type, maker
from hosting_storage.blobs.paths import BlobPath, check_segments
from hosting_storage.shared.connections import Connections

if TYPE_CHECKING:
    from azure.storage.blob import BlobProperties


class Found(NamedTuple):
    """What there is of a blob."""

    uri: str
    properties: BlobProperties
    content: bytes


class Reader:
    """Reads the blobs for one parameter.

    Args:
        function: whose parameter it is.
        binding: the trigger or input; its ``connection`` says where to read.
        connections: the clients.

    Raises:
        FunctionLoadError: the connection cannot be used, or the parameter's annotation fits no blob.
    """

    def __init__(self, function: Function, binding: Binding, connections: Connections) -> None:
        connection = binding.get("connection") or None
        self._service = connections.blob_service(connection)
        self.make: Callable[[BlobPath], Any] | None = None
        """Makes the client that the function gets in place of content, without a request; None if it gets content."""
        self.takes_containers = False
        """Whether a path without a blob will do."""
        annotation = function.annotations.get(binding.name)
        if is_sdk_type(annotation):
            self.make = partial(maker(function, binding), connections.sync_blob_service(connection))
            self.takes_containers = issubclass(annotation, ContainerClient)

    async def read(self, path: BlobPath) -> Found | None:
        """Read a blob; None if it, or its container, does not exist.

        Raises:
            ValueError: no client can ask for it; a scan may find such a name.
            azure.core.exceptions.AzureError: it cannot be read.
        """
        check_segments(path.blob)
        blob = self._service.get_blob_client(path.container, path.blob)
        uri = blob.url.partition("?")[0]  # the rest may be a signature, and this is meant to be shown
        try:
            if self.make is not None:
                return Found(uri, await blob.get_blob_properties(), b"")
            stream = await blob.download_blob()
            return Found(uri, stream.properties, await stream.readall())
        except ResourceNotFoundError:
            return None
