"""Writing entities to a table: together where they are of one partition, in the order in which they were given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceExistsError
from azure.data.tables import UpdateMode

from hosting_storage.shared.failures import StorageFailure, explained
from hosting_storage.tables.entities import KEYS, Entity

if TYPE_CHECKING:
    from azure.data.tables.aio import TableClient

LARGEST = 100
"""Operations in one transaction, the most that the service takes."""


async def write_entities(table: TableClient, entities: Iterable[Entity], who: str) -> None:
    """Write entities, making the table if it is not there.

    Args:
        table: where to.
        entities: with their keys.
        who: begins the message of an error.

    Raises:
        StorageFailure: one was refused, with those of its transaction; transactions before it stay written. Or the
            service cannot be reached.
    """
    with explained(f"{who}: table '{table.table_name}' cannot be written"):
        for batch in batches(entities):
            try:
                await _write(table, batch)
            except HttpResponseError as error:
                raise _refused(error, batch, table, who) from None


def batches(entities: Iterable[Entity]) -> Iterator[list[Entity]]:
    """Put entities of one partition together, up to what a transaction takes and without a row twice in one.

    An entity that comes again is written again, later; so what came before it in its partition is written first.
    """
    waiting: dict[str, dict[str, Entity]] = {}
    for entity in entities:
        partition, row = entity.properties["PartitionKey"], entity.properties["RowKey"]
        rows = waiting.setdefault(partition, {})
        if row in rows:
            yield list(rows.values())
            rows = waiting[partition] = {}
        rows[row] = entity
        if len(rows) == LARGEST:
            yield list(waiting.pop(partition).values())
    yield from (list(rows.values()) for rows in waiting.values())


async def _write(table: TableClient, batch: list[Entity]) -> None:
    operations = [_operation(entity) for entity in batch]
    try:
        await table.submit_transaction(operations)
    except HttpResponseError as error:
        # What must be there already is not made by making a table for it.
        if error.status_code != 404 or any(entity.etag not in (None, "*") for entity in batch):
            raise
        await _create(table)
        await table.submit_transaction(operations)


def _operation(entity: Entity) -> tuple[str, Mapping[str, Any], dict[str, Any]]:
    """Insert, upsert or replace, as the entity's ETag says."""
    if entity.etag is None:
        return "create", entity.properties, {}
    if entity.etag == "*":
        return "upsert", entity.properties, {"mode": UpdateMode.REPLACE}
    condition = {"etag": entity.etag, "match_condition": MatchConditions.IfNotModified}
    return "update", entity.properties, {"mode": UpdateMode.REPLACE, **condition}


async def _create(table: TableClient) -> None:
    try:
        await table.create_table()
    except ResourceExistsError:
        return  # somebody else was faster


def _refused(error: HttpResponseError, batch: list[Entity], table: TableClient, who: str) -> StorageFailure:
    """Say which entity it was, and why."""
    at = min(getattr(error, "index", 0), len(batch) - 1)
    keys = ", ".join(f"{name} {batch[at].properties[name]!r}" for name in KEYS)
    reason = str(error.message).partition("\n")[0].removeprefix(f"{at}:")
    code = getattr(error, "error_code", None) or ""
    is_there = code == "EntityAlreadyExists"
    advice = ' To replace what is there, set "ETag" to "*" in the entity.' if is_there else ""
    return StorageFailure(
        f"{who}: table '{table.table_name}' refused the entity with {keys}: {error.status_code} "
        f"{getattr(code, 'value', code)}: {reason}{advice}"
    )
