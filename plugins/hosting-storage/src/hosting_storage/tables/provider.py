"""The provider of ``table``: entities of Azure Tables as inputs and outputs, as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import ResourceNotFoundError

from hosting.bindings import Input, Output, Provider, Services
from hosting.core import Binding, Function, Problem
from hosting.errors import FunctionLoadError
from hosting_storage.shared.connections import Connections
from hosting_storage.shared.failures import explained
from hosting_storage.tables.batches import write_entities
from hosting_storage.tables.entities import KEYS, Entity, entity_json, read_entities, with_keys
from hosting_storage.tables.filters import equals, marked, resolved

if TYPE_CHECKING:
    from azure.data.tables.aio import TableClient, TableServiceClient

_NAME = re.compile("[A-Za-z][A-Za-z0-9]{2,62}")
_RULE = "A name has 3 to 63 letters and digits, and starts with a letter."
_KEYS = ("partitionKey", "rowKey")
"""The names of an entity's keys in a binding."""
_MAX_PAGE_SIZE = 1000
"""The maximum number of entities in one response of the service."""


class Table:
    """The table of a binding, resolved for each invocation.

    Args:
        function: the function with the binding.
        binding: the binding, with settings resolved.
        service: the client of the account.

    Raises:
        FunctionLoadError: the table's name is missing or invalid.
    """

    def __init__(self, function: Function, binding: Binding, service: TableServiceClient) -> None:
        self.description = f"Function '{function.name}': binding '{binding.name}'"
        self._binding = binding
        self._service = service
        name = binding.get("tableName")
        if not isinstance(name, str) or not name:
            raise FunctionLoadError(
                f"{self.description} has no tableName.", remedy="Set tableName.", file=function.file
            )
        self._constant: TableClient | None = None
        if "{" not in name:
            if not _NAME.fullmatch(name):
                raise FunctionLoadError(f"{self.description}: {_bad_name(name)}.", remedy=_RULE, file=function.file)
            self._constant = service.get_table_client(name)

    def client(self, properties: Mapping[str, Any]) -> TableClient:
        """Return the client of the table.

        Raises:
            ValueError: the resolved name is invalid.
        """
        if self._constant is not None:
            return self._constant
        name = self.value("tableName", properties) or ""
        if not _NAME.fullmatch(name):
            raise ValueError(f"{self.description}: {_bad_name(name)}. {_RULE}")
        return self._service.get_table_client(name)

    def has(self, name: str) -> bool:
        """Return whether the binding sets a property."""
        return self._binding.get(name) not in (None, "")

    def value(self, name: str, properties: Mapping[str, Any]) -> str | None:
        """Return a property with its expressions resolved; None if the binding does not set it."""
        return str(properties[name]) if self.has(name) else None


class TableInput(Input):
    """Reads entities as a JSON list.

    As in Azure's host, the row key of the binding has no effect. Source: ``CreateJArray`` in its
    ``TablesExtensionConfigProvider``, the only rule for functions that are not written in .NET.
    """

    expressions = ("tableName", "partitionKey", "rowKey", "filter")

    def __init__(self, function: Function, binding: Binding, table: Table) -> None:
        self._table = table
        self._take = _take(function, binding)
        self._wants_bytes = function.annotations.get(binding.name) is bytes

    def quote(self, name: str, value: str) -> str:
        """Mark a value of the filter, so that it can be written as OData later."""
        return marked(value) if name == "filter" else value

    async def read(self, data: Any, properties: Mapping[str, Any]) -> str | bytes:
        """Return the entities as JSON text.

        Raises:
            ValueError: the resolved name or filter is invalid.
            LookupError: the table does not exist.
            StorageFailure: the service refuses the request, or cannot be reached.
        """
        with explained(f"{self._table.description} cannot be read"):
            found = await self._entities(properties)
        text = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
        return text.encode() if self._wants_bytes else text

    async def _entities(self, properties: Mapping[str, Any]) -> list[dict[str, Any]]:
        table, query = self._table.client(properties), self._filter(properties)
        page: Any = {"results_per_page": min(self._take, _MAX_PAGE_SIZE) or None}
        entities = table.query_entities(query, **page) if query else table.list_entities(**page)
        found: list[dict[str, Any]] = []
        try:
            async for entity in entities:
                found.append(entity_json(entity))
                if len(found) == self._take:
                    break
        except ResourceNotFoundError:
            raise LookupError(
                f"{self._table.description}: table '{table.table_name}' does not exist. "
                "An output creates it, an input does not."
            ) from None
        return found

    def _filter(self, properties: Mapping[str, Any]) -> str:
        try:
            query = resolved(self._table.value("filter", properties) or "")
        except ValueError as error:
            raise ValueError(f"{self._table.description}: {error}") from None
        partition = self._table.value("partitionKey", properties)
        if not partition:
            return query
        return f"{equals('PartitionKey', partition)} and {query}" if query else equals("PartitionKey", partition)


class TableOutput(Output):
    """Writes the output value, one entity or several, after the function has returned."""

    expressions = ("tableName", "partitionKey", "rowKey")

    def __init__(self, table: Table) -> None:
        self._table = table

    def encode(self, value: Any) -> list[Entity]:
        """Return the entities of an output value; raises TypeError or ValueError for anything else."""
        try:
            return read_entities(value)
        except TypeError as error:
            raise TypeError(f"{self._table.description}: {error}") from None
        except ValueError as error:
            raise ValueError(f"{self._table.description}: {error}") from None

    async def write(self, encoded: list[Entity], properties: Mapping[str, Any]) -> None:
        """Write the entities, those of one partition in one transaction.

        Raises:
            ValueError: a key or the table's name is invalid; nothing is written.
            StorageFailure: the service refused an entity, or cannot be reached.
        """
        if not encoded:
            return
        table = self._table.client(properties)
        keys = {name: self._table.value(own, properties) for name, own in zip(KEYS, _KEYS, strict=True)}
        try:
            entities = [with_keys(entity, keys) for entity in encoded]
        except ValueError as error:
            raise ValueError(f"{self._table.description}: {error}") from None
        await write_entities(table, entities, self._table.description)


class TableProvider(Provider):
    """Provides ``table`` with the official client, one for each account."""

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self._connections = Connections(services)

    def input(self, function: Function, binding: Binding) -> TableInput:
        """Return an input.

        Raises:
            FunctionLoadError: the connection, the table's name or ``take`` cannot be used.
        """
        table = self._table(function, binding)
        table_input = TableInput(function, binding, table)
        if table.has("rowKey"):
            self.services.problems.append(_unused_row_key(function, binding))
        return table_input

    def output(self, function: Function, binding: Binding) -> TableOutput:
        """Return an output.

        Raises:
            FunctionLoadError: the connection or the table's name cannot be used.
        """
        return TableOutput(self._table(function, binding))

    async def close(self) -> None:
        """Close the clients."""
        await self._connections.close()

    def _table(self, function: Function, binding: Binding) -> Table:
        return Table(function, binding, self._connections.table_service(binding.get("connection")))


def _take(function: Function, binding: Binding) -> int:
    """Return the maximum number of entities to read; 0 for all."""
    take = binding.get("take")
    try:
        if isinstance(take, bool | float):
            raise ValueError(take)
        return max(0, int(take or 0))
    except (TypeError, ValueError):
        raise FunctionLoadError(
            f"Function '{function.name}': take of binding '{binding.name}' must be a number, found {take!r}.",
            remedy="Set it to the maximum number of entities, or leave it out.",
            file=function.file,
        ) from None


def _unused_row_key(function: Function, binding: Binding) -> Problem:
    return Problem(
        "warning",
        f"Function '{function.name}': rowKey of binding '{binding.name}' has no effect. "
        "As in Azure, the value is a list of entities, of those in the partition if partitionKey is set.",
        "Remove it, or replace it with a filter such as RowKey eq '{name}', and read the first item of the list.",
        function.file,
        function=function.name,
    )


def _bad_name(name: str) -> str:
    return f"'{name}' is not a valid name for an Azure table"
