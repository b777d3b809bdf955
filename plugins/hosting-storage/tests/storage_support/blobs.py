"""The blobs of a storage account, as a test uses them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TypeVar

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobServiceClient, ContainerClient
from storage_support.apps import TIMEOUT_SECONDS

VERSION = "2021-12-02"

T = TypeVar("T")


class Blobs:
    """The blobs of a storage account."""

    def __init__(self, connection_string: str) -> None:
        self.service = BlobServiceClient.from_connection_string(connection_string, api_version=VERSION)

    def container(self, name: str) -> ContainerClient:
        """Return the client of a container, which is created if it does not exist."""
        container = self.service.get_container_client(name)
        with suppress(ResourceExistsError):
            container.create_container()
        return container

    def put(self, path: str, content: str | bytes = b"", metadata: Mapping[str, str] | None = None) -> str:
        """Write a blob at ``container/name``, and return the ETag of the version."""
        container, _, name = path.partition("/")
        blob = self.container(container).get_blob_client(name)
        return str(blob.upload_blob(content, overwrite=True, metadata=dict(metadata or {}))["etag"])

    def get(self, path: str) -> bytes | None:
        """Return the content of the blob at ``container/name``; None if it does not exist."""
        container, _, name = path.partition("/")
        try:
            return self.service.get_blob_client(container, name).download_blob().readall()
        except ResourceNotFoundError:
            return None

    def names(self, container: str, prefix: str = "") -> list[str]:
        """Return the names of the blobs in a container; none if it does not exist."""
        try:
            return [
                str(name)
                for name in self.service.get_container_client(container).list_blob_names()
                if name.startswith(prefix)
            ]
        except ResourceNotFoundError:
            return []

    def close(self) -> None:
        self.service.close()


def eventually(
    read: Callable[[], T], is_expected: Callable[[T], object] = bool, explain: Callable[[], object] = str
) -> T:
    """Call ``read`` until its value is as expected, and return the value; a failure shows the result of ``explain``."""
    end = time.monotonic() + TIMEOUT_SECONDS
    while not is_expected(value := read()):
        assert time.monotonic() < end, f"still {value!r}\n{explain()}"
        time.sleep(0.05)
    return value
