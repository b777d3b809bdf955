"""Scheduling what an orchestrator asks for: the event of the history, and the work that it starts."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from hosting_durable.engine.actions import Action, ActionType
from hosting_durable.engine.determinism import HTTP_ACTIVITY
from hosting_durable.errors import DurableError
from hosting_durable.events import NO_ID, Event, EventType, compact, event, parse_timestamp, timestamp
from hosting_durable.model import EntityId
from hosting_durable.settings import DurableSettings
from hosting_durable.stores.entities import operation
from hosting_durable.stores.instances import Start
from hosting_durable.stores.work import Turn, TurnCommit

_SAME_ID = "The instance ID of a sub-orchestration must be different than the instance ID of a parent orchestration."


class Recorder:
    """Adds events to a turn's commit, and what they start.

    Args:
        change: the commit.
        record: takes each event into the state of the execution.
        settings: the version of sub-orchestrations that have none of their own, and whether the history has inputs.
    """

    def __init__(self, change: TurnCommit, record: Callable[[Event], None], settings: DurableSettings) -> None:
        self.change = change
        self._record = record
        self.settings = settings
        self.turn = change.turn
        self.at = 0
        """The time of the turn, in microseconds since 1970."""

    def add(self, one: Event) -> None:
        """Add an event to the history."""
        if one.type == EventType.ORCHESTRATOR_STARTED:
            self.at = one.at
        self.change.events.append(one)
        self._record(one)

    def schedule(self, number: int, action: Action, root: int | None = None) -> None:
        """Schedule an action under a number.

        Args:
            number: its number.
            action: the action.
            root: the number of its first attempt, if it is repeated when it fails.

        Raises:
            DurableError: it cannot be scheduled.
        """
        match ActionType(action["actionType"]):
            case ActionType.CALL_ACTIVITY | ActionType.CALL_ACTIVITY_WITH_RETRY:
                self.schedule_activity(number, str(action["functionName"]), action.get("input"), root)
            case ActionType.CALL_HTTP:
                self.schedule_activity(number, HTTP_ACTIVITY, compact(action["httpRequest"]), None)
            case ActionType.CALL_SUB_ORCHESTRATOR | ActionType.CALL_SUB_ORCHESTRATOR_WITH_RETRY:
                self._child(number, action, root)
            case ActionType.CREATE_TIMER:
                self.schedule_timer(number, parse_timestamp(action["fireAt"]), None, bool(action.get("isCanceled")))
            case _:
                self._operation(number, action)

    def schedule_timer(self, number: int, fire_at: int, root: int | None, is_cancelled: bool = False) -> None:
        """Schedule a timer; one that is cancelled already is in the history only.

        Args:
            number: its number.
            fire_at: its time, in microseconds since 1970.
            root: the number of the first attempt, if it is the pause before another one.
            is_cancelled: whether the orchestrator has cancelled it.
        """
        fire_text = timestamp(fire_at)
        self.add(event(EventType.TIMER_CREATED, self.at, number, FireAt=fire_text, **_retry(root)))
        if not is_cancelled:
            fired = Event(EventType.TIMER_FIRED, NO_ID, fire_at, compact({"TimerId": number, "FireAt": fire_text}))
            self.change.timers.append((number, fired))

    def schedule_activity(self, number: int, name: str, text: str | None, root: int | None = None, **more: Any) -> None:
        """Schedule an activity under a number; ``root`` as in ``schedule``, ``more`` for its event."""
        self.add(
            event(
                EventType.TASK_SCHEDULED,
                self.at,
                number,
                Name=name,
                Version="",
                Input=self.shown(text),
                **_retry(root),
                **more,
            )
        )
        self.change.activities.append((number, name, text))

    def _child(self, number: int, action: Action, root: int | None) -> None:
        turn, name = self.turn, str(action["functionName"])
        identity = action.get("instanceId") or f"{turn.execution}:{number}"
        check_child_id(identity, turn)
        text = action.get("input")
        version = action.get("version") or self.settings.default_version
        self.add(
            event(
                EventType.SUB_ORCHESTRATION_CREATED,
                self.at,
                number,
                Name=name,
                Version=version,
                InstanceId=identity,
                Input=self.shown(text),
                **_retry(root),
            )
        )
        parent = (turn.instance_id, turn.execution, turn.name, number)
        self.change.children.append(
            Start(
                identity,
                uuid4().hex,
                name,
                version,
                None if text is None else json.dumps(text),
                0,
                parent,
                *self.change.trace,
            )
        )

    def shown(self, text: str | None) -> str | None:
        """Return an input as the history has it: None if histories have no inputs."""
        return text if self.settings.stores_inputs else None

    def _operation(self, number: int, action: Action) -> None:
        turn, entity = self.turn, EntityId.parse(str(action["instanceId"]))
        is_call = action["actionType"] == ActionType.CALL_ENTITY
        text = action.get("input")
        content: dict[str, Any] = {
            "id": str(uuid4()),
            "op": action["operation"],
            "signal": not is_call,
            "input": None if text is None else json.dumps(text),
            "parent": turn.instance_id,
            "parentExecution": turn.execution,
        }
        if self.change.trace:
            content["trace"] = self.change.trace
        self.add(
            event(EventType.EVENT_SENT, self.at, number, InstanceId=str(entity), Name="op", Input=compact(content))
        )
        due = parse_timestamp(action["fireAt"]) if action["actionType"] == ActionType.SCHEDULED_SIGNAL_ENTITY else 0
        self.change.operations.append((entity, operation(self.at, **content), due))


def check_child_id(identity: str, turn: Turn) -> None:
    """Raise DurableError for an ID that a sub-orchestration must not have."""
    if identity.lower() in (turn.instance_id.lower(), (turn.parent or ("",))[0].lower()):
        raise DurableError(_SAME_ID)
    if identity.startswith("@"):
        raise DurableError("Orchestration instance ids must not start with @.")


def _retry(root: int | None) -> dict[str, Any]:
    return {} if root is None else {"RetryOf": root}
