"""Rewinding: a failed orchestration goes on before what made it fail."""

from __future__ import annotations

from hosting_durable.errors import UnknownInstance, WrongState
from hosting_durable.events import Event, EventType, event
from hosting_durable.status import Status
from hosting_durable.stores.database import Rows
from hosting_durable.stores.instances import history_events, status_of
from hosting_durable.stores.messages import put

_FAILURES = frozenset({EventType.TASK_FAILED, EventType.SUB_ORCHESTRATION_FAILED})
_SCHEDULING = frozenset({EventType.TASK_SCHEDULED, EventType.SUB_ORCHESTRATION_CREATED})
_DONE = frozenset({EventType.TASK_COMPLETED, EventType.SUB_ORCHESTRATION_COMPLETED})


def rewind(rows: Rows, instance_id: str, reason: str) -> None:
    """Remove the failures of the last turn, and what was scheduled and has not succeeded; it is scheduled again.

    Sub-orchestrations that failed in that turn are rewound as well.

    Raises:
        UnknownInstance: there is none with that ID.
        WrongState: it has not failed.
    """
    status = status_of(rows, instance_id)
    if status is None:
        raise UnknownInstance(instance_id)
    if status is not Status.FAILED:
        text = "The rewind operation is only supported on failed orchestration instances."
        raise WrongState(instance_id, status, text)
    row = rows.one("SELECT execution FROM instances WHERE id = ?", instance_id)
    assert row is not None
    _rewind(rows, instance_id, row[0], reason)


def _rewind(rows: Rows, instance_id: str, execution: str, reason: str) -> None:
    events = history_events(rows, instance_id, execution)
    kept = without_last_failures(events)
    children = _rewound_children(rows, events, kept, reason)
    rows.run("DELETE FROM history WHERE instance = ? AND execution = ?", instance_id, execution)
    kept = [one for one in kept if one.id not in children or one.type not in _SCHEDULING] + [
        one for one in events if one.id in children and one.type in _SCHEDULING
    ]
    kept.sort(key=events.index)
    rows.many(
        "INSERT INTO history (instance, execution, place, type, event_id, at, body) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(instance_id, execution, place, *one) for place, one in enumerate(kept)],
    )
    rows.run(
        "UPDATE instances SET status = 'Running', output = NULL, updated = ?, turn = turn + 1 WHERE id = ?",
        rows.now(),
        instance_id,
    )
    put(rows, instance_id, event(EventType.EXECUTION_REWOUND, rows.now(), Reason=reason))


def without_last_failures(events: list[Event]) -> list[Event]:
    """Return a history without the failures of its last turn, and without what had not succeeded."""
    starts = [place for place, one in enumerate(events) if one.type == EventType.ORCHESTRATOR_STARTED]
    last = starts[-1] if starts else 0
    before = [one for one in events[:last] if one.type != EventType.EXECUTION_COMPLETED]
    ended = {one.content()["TaskScheduledId"] for one in before if one.type in _FAILURES | _DONE}
    ending = (EventType.EXECUTION_COMPLETED, EventType.EXECUTION_FAILED)
    after = [one for one in events[last:] if one.type not in (*_FAILURES, *ending)]
    ended |= {one.content()["TaskScheduledId"] for one in after if one.type in _DONE}
    return [one for one in [*before, *after] if one.type not in _SCHEDULING or one.id in ended]


def _rewound_children(rows: Rows, events: list[Event], kept: list[Event], reason: str) -> set[int]:
    """Rewind the sub-orchestrations that are no longer scheduled and have failed; return the IDs of their tasks."""
    remaining = {one.id for one in kept if one.type in _SCHEDULING}
    found = set()
    for one in events:
        if one.type == EventType.SUB_ORCHESTRATION_CREATED and one.id not in remaining:
            child = str(one.content()["InstanceId"])
            if status_of(rows, child) is Status.FAILED:
                rewind(rows, child, reason)
                found.add(one.id)
    return found
