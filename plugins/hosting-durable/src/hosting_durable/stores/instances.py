"""Statements about orchestrations as clients see them: start, read, list and purge."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from hosting_durable.events import Event, EventType, compact, event, microseconds, moment
from hosting_durable.model import Instance, InstanceQuery, Page
from hosting_durable.status import FINISHED, Status
from hosting_durable.stores.database import Row, Rows
from hosting_durable.stores.messages import put

COLUMNS = (
    "id, execution, name, version, status, input, output, custom_status, created, updated, parent, entity, turn, "
    "owner, state, locked_by"
)
_INSERT = """INSERT INTO instances (id, entity, execution, name, version, status, input, created, updated,
    parent, parent_execution, parent_task, trace_parent, trace_state)
    VALUES (?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""


class Start(NamedTuple):
    """What a new orchestration begins with.

    Args:
        instance_id: its ID.
        execution: the ID of its execution.
        name: the name of the orchestrator.
        version: its version; None for none.
        input: the text of its input; None for none.
        due: when it starts, in microseconds since 1970; 0 for at once.
        parent: the ID, the execution, the name and the task of the orchestration that starts it; None for a client.
        trace_parent: the ``traceparent`` of who starts it.
        trace_state: the ``tracestate`` of who starts it.
        tags: its tags; None for none.
    """

    instance_id: str
    execution: str
    name: str
    version: str | None = None
    input: str | None = None
    due: int = 0
    parent: tuple[str, str, str, int] | None = None
    trace_parent: str = ""
    trace_state: str = ""
    tags: Mapping[str, str] | None = None


def status_of(rows: Rows, instance_id: str, suffix: str = "") -> Status | None:
    """Return the state of an orchestration; None if there is none with the ID."""
    row = rows.one(f"SELECT status FROM instances WHERE id = ? AND entity = 0{suffix}", instance_id)
    return None if row is None else Status(row[0])


def counts(rows: Rows) -> dict[str, int]:
    """Return how many orchestrations are neither finished nor suspended, and how many entities have messages."""
    still = [status.value for status in Status if not status.is_finished and status is not Status.SUSPENDED]
    marks = ", ".join("?" * len(still))
    going = rows.one(f"SELECT count(*) FROM instances WHERE entity = 0 AND status IN ({marks})", *still)
    asked = rows.one(
        "SELECT count(*) FROM instances WHERE entity = 1 AND EXISTS (SELECT 1 FROM inbox WHERE instance = instances.id)"
    )
    return {name: 0 if row is None else int(row[0]) for name, row in (("orchestrations", going), ("entities", asked))}


def insert(rows: Rows, start: Start) -> None:
    """Add an orchestration, in place of one that has the ID, and put its first message into its inbox."""
    delete(rows, [start.instance_id])
    now = rows.now()
    parent = start.parent
    task = (None, None, None) if parent is None else (parent[0], parent[1], parent[3])
    rows.run(
        _INSERT,
        start.instance_id,
        start.execution,
        start.name,
        start.version,
        Status.PENDING.value,
        start.input,
        now,
        now,
        *task,
        start.trace_parent or None,
        start.trace_state or None,
    )
    put(rows, start.instance_id, started_event(start, now), due=start.due)


def started_event(start: Start, at: int) -> Event:
    """Return the event that begins an execution; its input is in the row of the instance."""
    parent = start.parent
    return event(
        EventType.EXECUTION_STARTED,
        at,
        Name=start.name,
        Version=start.version,
        OrchestrationInstance={"InstanceId": start.instance_id, "ExecutionId": start.execution},
        ParentInstance=None if parent is None else _parent(parent),
        Tags=start.tags,
    )


def _parent(parent: tuple[str, str, str, int]) -> dict[str, Any]:
    instance, execution, name, task = parent
    return {
        "Name": name,
        "Version": None,
        "OrchestrationInstance": {"InstanceId": instance, "ExecutionId": execution},
        "TaskScheduleId": task,
    }


def read(rows: Rows, instance_id: str, *, with_history: bool) -> Instance | None:
    """Return an orchestration; None if there is none with the ID."""
    row = rows.one(f"SELECT {COLUMNS} FROM instances WHERE id = ? AND entity = 0", instance_id)
    if row is None:
        return None
    history = _history(rows, row) if with_history else ()
    return _instance(row, history)


def history_events(rows: Rows, instance_id: str, execution: str) -> list[Event]:
    """Return the events of an execution, oldest first."""
    found = rows.all(
        "SELECT type, event_id, at, body FROM history WHERE instance = ? AND execution = ? ORDER BY place",
        instance_id,
        execution,
    )
    return [Event(*row) for row in found]


def _history(rows: Rows, row: Row) -> tuple[dict[str, Any], ...]:
    events = [one.mapping() for one in history_events(rows, row[0], row[1])]
    for one in events:
        one.pop("RetryOf", None)  # for the engine alone
        if one["EventType"] == EventType.EXECUTION_STARTED:
            one["Input"] = row[5]
    return tuple(events)


def _instance(row: Row, history: tuple[dict[str, Any], ...] = ()) -> Instance:
    is_entity = bool(row[11])
    return Instance(
        instance_id=row[0],
        execution_id=row[1],
        name=f"@{row[2]}" if is_entity else row[2],
        version=row[3],
        status=Status(row[4]),
        input=_entity_text(exists=True, state=row[14]) if is_entity else row[5],
        output=row[6],
        custom_status=_entity_text(entityExists=True, lockedBy=row[15]) if is_entity else row[7],
        created_at=moment(row[8]),
        updated_at=moment(row[9]),
        parent_id=row[10],
        history=history,
    )


def _entity_text(**values: Any) -> str:
    """Return the JSON that Azure shows of an entity among instances. Source: ``EntityScheduler/EntityStatus.cs``."""
    return compact({key: value for key, value in values.items() if value is not None})


class Where:
    """The conditions of a query, and their values."""

    def __init__(self, *conditions: str) -> None:
        self._conditions = list(conditions)
        self.values: list[Any] = []

    def add(self, condition: str, *values: Any) -> None:
        """Add a condition with ``?`` for each value."""
        self._conditions.append(condition)
        self.values += values

    def __str__(self) -> str:
        return " AND ".join(self._conditions)


def query(rows: Rows, asked: InstanceQuery) -> Page:
    """Return a page of orchestrations, without their histories."""
    where = conditions(asked)
    limit = max(asked.limit, 1)
    order = "created DESC, id DESC" if asked.newest_first else "created, id"
    found = rows.all(
        f"SELECT {COLUMNS} FROM instances WHERE {where} ORDER BY {order} LIMIT ?", *where.values, limit + 1
    )
    page = found[:limit]
    continuation = f"{page[-1][8]}:{page[-1][0]}" if len(found) > limit else ""
    return Page(tuple(map(_instance, page)), continuation)


def conditions(asked: InstanceQuery) -> Where:
    """Return the conditions of a query."""
    where = Where("(entity = 0 OR state IS NOT NULL)" if asked.with_entities else "entity = 0")
    if asked.prefix:
        where.add("substr(id, 1, ?) = ?", len(asked.prefix), asked.prefix)
    if asked.created_from is not None:
        where.add("created >= ?", microseconds(asked.created_from))
    if asked.created_to is not None:
        where.add("created <= ?", microseconds(asked.created_to))
    if asked.statuses:
        names = sorted(status.value for status in asked.statuses)
        where.add(f"status IN ({', '.join('?' * len(names))})", *names)
    if asked.name:
        where.add("lower(name) = ?", asked.name.lower())
    created, _, last = asked.continuation.partition(":")
    if created.isdigit():
        after = "<" if asked.newest_first else ">"
        where.add(f"(created {after} ? OR (created = ? AND id {after} ?))", int(created), int(created), last)
    return where


def purge(rows: Rows, asked: InstanceQuery, limit: int) -> int:
    """Delete the finished orchestrations of a query, at most ``limit``; return how many there were."""
    where = conditions(replace(asked, continuation="", with_entities=False))
    where.add(f"status IN ({', '.join('?' * len(FINISHED))})", *FINISHED)
    found = rows.all(f"SELECT id FROM instances WHERE {where} LIMIT ?", *where.values, limit)
    return delete(rows, [row[0] for row in found])


def delete(rows: Rows, ids: Iterable[str]) -> int:
    """Delete instances with everything that belongs to them; return how many there were."""
    names = [*ids]
    if not names:
        return 0
    among = ", ".join("?" * len(names))
    for table in ("history", "inbox", "activities"):
        rows.run(f"DELETE FROM {table} WHERE instance IN ({among})", *names)
    return rows.run(f"DELETE FROM instances WHERE id IN ({among})", *names)
