"""The blob trigger of one function: which blobs match, and the arguments for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from azure.core.exceptions import AzureError

from hosting.bindings import Invoke, Result, Trigger
from hosting.core import Binding, Function
from hosting.errors import FunctionLoadError
from hosting_storage.blobs.messages import function_id
from hosting_storage.blobs.paths import BlobPath, BlobPattern
from hosting_storage.blobs.reading import Reader
from hosting_storage.blobs.values import decode, described, trigger_metadata
from hosting_storage.shared.connections import Connections
from hosting_storage.shared.outage import first_line

if TYPE_CHECKING:
    from azure.storage.blob import BlobProperties

EVENT_GRID = "EventGrid"
SCAN = "LogsAndContainerScan"
"""The names that Azure's host uses for the two ways to find blobs."""


class BlobEvent(NamedTuple):
    """A blob for which a function runs."""

    path: BlobPath
    uri: str
    properties: BlobProperties
    content: bytes
    """Empty if the function gets a client."""

    @property
    def is_folder(self) -> bool:
        """Whether the blob represents a folder, as in accounts with a hierarchical namespace."""
        return (self.properties.metadata or {}).get("hdi_isfolder") == "true"


class BlobTrigger(Trigger):
    """A function that runs for each version of each blob that its path matches.

    Args:
        function: the function.
        binding: its trigger, with ``path``, ``connection`` and ``source``.
        connections: the clients of the app's storage accounts.

    Raises:
        FunctionLoadError: the path or the source is invalid, or the connection cannot be used.
    """

    def __init__(self, function: Function, binding: Binding, connections: Connections) -> None:
        self.name = function.name
        self.function_id = function_id(function.name)
        self.connection: str | None = binding.get("connection") or None
        self.pattern = _pattern(function, binding)
        self.source = _source(function, binding)
        self.run: Invoke | None = None
        self._reader = Reader(function, binding, connections)
        self._annotation = function.annotations.get(binding.name)

    def attach(self, invoke: Invoke) -> None:
        """Keep the function that runs the trigger's function."""
        self.run = invoke

    def decode(self, data: BlobEvent) -> Any:
        """Return the argument of the function: content, or the client that its annotation asks for."""
        if self._reader.create_client is not None:
            return self._reader.create_client(data.path)
        metadata = trigger_metadata(data.path, data.uri, described(data.properties))
        return decode(data.content, self._annotation, metadata)

    def binding_data(self, data: BlobEvent) -> Mapping[str, Any]:
        """Return ``{blobTrigger}``, ``{uri}``, ``{properties}``, ``{metadata}``, and the tokens of the path."""
        properties = described(data.properties)
        return {
            "blobTrigger": str(data.path),
            "uri": data.uri,
            "properties": properties,
            "metadata": properties["Metadata"],
            **(self._tokens(data.path) or {}),
        }

    def matches(self, path: BlobPath) -> bool:
        """Return whether the function runs for a blob."""
        return self._tokens(path) is not None

    async def by_hand(self, text: str | None) -> BlobEvent:
        """Read the blob at the path ``container/blob``."""
        path = BlobPath.parse(text or "")
        try:
            event = await self.fetch(path)
        except AzureError as error:
            raise ValueError(f"Function '{self.name}': blob '{path}' cannot be read: {first_line(error)}") from None
        if event is None:
            raise ValueError(f"Function '{self.name}' needs the path of an existing blob, found '{path}'.")
        return event

    async def fetch(self, path: BlobPath) -> BlobEvent | None:
        """Read what the function needs of a blob; None if the blob does not exist.

        Raises:
            azure.core.exceptions.AzureError: the blob cannot be read.
        """
        found = await self._reader.read(path)
        return None if found is None else BlobEvent(path, *found)

    async def start(self, event: BlobEvent, details: str) -> Result:
        """Run the function for a blob; the trigger must be attached."""
        assert self.run is not None
        return await self.run(event, reason=f"New blob detected({self.source}): {event.path}", details=details)

    def _tokens(self, path: BlobPath) -> dict[str, str] | None:
        return self.pattern.match(path.blob) if path.container == self.pattern.container else None


def _pattern(function: Function, binding: Binding) -> BlobPattern:
    try:
        return BlobPattern(str(binding.get("path") or ""))
    except ValueError as error:
        raise FunctionLoadError(
            f"Function '{function.name}': {error}",
            remedy="Write a container and a blob pattern, such as images/{name}.png.",
            file=function.file,
        ) from None


def _source(function: Function, binding: Binding) -> str:
    source = str(binding.get("source") or SCAN)
    for known in (SCAN, EVENT_GRID):
        if source.lower() == known.lower():
            return known
    raise FunctionLoadError(
        f"Function '{function.name}': '{source}' is not a source of a blob trigger.",
        remedy=f"Write {SCAN} or {EVENT_GRID}.",
        file=function.file,
    )
