"""Histories as messages of the Durable Task protocol.

The store keeps events in one form, that of the SDK 1.x: JSON with Azure's names. Here they become ``HistoryEvent``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from hosting_durable.events import Event, EventType, parse_timestamp
from hosting_durable.protocol.messages import Messages
from hosting_durable.status import STATUSES, Status

OPERATION, LOCK, RELEASE = "op", "lock", "release"
"""The names of ``EVENT_SENT`` for what goes to an entity: an operation, a request for locks, and their release."""

_UNKNOWN_TYPE = "(unknown)"
_RAISED = re.compile(r"Activity function '[^']*' failed:  ([\w.]+): (.*)", re.DOTALL)


class HistoryEncoder:
    """Encodes the events of one execution, in their order: what an event means can depend on earlier ones.

    Args:
        messages: the classes of the protocol.
        instance_input: the text of the input of the execution.
    """

    def __init__(self, messages: Messages, instance_input: str | None) -> None:
        self._messages = messages
        self._input = instance_input
        self._requests: dict[str, str] = {}
        self._encoders: dict[int, Callable[[Any, Event, Mapping[str, Any]], None]] = {
            EventType.EXECUTION_STARTED: self._started,
            EventType.EXECUTION_COMPLETED: self._completed,
            EventType.EXECUTION_TERMINATED: lambda to, _, content: put(to.executionTerminated, input=content["Input"]),
            EventType.TASK_SCHEDULED: lambda to, _, content: _scheduled(to.taskScheduled, content),
            EventType.TASK_COMPLETED: lambda to, _, content: _done(to.taskCompleted, content),
            EventType.TASK_FAILED: lambda to, _, content: _failed(to.taskFailed, content),
            EventType.SUB_ORCHESTRATION_CREATED: lambda to, _, content: _created(to, content),
            EventType.SUB_ORCHESTRATION_COMPLETED: lambda to, _, content: _done(
                to.subOrchestrationInstanceCompleted, content
            ),
            EventType.SUB_ORCHESTRATION_FAILED: lambda to, _, content: _failed(
                to.subOrchestrationInstanceFailed, content
            ),
            EventType.TIMER_CREATED: lambda to, _, content: _at(to.timerCreated.fireAt, content["FireAt"]),
            EventType.TIMER_FIRED: self._fired,
            EventType.ORCHESTRATOR_STARTED: lambda to, _event, _content: to.orchestratorStarted.SetInParent(),
            EventType.ORCHESTRATOR_COMPLETED: lambda to, _event, _content: to.orchestratorCompleted.SetInParent(),
            EventType.EVENT_SENT: self._sent,
            EventType.EVENT_RAISED: self._raised,
            EventType.EXECUTION_SUSPENDED: lambda to, _, content: put(
                to.executionSuspended, input=content.get("Reason")
            ),
            EventType.EXECUTION_RESUMED: lambda to, _, content: put(to.executionResumed, input=content.get("Reason")),
            EventType.EXECUTION_REWOUND: lambda to, _, content: put(to.executionRewound, reason=content.get("Reason")),
        }

    def encode(self, one: Event) -> Any:
        """Return an event as ``HistoryEvent``."""
        found = self._messages.HistoryEvent(eventId=one.id)
        found.timestamp.FromMicroseconds(one.at)
        self._encoders[one.type](found, one, one.content())
        return found

    def _started(self, to: Any, _event: Event, content: Mapping[str, Any]) -> None:
        started = to.executionStarted
        started.name = content["Name"]
        put(started, version=content.get("Version"), input=self._input)
        started.tags.update(content.get("Tags") or {})
        _instance(started.orchestrationInstance, content["OrchestrationInstance"])
        parent = content.get("ParentInstance")
        if parent:
            started.parentInstance.taskScheduledId = parent["TaskScheduleId"]
            put(started.parentInstance, name=parent["Name"])
            _instance(started.parentInstance.orchestrationInstance, parent["OrchestrationInstance"])

    def _completed(self, to: Any, _event: Event, content: Mapping[str, Any]) -> None:
        completed = to.executionCompleted
        status = Status(content["OrchestrationStatus"])
        completed.orchestrationStatus = STATUSES.index(status)
        if status is Status.FAILED:
            write_failure(completed.failureDetails, failure_of({"Reason": content["Result"], **content}))
        else:
            put(completed, result=content["Result"])

    def _fired(self, to: Any, _event: Event, content: Mapping[str, Any]) -> None:
        to.timerFired.timerId = content["TimerId"]
        _at(to.timerFired.fireAt, content["FireAt"])

    def _sent(self, to: Any, _event: Event, content: Mapping[str, Any]) -> None:
        target, name = content["InstanceId"], content["Name"]
        if not target.startswith("@"):
            to.eventSent.instanceId, to.eventSent.name = target, name
            put(to.eventSent, input=content["Input"])
            return
        message = json.loads(content["Input"])
        if name == LOCK:
            self._requests[message["id"]] = LOCK
            to.entityLockRequested.criticalSectionId = message["id"]
            to.entityLockRequested.lockSet.extend(message["lock"])
        elif name == RELEASE:
            to.entityUnlockSent.criticalSectionId = message["id"]
            put(to.entityUnlockSent, targetInstanceId=target)
        else:
            self._operation(to, target, message)

    def _operation(self, to: Any, target: str, message: Mapping[str, Any]) -> None:
        is_signal = bool(message.get("signal"))
        found = to.entityOperationSignaled if is_signal else to.entityOperationCalled
        found.requestId, found.operation = message["id"], message["op"]
        put(found, input=message.get("input"), targetInstanceId=target)
        if not is_signal:
            self._requests[message["id"]] = OPERATION

    def _raised(self, to: Any, _event: Event, content: Mapping[str, Any]) -> None:
        name = content["Name"]
        match self._requests.get(name):
            case "op":
                self._replied(to, name, json.loads(content["Input"]))
            case "lock":
                to.entityLockGranted.criticalSectionId = name
            case _:
                to.eventRaised.name = name
                put(to.eventRaised, input=content["Input"])

    def _replied(self, to: Any, name: str, reply: Mapping[str, Any]) -> None:
        if "exceptionType" not in reply:
            to.entityOperationCompleted.requestId = name
            put(to.entityOperationCompleted, output=reply.get("result"))
            return
        to.entityOperationFailed.requestId = name
        details = reply.get("failureDetails") or {"ErrorMessage": _text(reply.get("result"))}
        write_failure(to.entityOperationFailed.failureDetails, details)


def put(message: Any, **values: str | None) -> None:
    """Set texts of a message that may be missing; None leaves them out."""
    for name, value in values.items():
        if value is not None:
            getattr(message, name).value = value


def optional(message: Any, name: str) -> str | None:
    """Return a text of a message that may be missing."""
    return getattr(message, name).value if message.HasField(name) else None


def failure_of(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the details of a failure, of the content of an event: those of the SDK 2.x, or else made of its text."""
    known = content.get("FailureDetails")
    if isinstance(known, Mapping):
        return known
    reason = str(content.get("Reason") or "")
    found = _RAISED.fullmatch(reason)
    kind, text = found.groups() if found else (_UNKNOWN_TYPE, reason)
    return {"ErrorType": kind, "ErrorMessage": text, "StackTrace": content.get("Details")}


def write_failure(message: Any, details: Mapping[str, Any]) -> None:
    """Fill a message with the details of a failure."""
    message.errorType = str(details.get("ErrorType") or _UNKNOWN_TYPE)
    message.errorMessage = str(details.get("ErrorMessage") or "")
    message.isNonRetriable = details.get("IsNonRetriable") is True
    put(message, stackTrace=details.get("StackTrace"))
    if inner := details.get("InnerFailure"):
        write_failure(message.innerFailure, inner)


def read_failure(message: Any) -> dict[str, Any]:
    """Return the details of a failure of a message, for the body of an event."""
    details: dict[str, Any] = {"ErrorType": message.errorType, "ErrorMessage": message.errorMessage}
    if message.HasField("stackTrace"):
        details["StackTrace"] = message.stackTrace.value
    if message.isNonRetriable:
        details["IsNonRetriable"] = True
    if message.HasField("innerFailure"):
        details["InnerFailure"] = read_failure(message.innerFailure)
    return details


def failure_text(details: Mapping[str, Any]) -> str:
    """Return the output of a failed orchestration: the type and the text of its failure."""
    return f"{details['ErrorType']}: {details['ErrorMessage']}"


def _text(result: Any) -> str:
    try:
        return str(json.loads(result))
    except (TypeError, ValueError):
        return str(result)


def _instance(to: Any, content: Mapping[str, Any]) -> None:
    to.instanceId = content["InstanceId"]
    put(to, executionId=content.get("ExecutionId"))


def _at(to: Any, text: str) -> None:
    to.FromMicroseconds(parse_timestamp(text))


def _scheduled(to: Any, content: Mapping[str, Any]) -> None:
    to.name = content["Name"]
    put(to, version=content.get("Version") or None, input=content.get("Input"))
    to.tags.update(content.get("Tags") or {})


def _created(to: Any, content: Mapping[str, Any]) -> None:
    to.subOrchestrationInstanceCreated.instanceId = content["InstanceId"]
    _scheduled(to.subOrchestrationInstanceCreated, content)


def _done(to: Any, content: Mapping[str, Any]) -> None:
    to.taskScheduledId = content["TaskScheduledId"]
    put(to, result=content.get("Result"))


def _failed(to: Any, content: Mapping[str, Any]) -> None:
    to.taskScheduledId = content["TaskScheduledId"]
    write_failure(to.failureDetails, failure_of(content))
