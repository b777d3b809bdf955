"""Reads a blob for a parameter: its content, or only the properties if the function gets a client."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import ContainerClient

from hosting.core import Binding, Function
from hosting_storage.blobs.clients import client_factory, is_download, is_sdk_type
from hosting_storage.blobs.paths import BlobPath, check_segments
from hosting_storage.shared.connections import Connections

if TYPE_CHECKING:
    from azure.storage.blob import BlobProperties


_MAX_CLIENTS = 1000
"""How many clients of one parameter are kept."""


class BlobContent(NamedTuple):
    """A blob as it was read."""

    uri: str
    properties: BlobProperties
    content: bytes


class Reader:
    """Reads the blobs for one parameter.

    Args:
        function: the function with the parameter.
        binding: the trigger or input, with ``connection``.
        connections: the clients of the app's storage accounts.

    Raises:
        FunctionLoadError: the connection cannot be used, or the parameter's annotation is not supported.
    """

    def __init__(self, function: Function, binding: Binding, connections: Connections) -> None:
        connection = binding.get("connection") or None
        self._service = connections.blob_service(connection)
        self.create_client: Callable[[BlobPath], Any] | None = None
        """Returns the client that the function gets, without a request; None if the function gets content.

        As in Azure's worker, it is the same client for the same path, except that each download is a new one.
        """
        self.takes_containers = False
        """Whether the path may be a container."""
        annotation = function.annotations.get(binding.name)
        if is_sdk_type(annotation):
            create = partial(client_factory(function, binding), connections.sync_blob_service(connection))
            self.create_client = create if is_download(annotation) else lru_cache(_MAX_CLIENTS)(create)
            self.takes_containers = issubclass(annotation, ContainerClient)

    async def read(self, path: BlobPath) -> BlobContent | None:
        """Read a blob; None if it, or its container, does not exist.

        Raises:
            ValueError: no client can request the name; a scan may find such a blob.
            azure.core.exceptions.AzureError: the blob cannot be read.
        """
        check_segments(path.blob)
        blob = self._service.get_blob_client(path.container, path.blob)
        uri = blob.url.partition("?")[0]  # the query may be a signature, and the URI is shown to people
        try:
            if self.create_client is not None:
                return BlobContent(uri, await blob.get_blob_properties(), b"")
            stream = await blob.download_blob()
            return BlobContent(uri, stream.properties, await stream.readall())
        except ResourceNotFoundError:
            return None
