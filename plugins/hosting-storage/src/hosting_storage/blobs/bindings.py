"""The input and output bindings ``blob``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hosting.bindings import Input, Output
from hosting.bindings.expressions import Template
from hosting.core import Binding, Function
from hosting.errors import FunctionLoadError
from hosting_storage.blobs.files import put
from hosting_storage.blobs.paths import BlobPath
from hosting_storage.blobs.reading import Reader
from hosting_storage.blobs.values import decode, encode
from hosting_storage.shared.connections import Connections
from hosting_storage.shared.failures import explained

_PATH = "path"


class BlobLocation:
    """The blob of a binding, resolved for each invocation.

    Args:
        function: the function with the binding.
        binding: the binding, with ``path``.
        whole_container: whether the path may be a container.

    Raises:
        FunctionLoadError: the path is invalid for every invocation.
    """

    def __init__(self, function: Function, binding: Binding, *, whole_container: bool = False) -> None:
        self.description = f"Function '{function.name}': binding '{binding.name}'"
        text = str(binding.get(_PATH) or "")
        self._whole_container = whole_container
        try:
            template = Template.parse(text)
            if template.is_constant:
                self._read("".join(map(str, template.parts)))
            elif len(template.parts) > 1 and "/" not in text and not whole_container:
                raise ValueError(
                    f"Invalid blob path '{text}'. Paths must be in the format 'container/blob' or 'blob Url'."
                )
        except ValueError as error:
            raise FunctionLoadError(
                f"{self.description}: {error}",
                remedy="Write the container and the blob, such as images/{name}.png.",
                file=function.file,
            ) from None

    def path(self, properties: Mapping[str, Any]) -> BlobPath:
        """Return the path, with expressions resolved.

        Raises:
            ValueError: the resolved path is invalid.
        """
        return self._read(str(properties[_PATH]))

    def _read(self, text: str) -> BlobPath:
        return BlobPath.parse(text, whole_container=self._whole_container)


class BlobInput(Input):
    """Reads the blob at a path, or creates a client for it.

    Args:
        function: the function with the binding.
        binding: the binding, with ``path`` and ``connection``.
        connections: the clients of the app's storage accounts.

    Raises:
        FunctionLoadError: the path is invalid, or the connection cannot be used.
    """

    expressions = (_PATH,)

    def __init__(self, function: Function, binding: Binding, connections: Connections) -> None:
        self._reader = Reader(function, binding, connections)
        self._annotation = function.annotations.get(binding.name)
        self._location = BlobLocation(function, binding, whole_container=self._reader.takes_containers)

    async def read(self, data: Any, properties: Mapping[str, Any]) -> Any:
        """Return the content, None if the blob does not exist, as Azure's host does; or a client for any path."""
        path = self._location.path(properties)
        if self._reader.create_client is not None:
            return self._reader.create_client(path)
        with explained(f"{self._location.description}: blob '{path}' cannot be read"):
            found = await self._reader.read(path)
        return None if found is None else decode(found.content, self._annotation)


class BlobOutput(Output):
    """Writes the output value to the blob at a path; an existing blob is overwritten.

    It takes the same arguments as ``BlobInput``, and raises the same errors.
    """

    expressions = (_PATH,)

    def __init__(self, function: Function, binding: Binding, connections: Connections) -> None:
        self._service = connections.blob_service(binding.get("connection") or None)
        self._location = BlobLocation(function, binding)

    def encode(self, value: Any) -> bytes | None:
        """Return the value as bytes; None writes no blob. Raises TypeError for a value without bytes."""
        return encode(value)

    async def write(self, encoded: bytes | None, properties: Mapping[str, Any]) -> None:
        """Write the blob, and create a missing container first. None is not written."""
        if encoded is not None:
            path = self._location.path(properties)
            container = self._service.get_container_client(path.container)
            with explained(f"{self._location.description}: blob '{path}' cannot be written"):
                await put(container, path.blob, encoded, overwrite=True)
