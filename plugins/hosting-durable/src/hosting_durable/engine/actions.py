"""The actions that an orchestrator of the SDK 1.x returns.

Sources: ``models/actions`` of azure-functions-durable, ``Listener/OutOfProcOrchestrationShim.cs`` of Azure's extension.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import Any, TypeAlias

from hosting_durable.errors import DurableError

Action: TypeAlias = dict[str, Any]


class ActionType(IntEnum):
    """The types of actions."""

    CALL_ACTIVITY = 0
    CALL_ACTIVITY_WITH_RETRY = 1
    CALL_SUB_ORCHESTRATOR = 2
    CALL_SUB_ORCHESTRATOR_WITH_RETRY = 3
    CONTINUE_AS_NEW = 4
    CREATE_TIMER = 5
    WAIT_FOR_EXTERNAL_EVENT = 6
    CALL_ENTITY = 7
    CALL_HTTP = 8
    SIGNAL_ENTITY = 9
    SCHEDULED_SIGNAL_ENTITY = 10
    WHEN_ANY = 11
    WHEN_ALL = 12


_WITHOUT_ID = frozenset({ActionType.CONTINUE_AS_NEW, ActionType.WAIT_FOR_EXTERNAL_EVENT})
_WITH_RETRY = frozenset({ActionType.CALL_ACTIVITY_WITH_RETRY, ActionType.CALL_SUB_ORCHESTRATOR_WITH_RETRY})
_KNOWN = frozenset(int(one) for one in ActionType)
_MILLISECOND = 1000


def flattened(actions: Any) -> list[Action]:
    """Return all actions in the order in which the SDK has numbered them, without the compounds around them.

    Args:
        actions: the SDK's ``actions``: a list of lists; one list for the schemas after the first.

    Raises:
        DurableError: an action is of no known type.
    """
    return [one for group in actions for action in group for one in _leaves(action)]


def _leaves(action: Action) -> Iterator[Action]:
    kind = action.get("actionType")
    if kind in (ActionType.WHEN_ANY, ActionType.WHEN_ALL):
        for child in action["compoundActions"]:
            yield from _leaves(child)
    elif kind in _KNOWN:
        yield action
    else:
        raise DurableError(
            f"The orchestrator has returned an action of the type {kind!r}, which hosting-durable does not know.",
            remedy="Update hosting-durable, or use the azure-functions-durable that it was made for.",
        )


def takes_id(action: Action) -> bool:
    """Return whether an action has a number."""
    return action["actionType"] not in _WITHOUT_ID


def is_with_retry(action: Action) -> bool:
    """Return whether an action is repeated when it fails."""
    return action["actionType"] in _WITH_RETRY


def retry_delay(options: Action, attempts: int) -> int:
    """Return the microseconds from a failure to the next attempt.

    Args:
        options: the action's ``retryOptions``.
        attempts: how many attempts there were.
    """
    first = float(options["firstRetryIntervalInMilliseconds"])
    delay = first * float(options.get("backoffCoefficient") or 1) ** (attempts - 1)
    longest = options.get("maxRetryIntervalInMilliseconds")
    return int(min(delay, float(longest)) if longest else delay) * _MILLISECOND
