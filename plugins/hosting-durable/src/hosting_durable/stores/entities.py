"""Statements about entities as clients see them."""

from __future__ import annotations

from typing import Any

from hosting_durable.events import Event, EventType, event, microseconds, moment
from hosting_durable.model import Entity, EntityId, EntityPage, EntityQuery
from hosting_durable.stores.database import Row, Rows
from hosting_durable.stores.instances import Where
from hosting_durable.stores.messages import put

_COLUMNS = """id, state, updated, locked_by,
    (SELECT count(*) FROM inbox WHERE inbox.instance = instances.id) AS waiting"""
_ENSURE = """INSERT INTO instances (id, entity, execution, name, status, created, updated)
    VALUES (?, 1, '', ?, 'Running', ?, ?) ON CONFLICT (id) DO NOTHING"""


def operation(at: int, **content: Any) -> Event:
    """Return a message to an entity.

    Args:
        at: its time.
        content: ``id``; ``op``, its name; ``input``, the JSON of a JSON text or None; ``signal``; for a call
            ``parent`` and ``parentExecution``, which get the result.
    """
    return event(EventType.ENTITY_OPERATION, at, **content)


def send(rows: Rows, entity: EntityId, message: Event, due: int = 0) -> None:
    """Put an operation into an entity's inbox; the entity need not exist."""
    now = rows.now()
    rows.run(_ENSURE, str(entity), entity.name, now, now)
    put(rows, str(entity), message, due=due)


def read(rows: Rows, entity: EntityId) -> Entity | None:
    """Return an entity; None if it does not exist."""
    row = rows.one(f"SELECT {_COLUMNS} FROM instances WHERE id = ? AND entity = 1 AND state IS NOT NULL", str(entity))
    return None if row is None else _entity(row)


def query(rows: Rows, asked: EntityQuery) -> EntityPage:
    """Return a page of entities."""
    where = Where("entity = 1", "state IS NOT NULL")
    if asked.name:
        where.add("name = ?", asked.name.lower())
    if asked.updated_from is not None:
        where.add("updated >= ?", microseconds(asked.updated_from))
    if asked.updated_to is not None:
        where.add("updated <= ?", microseconds(asked.updated_to))
    if asked.continuation:
        where.add("id > ?", asked.continuation)
    limit = max(asked.limit, 1)
    found = rows.all(f"SELECT {_COLUMNS} FROM instances WHERE {where} ORDER BY id LIMIT ?", *where.values, limit + 1)
    entities = tuple(_entity(row, with_state=asked.fetch_state) for row in found[:limit])
    return EntityPage(entities, str(entities[-1].id) if len(found) > limit else "")


def _entity(row: Row, *, with_state: bool = True) -> Entity:
    return Entity(EntityId.parse(row[0]), row[1] if with_state else None, moment(row[2]), row[3], row[4])
