"""Inputs that receive a client of Cosmos DB: the SDK types of azurefunctions-extensions-bindings-cosmosdb."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from hosting.apps.web import supports_sdk_type
from hosting.bindings.provider import Input, Output, Provider, Trigger
from hosting.core import Binding, Function

TYPE = "cosmosdb"
_BASE = "azurefunctions.extensions.base"
_DEFAULT_CONNECTION = "CosmosDB"


def takes_cosmos_client(function: Function, binding: Binding) -> bool:
    """Return whether a binding is an input whose parameter is a client that Azure's package creates."""
    is_input = (binding.type.lower(), binding.direction) == (TYPE, "in")
    return is_input and supports_sdk_type(binding.type, function.annotations.get(binding.name))


class CosmosClientProvider(Provider):
    """Provides inputs that receive a ``CosmosClient``, ``DatabaseProxy`` or ``ContainerProxy``.

    The package creates the client from the app's settings, so that the host reads nothing from Cosmos DB itself.
    """

    def trigger(self, function: Function, binding: Binding) -> Trigger:
        """Raise NotImplementedError: only inputs receive clients."""
        raise NotImplementedError

    def input(self, function: Function, binding: Binding) -> CosmosClientInput:
        """Return an input with the client of the binding."""
        return CosmosClientInput(function, binding)

    def output(self, function: Function, binding: Binding) -> Output:
        """Raise NotImplementedError: only inputs receive clients."""
        raise NotImplementedError


class CosmosClientInput(Input):
    """The client of one binding; it is created at the first invocation and kept, as in Azure's worker.

    Args:
        function: the function.
        binding: the input.
    """

    def __init__(self, function: Function, binding: Binding) -> None:
        self._annotation = function.annotations[binding.name]
        self._base: Any = sys.modules[_BASE]
        self._converter = self._base.get_binding_registry().get(binding.type)
        self._content = json.dumps(
            {
                "DatabaseName": binding.get("databaseName"),
                "ContainerName": binding.get("containerName"),
                "Connection": binding.get("connection") or _DEFAULT_CONNECTION,
                "PreferredLocations": binding.get("preferredLocations"),
            }
        )
        self._lock = asyncio.Lock()
        self._client: Any = None

    async def read(self, data: Any, properties: Mapping[str, Any]) -> Any:
        """Return the client. Raises ValueError if the setting with the connection is missing."""
        async with self._lock:
            if self._client is None:
                self._client = await asyncio.to_thread(self._create)  # it asks Cosmos DB for the account's regions
        return self._client

    def _create(self) -> Any:
        data = SimpleNamespace(
            version="1.0", source="CosmosDB", content_type="application/json", content=self._content.encode()
        )
        datum = self._base.Datum(data, "model_binding_data")
        return self._converter.decode(datum, trigger_metadata={}, pytype=self._annotation)
