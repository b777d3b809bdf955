"""The provider of ``table``: entities of Azure Tables as inputs and outputs, in JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import ResourceNotFoundError

from hosting.bindings import Input, Output, Provider, Services
from hosting.core import Binding, Function, Problem
from hosting.errors import FunctionLoadError
from hosting_storage.shared.connections import Connections
from hosting_storage.shared.failures import explained
from hosting_storage.tables.batches import write_entities
from hosting_storage.tables.entities import KEYS, Entity, check_key, entity_json, keyed, read_entities
from hosting_storage.tables.filters import equals, filled, marked

if TYPE_CHECKING:
    from azure.data.tables.aio import TableClient, TableServiceClient

_NAME = re.compile("[A-Za-z][A-Za-z0-9]{2,62}")
_RULE = "A name has 3 to 63 letters and digits, and begins with a letter."
_KEYS = ("partitionKey", "rowKey")
"""What a binding calls the keys of an entity."""
_LARGEST_PAGE = 1000
"""Entities in one answer of the service."""


class Table:
    """Which table a binding means, in each invocation.

    Args:
        function: whose binding it is.
        binding: it, with settings already filled in.
        service: the account's tables.

    Raises:
        FunctionLoadError: no table can have that name.
    """

    def __init__(self, function: Function, binding: Binding, service: TableServiceClient) -> None:
        self.who = f"Function '{function.name}': binding '{binding.name}'"
        self._binding = binding
        self._service = service
        name = binding.get("tableName")
        if not isinstance(name, str) or not name:
            raise FunctionLoadError(f"{self.who} names no table.", remedy="Set tableName.", file=function.file)
        self._constant: TableClient | None = None
        if "{" not in name:
            if not _NAME.fullmatch(name):
                raise FunctionLoadError(f"{self.who}: {_bad_name(name)}.", remedy=_RULE, file=function.file)
            self._constant = service.get_table_client(name)

    def client(self, properties: Mapping[str, Any]) -> TableClient:
        """The table itself.

        Raises:
            ValueError: no table can have the name that the invocation gives it.
        """
        if self._constant is not None:
            return self._constant
        name = self.given("tableName", properties) or ""
        if not _NAME.fullmatch(name):
            raise ValueError(f"{self.who}: {_bad_name(name)}. {_RULE}")
        return self._service.get_table_client(name)

    def has(self, name: str) -> bool:
        """Whether the binding sets a property."""
        return self._binding.get(name) not in (None, "")

    def given(self, name: str, properties: Mapping[str, Any]) -> str | None:
        """A property, with its expressions filled in; None for one that the binding does not set."""
        return str(properties[name]) if self.has(name) else None


class TableInput(Input):
    """Reads one entity as a JSON object, or several as a list.

    Azure's host reads one where the binding has both keys; a function gets None for one that is not there.
    """

    expressions = ("tableName", "partitionKey", "rowKey", "filter")

    def __init__(self, function: Function, binding: Binding, table: Table) -> None:
        self._table = table
        self._take = _take(function, binding)
        self._is_single = all(map(table.has, _KEYS))
        self._wants_bytes = function.annotations.get(binding.name) is bytes

    def quote(self, name: str, value: str) -> str:
        return marked(value) if name == "filter" else value

    async def read(self, data: Any, properties: Mapping[str, Any]) -> str | bytes | None:
        """Give the JSON text.

        Raises:
            ValueError: a name, a key or a filter cannot be used with the values of this invocation.
            LookupError: there is no such table to read a list from.
            StorageFailure: the service refuses, or cannot be reached.
        """
        with explained(f"{self._table.who} cannot be read"):
            found = await (self._one(properties) if self._is_single else self._many(properties))
        if found is None:
            return None
        text = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
        return text.encode() if self._wants_bytes else text

    async def _one(self, properties: Mapping[str, Any]) -> dict[str, Any] | None:
        table = self._table.client(properties)
        partition, row = (self._table.given(name, properties) or "" for name in _KEYS)
        try:
            for name, key in zip(KEYS, (partition, row), strict=True):
                check_key(name, key)
        except ValueError as error:
            raise ValueError(f"{self._table.who}: {error}") from None
        try:
            return entity_json(await table.get_entity(partition, row))
        except ResourceNotFoundError:
            return None

    async def _many(self, properties: Mapping[str, Any]) -> list[dict[str, Any]]:
        table, wanted = self._table.client(properties), self._filter(properties)
        page: Any = {"results_per_page": min(self._take, _LARGEST_PAGE) or None}
        entities = table.query_entities(wanted, **page) if wanted else table.list_entities(**page)
        found: list[dict[str, Any]] = []
        try:
            async for entity in entities:
                found.append(entity_json(entity))
                if len(found) == self._take:
                    break
        except ResourceNotFoundError:
            raise LookupError(
                f"{self._table.who}: table '{table.table_name}' does not exist. An output makes it, an input does not."
            ) from None
        return found

    def _filter(self, properties: Mapping[str, Any]) -> str:
        try:
            wanted = filled(self._table.given("filter", properties) or "")
        except ValueError as error:
            raise ValueError(f"{self._table.who}: {error}") from None
        partition = self._table.given("partitionKey", properties)
        if not partition:
            return wanted
        return f"{equals('PartitionKey', partition)} and {wanted}" if wanted else equals("PartitionKey", partition)


class TableOutput(Output):
    """Writes what a function gives, one entity or several, when the function has returned."""

    expressions = ("tableName", "partitionKey", "rowKey")

    def __init__(self, table: Table) -> None:
        self._table = table

    def encode(self, value: Any) -> list[Entity]:
        try:
            return read_entities(value)
        except TypeError as error:
            raise TypeError(f"{self._table.who}: {error}") from None
        except ValueError as error:
            raise ValueError(f"{self._table.who}: {error}") from None

    async def write(self, encoded: list[Entity], properties: Mapping[str, Any]) -> None:
        """Write the entities, those of one partition together.

        Raises:
            ValueError: an entity or the table cannot have such a key or name; nothing is written then.
            StorageFailure: the service refused one, or cannot be reached.
        """
        if not encoded:
            return
        table = self._table.client(properties)
        keys = {name: self._table.given(own, properties) for name, own in zip(KEYS, _KEYS, strict=True)}
        try:
            entities = [keyed(entity, keys) for entity in encoded]
        except ValueError as error:
            raise ValueError(f"{self._table.who}: {error}") from None
        await write_entities(table, entities, self._table.who)


class TableProvider(Provider):
    """Serves ``table`` on the official client, one for each account."""

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self._connections = Connections(services)

    def input(self, function: Function, binding: Binding) -> TableInput:
        """Bind an input.

        Raises:
            FunctionLoadError: the connection, the table's name or ``take`` cannot be used.
        """
        table = self._table(function, binding)
        bound = TableInput(function, binding, table)
        self.services.problems.extend(_unused(function, binding, table))
        return bound

    def output(self, function: Function, binding: Binding) -> TableOutput:
        """Bind an output, as ``input``."""
        return TableOutput(self._table(function, binding))

    async def close(self) -> None:
        await self._connections.close()

    def _table(self, function: Function, binding: Binding) -> Table:
        return Table(function, binding, self._connections.table_service(binding.get("connection")))


def _take(function: Function, binding: Binding) -> int:
    """The most entities that are read; 0 for all of them."""
    given = binding.get("take")
    try:
        if isinstance(given, bool | float):
            raise ValueError(given)
        return max(0, int(given or 0))
    except (TypeError, ValueError):
        raise FunctionLoadError(
            f"Function '{function.name}': take of binding '{binding.name}' must be a number, found {given!r}.",
            remedy="Write how many entities the function wants at most, or leave it out.",
            file=function.file,
        ) from None


def _unused(function: Function, binding: Binding, table: Table) -> Iterator[Problem]:
    """Properties that say something and change nothing, in Azure neither."""
    if not table.has("rowKey"):
        return
    names, why, remedy = ["rowKey"], "without partitionKey", "Set both keys to read one entity, or a filter."
    if table.has("partitionKey"):
        names = [name for name in ("filter", "take") if table.has(name)]
        why, remedy = "beside partitionKey and rowKey", "Remove it, or rowKey to read several entities."
    for name in names:
        message = f"Function '{function.name}': {name} of binding '{binding.name}' has no effect {why}."
        yield Problem("warning", message, remedy, function.file, function=function.name)


def _bad_name(name: str) -> str:
    return f"'{name}' is not a valid name for an Azure table"
