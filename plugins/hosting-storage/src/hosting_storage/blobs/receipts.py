"""Receipts: a blob for each announced version of a blob, so that no version is announced twice."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from hosting_storage.blobs.files import put
from hosting_storage.blobs.messages import BlobVersion

if TYPE_CHECKING:
    from azure.storage.blob.aio import BlobClient, ContainerClient

_INCOMPLETE = "Incomplete"
_LEASE_SECONDS = 30  # as in Azure's host
_MAX_NAME_LENGTH = 1024
_MAX_SEGMENTS = 254


class Receipts:
    """The receipts of one app, stored where Azure's host has them: ``blobreceipts/HOST/FUNCTION/ETAG/CONTAINER/BLOB``.

    Args:
        container: the container for the state of hosts.
        host_id: the app's host id.
    """

    def __init__(self, container: ContainerClient, host_id: str) -> None:
        self._container = container
        self._host_id = host_id

    async def once(self, version: BlobVersion, announce: Callable[[], Awaitable[None]]) -> bool:
        """Announce a version unless it has been announced. If a host is killed meanwhile, another announces it again.

        Args:
            version: a version of a blob, for a function.
            announce: called while the receipt is leased. The receipt is marked complete unless it raises.

        Returns:
            True if the version is announced; False if another host is announcing it right now.

        Raises:
            azure.core.exceptions.AzureError: the storage request failed; the version is not announced, or will be
                announced again.
        """
        blob = self._container.get_blob_client(self.name(version))
        etag = await self._create(blob) or await _incomplete(blob)
        if not etag:
            return etag is None
        try:
            # A receipt that was completed meanwhile has another ETag.
            lease = await blob.acquire_lease(_LEASE_SECONDS, etag=etag, match_condition=MatchConditions.IfNotModified)
        except HttpResponseError as error:
            if error.status_code in (404, 409, 412):
                return False
            raise
        try:
            await announce()
            await blob.set_blob_metadata({}, lease=lease)
        finally:
            with suppress(HttpResponseError):
                await lease.release()
        return True

    def name(self, version: BlobVersion) -> str:
        """Return the name of a version's receipt.

        A digest replaces the blob's name if the receipt's name would be too long, or if no client can request it.
        """
        start = f"blobreceipts/{self._host_id}/{version.function_id}/{version.etag}/{version.path.container}/"
        name = start + version.path.blob
        parts = name.split("/")
        if len(name) <= _MAX_NAME_LENGTH and len(parts) <= _MAX_SEGMENTS and not {".", ".."} & {*parts}:
            return name
        return start + hashlib.sha256(version.path.blob.encode()).hexdigest()

    async def _create(self, blob: BlobClient) -> str | None:
        """Create a receipt and return its ETag; None if it exists already."""
        try:
            properties = await put(self._container, blob.blob_name, b"", metadata={_INCOMPLETE: "true"})
        except HttpResponseError as error:
            if error.status_code in (409, 412):
                return None
            raise
        return str(properties["etag"])


async def _incomplete(blob: BlobClient) -> str | None:
    """Return the ETag of an incomplete receipt; None if it is complete, an empty string if it was deleted."""
    try:
        found = await blob.get_blob_properties()
    except ResourceNotFoundError:
        return ""  # deleted just now, to have the blob processed again
    return str(found.etag) if _is_incomplete(found.metadata or {}) else None


def _is_incomplete(metadata: Mapping[str, Any]) -> bool:
    return any(key.lower() == _INCOMPLETE.lower() for key in metadata)
