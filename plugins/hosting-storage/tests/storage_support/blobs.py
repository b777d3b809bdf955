"""Blobs of a real storage account, from a test's side."""

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
        """Give a container, made where it does not exist."""
        container = self.service.get_container_client(name)
        with suppress(ResourceExistsError):
            container.create_container()
        return container

    def put(self, path: str, content: str | bytes = b"", metadata: Mapping[str, str] | None = None) -> str:
        """Write a blob at ``container/name``; give the ETag of the version."""
        container, _, name = path.partition("/")
        blob = self.container(container).get_blob_client(name)
        return str(blob.upload_blob(content, overwrite=True, metadata=dict(metadata or {}))["etag"])

    def get(self, path: str) -> bytes | None:
        """Read the blob at ``container/name``; None if there is none."""
        container, _, name = path.partition("/")
        try:
            return self.service.get_blob_client(container, name).download_blob().readall()
        except ResourceNotFoundError:
            return None

    def names(self, container: str, prefix: str = "") -> list[str]:
        """Give the names of the blobs in a container."""
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


def eventually(look: Callable[[], T], wanted: Callable[[T], object] = bool) -> T:
    """Look again and again until it is as wanted; give what was seen."""
    end = time.monotonic() + TIMEOUT_SECONDS
    while not wanted(seen := look()):
        assert time.monotonic() < end, f"still {seen!r}"
        time.sleep(0.05)
    return seen
