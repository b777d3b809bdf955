"""Histories of a backend of the protocol as the events that this package shows: the way back of ``history``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from hosting_durable.events import Event, EventType, compact, timestamp
from hosting_durable.protocol.history import (
    LOCK,
    OPERATION,
    RELEASE,
    failure_text,
    optional,
    read_failure,
)
from hosting_durable.status import STATUSES

_Content = Mapping[str, Any]


def decode_history(messages: Iterable[Any]) -> tuple[Mapping[str, Any], ...]:
    """Return the events of a history; those that this package has no name for are left out."""
    found = (_decoded(one) for one in messages)
    return tuple(one.mapping() for one in found if one is not None)


def _decoded(message: Any) -> Event | None:
    decode = _DECODERS.get(message.WhichOneof("eventType"))
    if decode is None:
        return None
    kind, read = decode
    content = read(getattr(message, message.WhichOneof("eventType")))
    return Event(kind, message.eventId, message.timestamp.ToMicroseconds(), compact(content))


def _started(one: Any) -> _Content:
    instance = {
        "InstanceId": one.orchestrationInstance.instanceId,
        "ExecutionId": optional(one.orchestrationInstance, "executionId"),
    }
    return {
        "Name": one.name,
        "Version": optional(one, "version"),
        "Input": optional(one, "input"),
        "OrchestrationInstance": instance,
        "ParentInstance": None,
        "Tags": dict(one.tags) or None,
    }


def _ended(one: Any) -> _Content:
    status = STATUSES[one.orchestrationStatus].value
    if not one.HasField("failureDetails"):
        return {"OrchestrationStatus": status, "Result": optional(one, "result")}
    details = read_failure(one.failureDetails)
    return {"OrchestrationStatus": status, "Result": failure_text(details), "FailureDetails": details}


def _scheduled(one: Any) -> _Content:
    tags = {"Tags": dict(one.tags)} if one.tags else {}
    return {"Name": one.name, "Version": optional(one, "version"), "Input": optional(one, "input"), **tags}


def _created(one: Any) -> _Content:
    return {**_scheduled(one), "InstanceId": one.instanceId}


def _completed(one: Any) -> _Content:
    return {"TaskScheduledId": one.taskScheduledId, "Result": optional(one, "result")}


def _failed(one: Any) -> _Content:
    details = read_failure(one.failureDetails)
    reason = failure_text(details)
    return {
        "TaskScheduledId": one.taskScheduledId,
        "Reason": reason,
        "Details": details.get("StackTrace"),
        "FailureDetails": details,
    }


def _timer(one: Any) -> _Content:
    return {"FireAt": timestamp(one.fireAt.ToMicroseconds())}


def _fired(one: Any) -> _Content:
    return {"TimerId": one.timerId, **_timer(one)}


def _raised(one: Any) -> _Content:
    return {"Name": one.name, "Input": optional(one, "input")}


def _operation(one: Any) -> _Content:
    content = {"id": one.requestId, "op": one.operation, "input": optional(one, "input")}
    return {"InstanceId": optional(one, "targetInstanceId"), "Name": OPERATION, "Input": compact(content)}


def _lock(one: Any) -> _Content:
    content = {"id": one.criticalSectionId, LOCK: list(one.lockSet)}
    return {"InstanceId": one.lockSet[0] if one.lockSet else None, "Name": LOCK, "Input": compact(content)}


def _unlock(one: Any) -> _Content:
    content = {"id": one.criticalSectionId, RELEASE: True}
    return {"InstanceId": optional(one, "targetInstanceId"), "Name": RELEASE, "Input": compact(content)}


def _replied(one: Any) -> _Content:
    return {"Name": one.requestId, "Input": compact({"result": optional(one, "output")})}


def _reply_failed(one: Any) -> _Content:
    details = read_failure(one.failureDetails)
    return {"Name": one.requestId, "Input": compact({"result": compact(details["ErrorMessage"]), "exceptionType": ""})}


def _granted(one: Any) -> _Content:
    return {"Name": one.criticalSectionId, "Input": compact({"locked": True})}


def _reason(one: Any) -> _Content:
    return {"Reason": optional(one, "reason" if hasattr(one, "reason") else "input")}


_DECODERS: Mapping[str | None, tuple[EventType, Callable[[Any], _Content]]] = {
    "executionStarted": (EventType.EXECUTION_STARTED, _started),
    "executionCompleted": (EventType.EXECUTION_COMPLETED, _ended),
    "executionTerminated": (EventType.EXECUTION_TERMINATED, lambda one: {"Input": optional(one, "input")}),
    "taskScheduled": (EventType.TASK_SCHEDULED, _scheduled),
    "taskCompleted": (EventType.TASK_COMPLETED, _completed),
    "taskFailed": (EventType.TASK_FAILED, _failed),
    "subOrchestrationInstanceCreated": (EventType.SUB_ORCHESTRATION_CREATED, _created),
    "subOrchestrationInstanceCompleted": (EventType.SUB_ORCHESTRATION_COMPLETED, _completed),
    "subOrchestrationInstanceFailed": (EventType.SUB_ORCHESTRATION_FAILED, _failed),
    "timerCreated": (EventType.TIMER_CREATED, _timer),
    "timerFired": (EventType.TIMER_FIRED, _fired),
    "orchestratorStarted": (EventType.ORCHESTRATOR_STARTED, lambda _: {}),
    "orchestratorCompleted": (EventType.ORCHESTRATOR_COMPLETED, lambda _: {}),
    "eventSent": (EventType.EVENT_SENT, lambda one: {"InstanceId": one.instanceId, **_raised(one)}),
    "eventRaised": (EventType.EVENT_RAISED, _raised),
    "executionSuspended": (EventType.EXECUTION_SUSPENDED, _reason),
    "executionResumed": (EventType.EXECUTION_RESUMED, _reason),
    "executionRewound": (EventType.EXECUTION_REWOUND, _reason),
    "entityOperationSignaled": (EventType.EVENT_SENT, _operation),
    "entityOperationCalled": (EventType.EVENT_SENT, _operation),
    "entityOperationCompleted": (EventType.EVENT_RAISED, _replied),
    "entityOperationFailed": (EventType.EVENT_RAISED, _reply_failed),
    "entityLockRequested": (EventType.EVENT_SENT, _lock),
    "entityLockGranted": (EventType.EVENT_RAISED, _granted),
    "entityUnlockSent": (EventType.EVENT_SENT, _unlock),
}
