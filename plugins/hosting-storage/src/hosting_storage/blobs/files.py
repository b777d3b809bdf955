"""Writes blobs, and creates their container if it is missing."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

if TYPE_CHECKING:
    from azure.storage.blob.aio import ContainerClient

HOSTS = "azure-webjobs-hosts"
"""The container for the state of hosts."""


async def put(container: ContainerClient, name: str, content: bytes, **options: Any) -> dict[str, Any]:
    """Upload a blob, and create a missing container first.

    Args:
        container: the container.
        name: the blob's name.
        content: the whole content.
        options: further arguments of ``BlobClient.upload_blob``.

    Returns:
        The properties of the new blob that the service returns: ``etag`` and others.

    Raises:
        azure.core.exceptions.AzureError: the blob cannot be written.
    """
    blob = container.get_blob_client(name)
    try:
        return await blob.upload_blob(content, **options)
    except ResourceNotFoundError:
        with suppress(ResourceExistsError):
            await container.create_container()
        return await blob.upload_blob(content, **options)
