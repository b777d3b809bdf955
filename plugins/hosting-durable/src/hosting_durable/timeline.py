"""The history of an orchestration as bars over time, for the page that shows the host."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from hosting.bindings.panels import Bar, Status
from hosting_durable.events import EventType
from hosting_durable.model import Instance

_BEGINS = {
    EventType.TASK_SCHEDULED: "activity",
    EventType.SUB_ORCHESTRATION_CREATED: "sub-orchestration",
    EventType.TIMER_CREATED: "timer",
}
_ENDS = {
    EventType.TASK_COMPLETED: Status("Completed", "good"),
    EventType.TASK_FAILED: Status("Failed", "bad"),
    EventType.SUB_ORCHESTRATION_COMPLETED: Status("Completed", "good"),
    EventType.SUB_ORCHESTRATION_FAILED: Status("Failed", "bad"),
    EventType.TIMER_FIRED: Status("Fired", "good"),
}
_MOMENTS = {
    EventType.EVENT_RAISED: "event received",
    EventType.EVENT_SENT: "message sent",
    EventType.EXECUTION_SUSPENDED: "suspended",
    EventType.EXECUTION_RESUMED: "resumed",
    EventType.EXECUTION_TERMINATED: "terminated",
    EventType.EXECUTION_REWOUND: "rewound",
}


class _End(NamedTuple):
    at: datetime
    status: Status
    detail: str


def bars(instance: Instance, state: Status) -> list[Bar]:
    """Return the bars of an orchestration: itself first, then what it did, in the order of the history.

    Args:
        instance: the orchestration, with its history.
        state: how it stands, for its own bar.
    """
    ends = dict(_ends(instance))
    last = instance.updated_at if instance.status.is_finished else None
    whole = Bar(instance.name, "orchestration", instance.created_at, last, state)
    return [whole, *_steps(instance, ends, last)]


def _ends(instance: Instance) -> Iterator[tuple[int, _End]]:
    """Yield the ends of tasks and timers by the ID of the event that began them."""
    for event in instance.history:
        status = _ENDS.get(event["EventType"])
        if status is not None:
            begun = event.get("TaskScheduledId", event.get("TimerId", -1))
            yield begun, _End(_time(event), status, str(event.get("Reason") or event.get("Result") or ""))


def _steps(instance: Instance, ends: Mapping[int, _End], last: datetime | None) -> Iterator[Bar]:
    for event in instance.history:
        kind, start = event["EventType"], _time(event)
        if kind in _MOMENTS:
            detail = str(event.get("Reason") or event.get("Input") or "")
            yield Bar(str(event.get("Name") or _MOMENTS[kind]), _MOMENTS[kind], start, start, Status(""), detail)
        elif kind in _BEGINS:
            # What nothing waits for any more, such as a timer that was cancelled, has no end of its own.
            open_status = Status("Waits", "waiting") if last is None else Status("Not awaited")
            end = ends.get(event["EventId"], _End(last or start, open_status, _due(event)))
            is_open = last is None and event["EventId"] not in ends
            yield Bar(_label(event), _BEGINS[kind], start, None if is_open else end.at, end.status, end.detail)


def _label(event: Mapping[str, Any]) -> str:
    return str(event.get("Name") or "timer")


def _due(event: Mapping[str, Any]) -> str:
    return f"until {event['FireAt']}" if event.get("FireAt") else str(event.get("InstanceId") or "")


def _time(event: Mapping[str, Any]) -> datetime:
    """Return the time of an event; the SDK's texts of times without a time zone are UTC."""
    time = datetime.fromisoformat(str(event["Timestamp"]))
    return time if time.tzinfo else time.replace(tzinfo=UTC)
