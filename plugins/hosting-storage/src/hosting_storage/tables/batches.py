"""Writes entities to a table, in order, those of one partition in one transaction."""

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

MAX_BATCH_SIZE = 100
"""The maximum number of operations in one transaction of the service."""


async def write_entities(table: TableClient, entities: Iterable[Entity], subject: str) -> None:
    """Write entities, and create a missing table.

    Args:
        table: the table.
        entities: the entities, with their keys.
        subject: the beginning of error messages.

    Raises:
        StorageFailure: the service refused an entity, and with it all of its transaction, or cannot be reached.
            Transactions before it remain written.
    """
    with explained(f"{subject}: table '{table.table_name}' cannot be written"):
        for batch in batches(entities):
            try:
                await _write(table, batch)
            except HttpResponseError as error:
                raise _refused(error, batch, table, subject) from None


def batches(entities: Iterable[Entity]) -> Iterator[list[Entity]]:
    """Group entities of one partition into batches that fit a transaction and have each row once.

    An entity that occurs again starts a new batch, after the batch with its first occurrence.
    """
    waiting: dict[str, dict[str, Entity]] = {}
    for entity in entities:
        partition, row = entity.properties["PartitionKey"], entity.properties["RowKey"]
        rows = waiting.setdefault(partition, {})
        if row in rows:
            yield list(rows.values())
            rows = waiting[partition] = {}
        rows[row] = entity
        if len(rows) == MAX_BATCH_SIZE:
            yield list(waiting.pop(partition).values())
    yield from (list(rows.values()) for rows in waiting.values())


async def _write(table: TableClient, batch: list[Entity]) -> None:
    operations = [_operation(entity) for entity in batch]
    try:
        await table.submit_transaction(operations)
    except HttpResponseError as error:
        # An entity that must exist cannot be there if its table is missing.
        if error.status_code != 404 or any(entity.etag not in (None, "*") for entity in batch):
            raise
        await _create(table)
        await table.submit_transaction(operations)


def _operation(entity: Entity) -> tuple[str, Mapping[str, Any], dict[str, Any]]:
    """Return the operation that the entity's ETag asks for: insert, upsert or replace."""
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
        return  # another host created it first


def _refused(error: HttpResponseError, batch: list[Entity], table: TableClient, subject: str) -> StorageFailure:
    """Return an error that names the refused entity and the reason."""
    at = min(getattr(error, "index", 0), len(batch) - 1)
    keys = ", ".join(f"{name} {batch[at].properties[name]!r}" for name in KEYS)
    reason = str(error.message).partition("\n")[0].removeprefix(f"{at}:")
    code = getattr(error, "error_code", None) or ""
    exists = code == "EntityAlreadyExists"
    advice = ' To replace the existing entity, set "ETag" to "*".' if exists else ""
    return StorageFailure(
        f"{subject}: table '{table.table_name}' refused the entity with {keys}: {error.status_code} "
        f"{getattr(code, 'value', code)}: {reason}{advice}"
    )
