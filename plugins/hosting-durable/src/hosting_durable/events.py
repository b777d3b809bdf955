"""The events of an orchestration's history, and of the messages that become such events.

An event has a type, an ID and a time; its further content is a JSON object as text, so that nothing is parsed that only
passes through. Types and keys are those that the SDK reads: ``models/history`` of azure-functions-durable 1.x.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Any, NamedTuple

NO_ID = -1
"""The ID of an event that schedules nothing."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SHORT_TIME = "1"  # the SDK parses the time of each event, and uses that of ORCHESTRATOR_STARTED only


class EventType(IntEnum):
    """The types of events. Source: ``History/EventType.cs`` of the Durable Task framework."""

    EXECUTION_STARTED = 0
    EXECUTION_COMPLETED = 1
    EXECUTION_FAILED = 2
    EXECUTION_TERMINATED = 3
    TASK_SCHEDULED = 4
    TASK_COMPLETED = 5
    TASK_FAILED = 6
    SUB_ORCHESTRATION_CREATED = 7
    SUB_ORCHESTRATION_COMPLETED = 8
    SUB_ORCHESTRATION_FAILED = 9
    TIMER_CREATED = 10
    TIMER_FIRED = 11
    ORCHESTRATOR_STARTED = 12
    ORCHESTRATOR_COMPLETED = 13
    EVENT_SENT = 14
    EVENT_RAISED = 15
    CONTINUE_AS_NEW = 16
    GENERIC = 17
    HISTORY_STATE = 18
    EXECUTION_SUSPENDED = 19
    EXECUTION_RESUMED = 20
    EXECUTION_REWOUND = 21
    ENTITY_OPERATION = 100
    """A message to an entity; never part of a history."""


FED = frozenset(
    {
        EventType.EXECUTION_STARTED,
        EventType.TASK_COMPLETED,
        EventType.TASK_FAILED,
        EventType.SUB_ORCHESTRATION_COMPLETED,
        EventType.SUB_ORCHESTRATION_FAILED,
        EventType.TIMER_FIRED,
        EventType.ORCHESTRATOR_STARTED,
        EventType.EVENT_SENT,
        EventType.EVENT_RAISED,
    }
)
"""The types that the SDK does something for; the others only cost time in a replay."""


class Event(NamedTuple):
    """One event.

    Args:
        type: its type.
        id: the ID of what it schedules; ``NO_ID`` if it schedules nothing.
        at: its time, in microseconds since 1970 in UTC.
        body: a JSON object with its further keys.
    """

    type: int
    id: int
    at: int
    body: str = "{}"

    def content(self) -> dict[str, Any]:
        """Return the further keys."""
        content: dict[str, Any] = json.loads(self.body)
        return content

    def mapping(self) -> dict[str, Any]:
        """Return the event as the SDK and Azure's APIs have it, with ``EventType`` a number."""
        return {
            "EventType": int(self.type),
            "EventId": self.id,
            "IsPlayed": False,
            "Timestamp": timestamp(self.at),
            **self.content(),
        }

    def fed(self) -> str:
        """Return the JSON that the SDK gets."""
        at = timestamp(self.at) if self.type == EventType.ORCHESTRATOR_STARTED else _SHORT_TIME
        head = f'{{"EventType":{int(self.type)},"EventId":{self.id},"IsPlayed":false,"Timestamp":"{at}"'
        return f"{head}}}" if self.body == "{}" else f"{head},{self.body[1:]}"


def event(kind: EventType, at: int, event_id: int = NO_ID, **content: Any) -> Event:
    """Return an event with further keys."""
    return Event(kind, event_id, at, compact(content))


def compact(value: Any) -> str:
    """Return the JSON of a value, without blanks."""
    return json.dumps(value, separators=(",", ":"))


def moment(at: int) -> datetime:
    """Return the time of microseconds since 1970, in UTC."""
    return _EPOCH + timedelta(microseconds=at)


def microseconds(time: datetime) -> int:
    """Return the microseconds since 1970 of a time; a naive one is UTC."""
    aware = time if time.tzinfo else time.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(microseconds=1)


def timestamp(at: int) -> str:
    """Return a time as text, with six digits of a second and Z."""
    return f"{moment(at):%Y-%m-%dT%H:%M:%S.%f}Z"


def parse_timestamp(text: str) -> int:
    """Return the microseconds since 1970 of a time that ``timestamp`` or the SDK has written.

    Raises:
        ValueError: it is not such a time.
    """
    return microseconds(datetime.fromisoformat(text))
