"""The documents that the API replies with: the status of an instance, and its history as clients see it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from hosting_durable.events import EventType
from hosting_durable.http.requests import parsed
from hosting_durable.model import Entity, Instance
from hosting_durable.status import STATUSES, Status

_NAMES = {
    **{kind.value: "".join(word.capitalize() for word in kind.name.split("_")) for kind in EventType},
    EventType.SUB_ORCHESTRATION_CREATED.value: "SubOrchestrationInstanceCreated",
    EventType.SUB_ORCHESTRATION_COMPLETED.value: "SubOrchestrationInstanceCompleted",
    EventType.SUB_ORCHESTRATION_FAILED.value: "SubOrchestrationInstanceFailed",
    EventType.GENERIC.value: "GenericEvent",
}
_HIDDEN = frozenset({EventType.ORCHESTRATOR_STARTED, EventType.ORCHESTRATOR_COMPLETED})
_SCHEDULING = frozenset({EventType.TASK_SCHEDULED, EventType.SUB_ORCHESTRATION_CREATED})
_SUCCEEDING = frozenset({EventType.TASK_COMPLETED, EventType.SUB_ORCHESTRATION_COMPLETED})
_ENDING = frozenset({*_SUCCEEDING, EventType.TASK_FAILED, EventType.SUB_ORCHESTRATION_FAILED})
_REMOVED = frozenset(
    {"EventId", "IsPlayed", "EventType", "TaskScheduledId", "TimerId", "OrchestrationInstance", "ParentInstance"}
    | {"Version", "Tags", "Correlation", "ParentTraceContext", "ScheduledStartTime", "Generation"}
)


def status_document(
    instance: Instance, *, shows_input: bool = True, shows_history: bool = False, shows_outputs: bool = False
) -> dict[str, Any]:
    """Return the status of an instance; texts that are JSON are shown as their values.

    Args:
        instance: the instance, with its history if that is shown.
        shows_input: whether inputs are shown.
        shows_history: whether the history is shown; an instance that is still pending has none.
        shows_outputs: whether the history has the results of tasks.
    """
    document: dict[str, Any] = {
        "name": instance.name,
        "instanceId": instance.instance_id,
        "runtimeStatus": instance.status.value,
        "input": parsed(instance.input) if shows_input else None,
        "customStatus": parsed(instance.custom_status),
        "output": parsed(instance.output),
        "createdTime": _seconds(instance.created_at),
        "lastUpdatedTime": _seconds(instance.updated_at),
    }
    if shows_history and instance.status is not Status.PENDING:
        document["historyEvents"] = history_document(
            instance.history, shows_input=shows_input, shows_outputs=shows_outputs
        )
    return document


def entity_document(entity: Entity, *, shows_state: bool) -> dict[str, Any]:
    """Return an entity of a list."""
    return {
        "entityId": {"name": entity.id.name, "key": entity.id.key},
        "lastOperationTime": _seconds(entity.updated_at),
        "state": parsed(entity.state) if shows_state else None,
    }


def history_document(
    events: Iterable[Mapping[str, Any]], *, shows_input: bool, shows_outputs: bool
) -> list[dict[str, Any]]:
    """Return a history as clients see it: what was scheduled is part of the event that ended it.

    Source: ``GetDurableOrchestrationStatusAsync`` in ``DurableClient.cs``.

    Args:
        events: the events, oldest first, with ``EventType`` a number.
        shows_input: whether inputs are shown.
        shows_outputs: whether results are shown.
    """
    shown: list[dict[str, Any]] = []
    open_tasks: dict[int, dict[str, Any]] = {}
    for event in events:
        kind = event["EventType"]
        if kind in _HIDDEN:
            continue
        if kind in _ENDING:
            _merge(shown, open_tasks.pop(event.get("TaskScheduledId", -1), None), event, shows_outputs)
            continue
        document = _document(event, shows_input, shows_outputs)
        shown.append(document)
        if kind in _SCHEDULING:
            open_tasks[event["EventId"]] = document
    return shown


def _document(event: Mapping[str, Any], shows_input: bool, shows_outputs: bool) -> dict[str, Any]:
    kind = event["EventType"]
    document = {"EventType": _NAMES.get(kind, str(kind)), **_kept(event)}
    if kind == EventType.EXECUTION_STARTED or kind in _SCHEDULING:
        document["FunctionName"] = document.pop("Name", None)
    if "Input" in document:
        _show(document, "Input", shows_input or kind in (EventType.EVENT_RAISED, EventType.EXECUTION_TERMINATED))
    if "Result" in document:
        _show(document, "Result", shows_outputs)
    if isinstance(status := document.get("OrchestrationStatus"), int):
        document["OrchestrationStatus"] = STATUSES[status].value
    return document


def _merge(
    shown: list[dict[str, Any]], scheduled: dict[str, Any] | None, event: Mapping[str, Any], shows_outputs: bool
) -> None:
    """Put the end of a task behind what came before it, with what was scheduled, which is then not shown alone."""
    document = {"EventType": _NAMES[event["EventType"]], **_kept(event)}
    if "Result" in document:
        _show(document, "Result", shows_outputs)
    if scheduled is not None:
        shown[:] = [one for one in shown if one is not scheduled]
        document["ScheduledTime"] = scheduled["Timestamp"]
        document.update({key: scheduled[key] for key in ("FunctionName", "Input", "InstanceId") if key in scheduled})
    shown.append(document)


def _kept(event: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in event.items() if key not in _REMOVED}


def _show(document: dict[str, Any], key: str, is_shown: bool) -> None:
    value = document.pop(key)
    if is_shown:
        document[key] = parsed(value) if isinstance(value, str) else value


def _seconds(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
