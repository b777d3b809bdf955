"""Whether an orchestrator does at each replay what it did before; the messages are Azure's.

Source: ``TaskOrchestrationContext.cs`` of the Durable Task framework.
"""

from __future__ import annotations

from typing import Protocol

from hosting_durable.engine.actions import Action, ActionType
from hosting_durable.errors import NonDeterministicError
from hosting_durable.events import EventType

HTTP_ACTIVITY = "BuiltIn::HttpActivity"
"""The name of the activity that ``call_http`` schedules."""

_CHANGED = "Was a change made to the orchestrator code after this instance had already started running?"
_REMEDY = (
    "Let running orchestrations finish before such a change, or give the new code another version or another name; "
    "and let orchestrators neither read the clock nor call services: hosting check finds such calls."
)
_KINDS = {
    EventType.TASK_SCHEDULED: "an activity task",
    EventType.SUB_ORCHESTRATION_CREATED: "a sub-orchestration task",
    EventType.TIMER_CREATED: "a timer task",
    EventType.EVENT_SENT: "a send event task",
}
_EVENTS = {
    ActionType.CALL_ACTIVITY: EventType.TASK_SCHEDULED,
    ActionType.CALL_ACTIVITY_WITH_RETRY: EventType.TASK_SCHEDULED,
    ActionType.CALL_HTTP: EventType.TASK_SCHEDULED,
    ActionType.CALL_SUB_ORCHESTRATOR: EventType.SUB_ORCHESTRATION_CREATED,
    ActionType.CALL_SUB_ORCHESTRATOR_WITH_RETRY: EventType.SUB_ORCHESTRATION_CREATED,
    ActionType.CREATE_TIMER: EventType.TIMER_CREATED,
    ActionType.CALL_ENTITY: EventType.EVENT_SENT,
    ActionType.SIGNAL_ENTITY: EventType.EVENT_SENT,
    ActionType.SCHEDULED_SIGNAL_ENTITY: EventType.EVENT_SENT,
}


class Recorded(Protocol):
    """What a history says about a number."""

    @property
    def kind(self) -> int:
        """The type of the event."""

    @property
    def name(self) -> str:
        """The name in it; empty for a timer."""


def event_type(action: Action) -> EventType:
    """Return the type of the event that records an action."""
    return _EVENTS[ActionType(action["actionType"])]


def name_of(action: Action) -> str:
    """Return the name that the event of an action has; empty for a timer."""
    match ActionType(action["actionType"]):
        case ActionType.CREATE_TIMER:
            return ""
        case ActionType.CALL_HTTP:
            return HTTP_ACTIVITY
        case ActionType.CALL_ENTITY | ActionType.SIGNAL_ENTITY | ActionType.SCHEDULED_SIGNAL_ENTITY:
            return "op"
        case _:
            return str(action["functionName"])


def check_same(number: int, action: Action, recorded: Recorded) -> None:
    """Raise NonDeterministicError if an action is not what the history has under its number."""
    kind, name = event_type(action), name_of(action)
    if kind != recorded.kind:
        raise NonDeterministicError(
            f"{_scheduled(number, recorded, 'number')}, but the current orchestration replay instead produced a "
            f"{ActionType(action['actionType']).name.title().replace('_', '')} action with this sequence number. "
            f"{_CHANGED}",
            remedy=_REMEDY,
        )
    if name.lower() != recorded.name.lower():
        raise NonDeterministicError(
            f"{_scheduled(number, recorded, 'number')}, but the current orchestration replay instead scheduled "
            f"{_KINDS[kind]} named '{name}' with this sequence number. {_CHANGED}",
            remedy=_REMEDY,
        )


def missing(number: int, recorded: Recorded) -> NonDeterministicError:
    """Return the error for something that the history has, and the orchestrator has not scheduled again."""
    name = "" if not recorded.name else f" and name '{recorded.name}' (version '')"
    return NonDeterministicError(
        f"A previous execution of this orchestration scheduled {_KINDS[EventType(recorded.kind)]} with sequence ID "
        f"{number}{name}, but the current replay execution hasn't (yet?) scheduled this task. {_CHANGED}",
        remedy=_REMEDY,
    )


def _scheduled(number: int, recorded: Recorded, what: str) -> str:
    name = f" named '{recorded.name}'" if recorded.name else ""
    kind = _KINDS[EventType(recorded.kind)]
    return f"A previous execution of this orchestration scheduled {kind} with sequence {what} {number}{name}"
