"""The results of activities, as events of the orchestration that has scheduled them."""

from __future__ import annotations

import traceback
from collections.abc import Callable

from hosting.bindings import Result
from hosting_durable.events import Event, EventType, event
from hosting_durable.stores.work import Activity


def completed(activity: Activity, result: Result | str) -> Callable[[int], Event]:
    """Return what makes the event about a result, at a time."""
    if isinstance(result, str):
        return lambda at: _completed(activity, result, at)
    if result.exception is not None:
        return _raised(activity, result.exception)
    text = result.reply
    return lambda at: _completed(activity, None if text == "null" else text, at)


def failed(activity: Activity, text: str, details: str = "") -> Callable[[int], Event]:
    """Return what makes the event about a failure, at a time."""
    return lambda at: event(EventType.TASK_FAILED, at, TaskScheduledId=activity.task, Reason=text, Details=details)


def _completed(activity: Activity, text: str | None, at: int) -> Event:
    return event(EventType.TASK_COMPLETED, at, TaskScheduledId=activity.task, Result=text)


def _raised(activity: Activity, error: BaseException) -> Callable[[int], Event]:
    """Return the failure in Azure's words, with the two blanks that its host writes."""
    reason = f"Activity function '{activity.name}' failed:  {type(error).__name__}: {error}"
    return failed(activity, reason, "".join(traceback.format_exception(error)))
