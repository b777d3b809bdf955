"""Parameters that receive clients: the SDK types of azurefunctions-extensions-bindings-blob."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias, TypeGuard

from azure.storage.blob import BlobClient, BlobServiceClient, ContainerClient, StorageStreamDownloader

from hosting.core import Binding, Function
from hosting.errors import FunctionLoadError
from hosting_storage.blobs.paths import BlobPath

ClientFactory: TypeAlias = Callable[[BlobServiceClient, BlobPath], Any]

_BASE = "azurefunctions.extensions.base"


class Download(StorageStreamDownloader[bytes]):
    """A download that starts at the first access: in the function's thread, not on the host's event loop.

    Args:
        blob: the blob to download.
    """

    def __init__(self, blob: BlobClient) -> None:
        self._blob = blob

    def __getattr__(self, name: str) -> Any:
        """Start the download and take over its attributes; called only for attributes that are missing."""
        if "_blob" not in self.__dict__ or "_response" in self.__dict__:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        self.__dict__.update(vars(self._blob.download_blob()))
        return getattr(self, name)


def _blob(service: BlobServiceClient, path: BlobPath) -> BlobClient:
    return service.get_blob_client(path.container, path.blob)


def _container(service: BlobServiceClient, path: BlobPath) -> ContainerClient:
    return service.get_container_client(path.container)


def _download(service: BlobServiceClient, path: BlobPath) -> Download:
    return Download(_blob(service, path))


_KINDS: Mapping[type[Any], ClientFactory] = MappingProxyType(
    {BlobClient: _blob, ContainerClient: _container, StorageStreamDownloader: _download}
)


def is_sdk_type(annotation: Any) -> TypeGuard[type[Any]]:
    """Return whether an annotation is a class of one of Azure's SDK type packages."""
    base: Any = sys.modules.get(_BASE)
    return base is not None and isinstance(annotation, type) and issubclass(annotation, base.SdkType)


def is_download(annotation: Any) -> bool:
    """Return whether the parameter receives a ``StorageStreamDownloader``."""
    return is_sdk_type(annotation) and issubclass(annotation, StorageStreamDownloader)


def client_factory(function: Function, binding: Binding) -> ClientFactory:
    """Return the factory of the client for a parameter that ``is_sdk_type``.

    In Azure's worker the package creates the client from settings in the environment. Here the host's own connection
    is used, so that every kind of connection works, Azurite included, and no invocation opens a new one. Each
    invocation gets a new ``StorageStreamDownloader``.

    Raises:
        FunctionLoadError: the class is not supported.
    """
    annotation = function.annotations[binding.name]
    for kind, make in _KINDS.items():
        if issubclass(annotation, kind):
            return make
    raise FunctionLoadError(
        f"Function '{function.name}': parameter '{binding.name}' is annotated with {annotation.__name__}, which a "
        "blob binding cannot create.",
        remedy=f"Use {', '.join(kind.__name__ for kind in _KINDS)} of azurefunctions.extensions.bindings.blob.",
        file=function.file,
    )
