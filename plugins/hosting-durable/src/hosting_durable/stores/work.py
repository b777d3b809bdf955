"""Statements of the engine: claiming work, and committing what came of it.

A host claims an instance or an activity by writing its own ID into the row. A commit names the claim and the turn that
it was made for, so that a host which was slow, and whose claim was given to another one, commits nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from hosting_durable.events import NO_ID, Event, EventType, compact
from hosting_durable.model import EntityId
from hosting_durable.status import Status
from hosting_durable.stores import entities
from hosting_durable.stores.database import Row, Rows
from hosting_durable.stores.instances import Start, history_events, insert, started_event, status_of
from hosting_durable.stores.messages import Message, put, refresh_ready, take
from hosting_durable.tracing import NO_TRACE, Trace

_TURN = """id, execution, name, version, status, input, turn, waits, parent, parent_execution, parent_task,
    trace_parent, trace_state, state, locked_by, owner"""
_CLAIM = (
    """UPDATE instances SET owner = ? WHERE id IN (SELECT id FROM instances WHERE entity = ? AND owner IS NULL
    AND ready_at IS NOT NULL AND ready_at <= ? ORDER BY ready_at LIMIT ?{lock}) AND owner IS NULL RETURNING """
    + _TURN
)
_ACTIVITY = "number, instance, execution, task, name, input, trace_parent, trace_state, attempt, owner"
_CLAIM_ACTIVITIES = (
    """UPDATE activities SET owner = ?, attempt = attempt + 1 WHERE number IN (SELECT number
    FROM activities WHERE owner IS NULL AND due <= ? ORDER BY due, number LIMIT ?{lock}) AND owner IS NULL
    RETURNING """
    + _ACTIVITY
)
_NEXT = """SELECT min(at) FROM (SELECT min(ready_at) AS at FROM instances WHERE entity = 0 AND owner IS NULL
    AND ready_at IS NOT NULL UNION ALL SELECT min(ready_at) FROM instances WHERE entity = 1 AND owner IS NULL
    AND ready_at IS NOT NULL UNION ALL SELECT min(due) FROM activities WHERE owner IS NULL) AS times"""
_ADD_ACTIVITY = """INSERT INTO activities (instance, execution, task, name, input, due, trace_parent, trace_state)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""
_ADD_EVENT = "INSERT INTO history (instance, execution, place, type, event_id, at, body) VALUES (?, ?, ?, ?, ?, ?, ?)"
_UPDATE = """UPDATE instances SET status = ?, output = ?, custom_status = coalesce(?, custom_status), waits = ?,
    updated = ?, turn = turn + 1, owner = NULL WHERE id = ? AND owner = ? AND turn = ? AND execution = ?"""
_SET_TRACE = "UPDATE instances SET trace_parent = ?, trace_state = ? WHERE id = ?"
_CONTINUE = (
    "UPDATE instances SET execution = ?, input = ?, version = ?, status = ?, output = NULL, waits = NULL WHERE id = ?"
)
_UPDATE_ENTITY = """UPDATE instances SET state = ?, locked_by = ?, updated = ?, turn = turn + 1, owner = NULL
    WHERE id = ? AND owner = ? AND turn = ?"""


class Lost(Exception):
    """The claim was given to another host, or the instance was replaced or purged: nothing is committed."""


class Turn(NamedTuple):
    """An instance that was claimed, and what waits for it.

    Args:
        instance_id: its ID.
        execution: the ID of its execution; empty for an entity.
        name: the name of its function.
        version: its version.
        status: its state.
        input: the text of its input.
        number: how many turns were committed.
        waits: the JSON of how many waits are open for each name of an event; None for none.
        parent: the ID, the execution and the task of its parent; None if it has none.
        trace: its ``traceparent`` and ``tracestate``.
        state: the state of an entity.
        locked_by: who has locked an entity.
        now: the database's time.
        messages: the messages that are due.
        history: its history; None if the engine knows it.
        owner: the ID under which it was claimed.
    """

    instance_id: str
    execution: str
    name: str
    version: str | None
    status: Status
    input: str | None
    number: int
    waits: str | None
    parent: tuple[str, str, int] | None
    trace: Trace
    state: str | None
    locked_by: str | None
    now: int
    messages: list[Message]
    history: list[Event] | None
    owner: str


class Activity(NamedTuple):
    """An activity that was claimed.

    Args:
        number: its number.
        instance_id: the ID of the orchestration that has scheduled it.
        execution: its execution.
        task: the ID of the task.
        name: the name of the activity.
        input: the JSON of its input.
        trace_parent: the ``traceparent`` of the orchestration.
        trace_state: the ``tracestate`` of the orchestration.
        attempt: how often it was claimed, this time included: more than 1 after the end of a host.
        owner: the ID under which it was claimed.
    """

    number: int
    instance_id: str
    execution: str
    task: int
    name: str
    input: str | None
    trace_parent: str | None
    trace_state: str | None
    attempt: int
    owner: str


class Slots(NamedTuple):
    """How much may be claimed."""

    turns: int
    entities: int
    activities: int


class Claimed(NamedTuple):
    """What was claimed.

    Args:
        turns: orchestrations.
        entities: entities.
        activities: activities.
        next_due: if nothing was claimed, when there is something to claim; None if nothing waits.
        now: the database's time.
    """

    turns: list[Turn]
    entities: list[Turn]
    activities: list[Activity]
    next_due: int | None
    now: int

    def __bool__(self) -> bool:
        return bool(self.turns or self.entities or self.activities)


def claim(
    rows: Rows,
    owner: str,
    slots: Slots,
    known: Mapping[str, tuple[str, int]],
    lock: str = "",
    *,
    finds_next: bool = True,
) -> Claimed:
    """Claim what is due.

    Args:
        rows: the transaction.
        owner: the ID of the host.
        slots: the most of each kind.
        known: the execution and the turn of the instances whose history the engine knows.
        lock: what a query ends with that skips rows which another host is about to claim.
        finds_next: whether ``next_due`` is filled.
    """
    now = rows.now()
    turns = [_turn(rows, row, now, known) for row in _instances(rows, owner, 0, now, slots.turns, lock)]
    batches = [_turn(rows, row, now, None) for row in _instances(rows, owner, 1, now, slots.entities, lock)]
    found = rows.all(_CLAIM_ACTIVITIES.format(lock=lock), owner, now, slots.activities) if slots.activities else []
    activities = sorted(Activity(*row) for row in found)
    row = None if turns or batches or activities or not finds_next else rows.one(_NEXT)
    return Claimed(turns, batches, activities, None if row is None else row[0], now)


def _instances(rows: Rows, owner: str, entity: int, now: int, limit: int, lock: str) -> list[Row]:
    return rows.all(_CLAIM.format(lock=lock), owner, entity, now, limit) if limit else []


def _turn(rows: Rows, row: Row, now: int, known: Mapping[str, tuple[str, int]] | None) -> Turn:
    instance_id, execution = row[0], row[1]
    is_known = known is None or known.get(instance_id) == (execution, row[6])
    return Turn(
        instance_id,
        execution,
        row[2],
        row[3],
        Status(row[4]),
        row[5],
        row[6],
        row[7],
        None if row[8] is None else (row[8], row[9], row[10]),
        Trace(row[11] or "", row[12] or ""),
        row[13],
        row[14],
        now,
        take(rows, instance_id, now),
        None if is_known else history_events(rows, instance_id, execution),
        row[15],
    )


@dataclass
class TurnCommit:
    """What a turn of an orchestration changes, all in one transaction.

    Args:
        turn: the turn.
        place: how many events the history has.
        status: the new state.
        taken: the numbers of the messages that are delivered or dropped.
        held: the numbers of those that nothing waits for.
        freed: the numbers of those that were held, and are waited for now.
        events: what is added to the history.
        output: the output of a finished one.
        custom_status: the new custom status; None to leave it as it is.
        waits: the JSON of how many waits are open for each name.
        activities: the task, the name and the input of each new activity.
        timers: the task and the time of each new timer.
        cancelled: the tasks of the timers that are cancelled.
        children: new orchestrations.
        operations: new operations of entities, each with its time.
        reply: the event for the parent of a finished one.
        continued: the ID and the input of the next execution.
        new_version: the version of the next execution; None for that of this one.
        sent: the events for other orchestrations, or for the next execution, each with the ID of the instance.
        span: the span of the first turn, which is that of the orchestration; empty at other turns, or without spans.
    """

    turn: Turn
    place: int
    status: Status
    taken: list[int] = field(default_factory=list)
    held: list[int] = field(default_factory=list)
    freed: list[int] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    output: str | None = None
    custom_status: str | None = None
    waits: str | None = None
    activities: list[tuple[int, str, str | None]] = field(default_factory=list)
    timers: list[tuple[int, Event]] = field(default_factory=list)
    cancelled: list[int] = field(default_factory=list)
    children: list[Start] = field(default_factory=list)
    operations: list[tuple[EntityId, Event, int]] = field(default_factory=list)
    reply: Event | None = None
    continued: tuple[str, str | None] | None = None
    new_version: str | None = None
    sent: list[tuple[str, Event]] = field(default_factory=list)
    span: Trace = NO_TRACE

    @property
    def trace(self) -> Trace:
        """The parent of the spans of what the turn schedules."""
        return self.span or self.turn.trace


def commit(rows: Rows, change: TurnCommit) -> None:
    """Write what a turn changes, and give up the claim; raises Lost."""
    turn = change.turn
    values = (change.status.value, change.output, change.custom_status, change.waits, rows.now())
    if not rows.run(_UPDATE, *values, turn.instance_id, turn.owner, turn.number, turn.execution):
        raise Lost
    if change.span:
        rows.run(_SET_TRACE, change.span.parent, change.span.state or None, turn.instance_id)
    _settle_messages(rows, change)
    rows.many(
        _ADD_EVENT,
        [(turn.instance_id, turn.execution, change.place + place, *one) for place, one in enumerate(change.events)],
    )
    _schedule(rows, change)
    if change.reply is not None and turn.parent is not None:
        put(rows, turn.parent[0], change.reply, execution=turn.parent[1])
    if change.continued is not None:
        _continue(rows, turn, *change.continued, change.new_version or turn.version)
    elif change.status.is_finished:
        _clear(rows, turn.instance_id)
    for target, message in change.sent:
        put(rows, target, message)
    refresh_ready(rows, turn.instance_id)


def _settle_messages(rows: Rows, change: TurnCommit | EntityCommit) -> None:
    rows.many("DELETE FROM inbox WHERE number = ?", [(number,) for number in change.taken])
    rows.many("UPDATE inbox SET held = 1 WHERE number = ?", [(number,) for number in change.held])
    rows.many("UPDATE inbox SET held = 0 WHERE number = ?", [(number,) for number in change.freed])


def _schedule(rows: Rows, change: TurnCommit) -> None:
    turn, trace = change.turn, change.trace
    rows.many(
        _ADD_ACTIVITY,
        [
            (turn.instance_id, turn.execution, task, name, text, 0, trace.parent or None, trace.state or None)
            for task, name, text in change.activities
        ],
    )
    for task, fired in change.timers:
        put(rows, turn.instance_id, fired, due=fired.at, execution=turn.execution, timer=task)
    for task in change.cancelled:
        rows.run("DELETE FROM inbox WHERE instance = ? AND timer = ?", turn.instance_id, task)
    for child in change.children:
        _start(rows, turn, child)
    for entity, message, due in change.operations:
        entities.send(rows, entity, message, due)


def _start(rows: Rows, turn: Turn, child: Start) -> None:
    """Start a sub-orchestration; its task fails if another orchestration has its ID and is not finished."""
    status = status_of(rows, child.instance_id)
    if status is None or status.is_finished:
        insert(rows, child)
        return
    assert child.parent is not None
    text = f"An Orchestration instance with the status {status.value} already exists."
    content = {"TaskScheduledId": child.parent[3], "Reason": text, "Details": ""}
    failed = Event(EventType.SUB_ORCHESTRATION_FAILED, NO_ID, rows.now(), compact(content))
    put(rows, turn.instance_id, failed, execution=turn.execution)


def _continue(rows: Rows, turn: Turn, execution: str, text: str | None, version: str | None) -> None:
    """Begin the next execution: only messages for any execution remain."""
    tags = _tags(rows, turn)
    rows.run("DELETE FROM history WHERE instance = ? AND execution = ?", turn.instance_id, turn.execution)
    rows.run("DELETE FROM activities WHERE instance = ?", turn.instance_id)
    rows.run("DELETE FROM inbox WHERE instance = ? AND execution IS NOT NULL", turn.instance_id)
    rows.run(_CONTINUE, execution, text, version, Status.RUNNING.value, turn.instance_id)
    start = Start(turn.instance_id, execution, turn.name, version, text, parent=_named_parent(rows, turn), tags=tags)
    put(rows, turn.instance_id, started_event(start, rows.now()), execution=execution)


def _tags(rows: Rows, turn: Turn) -> Mapping[str, str] | None:
    """Return the tags of an execution, which are in its first event."""
    query = "SELECT body FROM history WHERE instance = ? AND execution = ? AND type = ?"
    row = rows.one(query, turn.instance_id, turn.execution, EventType.EXECUTION_STARTED.value)
    found: Mapping[str, str] | None = None if row is None else json.loads(row[0]).get("Tags")
    return found


def _named_parent(rows: Rows, turn: Turn) -> tuple[str, str, str, int] | None:
    if turn.parent is None:
        return None
    row = rows.one("SELECT name FROM instances WHERE id = ?", turn.parent[0])
    return (turn.parent[0], turn.parent[1], "" if row is None else row[0], turn.parent[2])


def _clear(rows: Rows, instance_id: str) -> None:
    """Drop what a finished orchestration has open."""
    rows.run("DELETE FROM inbox WHERE instance = ?", instance_id)
    rows.run("DELETE FROM activities WHERE instance = ?", instance_id)


class EntityReply(NamedTuple):
    """The result of an operation, for the orchestration that has called it."""

    instance_id: str
    execution: str | None
    event: Event


class EntityCommit(NamedTuple):
    """What a batch of an entity changes, all in one transaction.

    Args:
        state: the JSON of the new state; None for an entity that does not exist.
        locked_by: who has its lock.
        taken: the numbers of the messages that are done.
        held: the numbers of those that wait for the release of the lock.
        freed: the numbers of those that no longer wait for it.
        replies: the results for orchestrations.
        operations: operations of other entities, each with its time.
        starts: new orchestrations.
    """

    state: str | None
    locked_by: str | None
    taken: list[int]
    held: list[int]
    freed: list[int]
    replies: list[EntityReply]
    operations: list[tuple[EntityId, Event, int]]
    starts: Sequence[Start] = ()


def commit_entity(rows: Rows, turn: Turn, change: EntityCommit) -> None:
    """Write what a batch of an entity changes, and give up the claim; raises Lost."""
    values = (change.state, change.locked_by, rows.now(), turn.instance_id, turn.owner, turn.number)
    if not rows.run(_UPDATE_ENTITY, *values):
        raise Lost
    _settle_messages(rows, change)
    for reply in change.replies:
        put(rows, reply.instance_id, reply.event, execution=reply.execution)
    for entity, message, due in change.operations:
        entities.send(rows, entity, message, due)
    for start in change.starts:
        status = status_of(rows, start.instance_id)
        if status is None or status.is_finished:
            insert(rows, start)
    refresh_ready(rows, turn.instance_id)


def complete_activity(rows: Rows, activity: Activity, result: Event) -> bool:
    """Write the result of an activity; return False if it has one already, or is not wanted any more."""
    if not rows.run("DELETE FROM activities WHERE number = ?", activity.number):
        return False
    put(rows, activity.instance_id, result, execution=activity.execution)
    return True


def postpone_activity(rows: Rows, activity: Activity, text: str, due: int) -> None:
    """Let an activity run again later, with another input."""
    rows.run("UPDATE activities SET owner = NULL, input = ?, due = ? WHERE number = ?", text, due, activity.number)


def release(rows: Rows, turn: Turn, seconds: float) -> None:
    """Give up the claim of an instance whose turn could not be run; it is tried again after some seconds."""
    later = rows.now() + int(seconds * 1_000_000)
    rows.run(
        "UPDATE instances SET owner = NULL, ready_at = ? WHERE id = ? AND owner = ?",
        later,
        turn.instance_id,
        turn.owner,
    )


def release_activity(rows: Rows, activity: Activity) -> None:
    """Give up the claim of an activity that did not end."""
    rows.run("UPDATE activities SET owner = NULL WHERE number = ? AND owner = ?", activity.number, activity.owner)


def beat(rows: Rows, owner: str) -> None:
    """Count one beat of this host."""
    rows.run("INSERT INTO hosts (id, beat) VALUES (?, 1) ON CONFLICT (id) DO UPDATE SET beat = hosts.beat + 1", owner)


def others(rows: Rows, owner: str) -> dict[str, int]:
    """Return the count of each other host that has claims; -1 for an unknown one."""
    found = rows.all(
        """SELECT owner FROM instances WHERE owner IS NOT NULL UNION
        SELECT owner FROM activities WHERE owner IS NOT NULL"""
    )
    beats = {row[0]: row[1] for row in rows.all("SELECT id, beat FROM hosts")}
    return {row[0]: beats.get(row[0], -1) for row in found if row[0] != owner}


def leave(rows: Rows, owner: str) -> None:
    """Give up all claims of a host, and forget it."""
    rows.run("UPDATE instances SET owner = NULL WHERE owner = ?", owner)
    rows.run("UPDATE activities SET owner = NULL WHERE owner = ?", owner)
    rows.run("DELETE FROM hosts WHERE id = ?", owner)
