"""Receipts: a blob for each version of a blob that a function has been told of, so that none is told of twice."""

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
_HELD = 30  # seconds, as in Azure's host
_LONGEST = 1024
_DEEPEST = 254


class Receipts:
    """Those of one app, where Azure's host has them: ``blobreceipts/HOST/FUNCTION/ETAG/CONTAINER/BLOB``.

    Args:
        container: of what the hosts of an account keep.
        host_id: the app's.
    """

    def __init__(self, container: ContainerClient, host_id: str) -> None:
        self._container = container
        self._host_id = host_id

    async def once(self, version: BlobVersion, tell: Callable[[], Awaitable[None]]) -> bool:
        """Tell of a version unless somebody has. Whoever is killed in the middle has somebody else tell again.

        Args:
            version: of a blob, for a function.
            tell: called while the receipt is held, and marks it complete unless it raises.

        Returns:
            Whether it is told; False while somebody else is about to.

        Raises:
            azure.core.exceptions.AzureError: the storage failed; the version is not told, or will be told again.
        """
        blob = self._container.get_blob_client(self.name(version))
        etag = await self._created(blob) or await _incomplete(blob)
        if not etag:
            return etag is None
        try:
            # A receipt that was completed in between is another version of it.
            lease = await blob.acquire_lease(_HELD, etag=etag, match_condition=MatchConditions.IfNotModified)
        except HttpResponseError as error:
            if error.status_code in (404, 409, 412):
                return False
            raise
        try:
            await tell()
            await blob.set_blob_metadata({}, lease=lease)
        finally:
            with suppress(HttpResponseError):
                await lease.release()
        return True

    def name(self, version: BlobVersion) -> str:
        """The name of a version's receipt.

        A digest stands in for the name of a blob that leaves no room for the rest, or that no HTTP client can ask for.
        """
        start = f"blobreceipts/{self._host_id}/{version.function_id}/{version.etag}/{version.path.container}/"
        name = start + version.path.blob
        parts = name.split("/")
        if len(name) <= _LONGEST and len(parts) <= _DEEPEST and not {".", ".."} & {*parts}:
            return name
        return start + hashlib.sha256(version.path.blob.encode()).hexdigest()

    async def _created(self, blob: BlobClient) -> str | None:
        """The ETag of a new receipt; None if there is one already."""
        try:
            made = await put(self._container, blob.blob_name, b"", metadata={_INCOMPLETE: "true"})
        except HttpResponseError as error:
            if error.status_code in (409, 412):
                return None
            raise
        return str(made["etag"])


async def _incomplete(blob: BlobClient) -> str | None:
    """The ETag of a receipt that was left incomplete; None if it is complete, nothing if it is gone."""
    try:
        found = await blob.get_blob_properties()
    except ResourceNotFoundError:
        return ""  # deleted just now, by somebody who wants the blob to be seen again
    return str(found.etag) if _is_incomplete(found.metadata or {}) else None


def _is_incomplete(metadata: Mapping[str, Any]) -> bool:
    return any(key.lower() == _INCOMPLETE.lower() for key in metadata)
