"""Writing blobs into containers that may not be there yet."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

if TYPE_CHECKING:
    from azure.storage.blob.aio import ContainerClient

HOSTS = "azure-webjobs-hosts"
"""The container of what hosts keep for themselves."""


async def put(container: ContainerClient, name: str, content: bytes, **options: Any) -> dict[str, Any]:
    """Upload a blob, and make the container first where it is missing.

    Args:
        container: where to.
        name: the blob's.
        content: all of it.
        options: further arguments of ``BlobClient.upload_blob``.

    Returns:
        What the service says of the new blob: ``etag`` and more.

    Raises:
        azure.core.exceptions.AzureError: it cannot be written.
    """
    blob = container.get_blob_client(name)
    try:
        return await blob.upload_blob(content, **options)
    except ResourceNotFoundError:
        with suppress(ResourceExistsError):
            await container.create_container()
        return await blob.upload_blob(content, **options)
