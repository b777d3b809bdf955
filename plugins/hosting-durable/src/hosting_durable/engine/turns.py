"""Running one turn of an orchestration: deliver what came, let the SDK replay, and decide what to commit."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, NamedTuple
from uuid import uuid4

from hosting.bindings import host_logger
from hosting_durable.engine.actions import ActionType
from hosting_durable.engine.execution import Execution, waiting_name
from hosting_durable.errors import DurableError, NonDeterministicError
from hosting_durable.events import NO_ID, Event, EventType, compact, event
from hosting_durable.settings import DurableSettings
from hosting_durable.status import Status
from hosting_durable.stores.messages import Message
from hosting_durable.stores.work import Turn, TurnCommit

_logger = host_logger("durable")

LABEL = "\n\n$OutOfProcData$:"
"""What stands between the message of an orchestrator's exception and the SDK's state.

Source: ``models/TaskOrchestrationExecutor.py`` of azure-functions-durable."""

MAX_STATUS_BYTES = 16 * 1024
"""The most bytes of a custom status in UTF-16, as in Azure."""

_CONTROL = frozenset({EventType.EXECUTION_TERMINATED, EventType.EXECUTION_SUSPENDED, EventType.EXECUTION_RESUMED})


class Answer(NamedTuple):
    """What the SDK returned at a turn.

    Args:
        state: its state; None if there is none, because the function failed before or beside the SDK.
        error: why the orchestrator failed; None if it did not.
    """

    state: Any
    error: str | None


class Prepared(NamedTuple):
    """A turn before the orchestrator runs.

    Args:
        change: what is committed, as far as it is known.
        new: the events of the turn that the SDK gets; empty if the orchestrator does not run.
        held: the messages that nothing waits for yet.
    """

    change: TurnCommit
    new: list[Event]
    held: list[Message]


def prepare(turn: Turn, execution: Execution) -> Prepared:
    """Decide what a turn does with its messages."""
    change = TurnCommit(turn, execution.length, turn.status, custom_status=None, waits=turn.waits)
    at = max(turn.now, execution.clock)
    started = Event(EventType.ORCHESTRATOR_STARTED, NO_ID, at)
    control = [message for message in turn.messages if message.event.type in _CONTROL]
    rest = [message for message in turn.messages if message.event.type not in _CONTROL]
    if control:
        for message in control:
            change.taken.append(message.number)
        ended = _control(change, execution, [started, *(message.event for message in control)])
        if ended:
            return Prepared(change, [], [])
    if execution.is_suspended:
        change.held += [message.number for message in rest]
        return Prepared(change, [], [])
    return _deliver(change, execution, started, rest, was_suspended=turn.status is Status.SUSPENDED)


def _control(change: TurnCommit, execution: Execution, events: list[Event]) -> bool:
    """Suspend, resume or terminate; return whether the orchestration is finished."""
    change.events += events
    for one in events[1:]:
        execution.record(one)
        if one.type == EventType.EXECUTION_TERMINATED:
            finish(change, events[0].at, Status.TERMINATED, str(one.content().get("Input") or ""))
            return True
    change.events.append(Event(EventType.ORCHESTRATOR_COMPLETED, NO_ID, events[0].at))
    execution.length += 2
    change.status = Status.SUSPENDED if execution.is_suspended else Status.RUNNING
    return False


def _deliver(
    change: TurnCommit, execution: Execution, started: Event, messages: list[Message], *, was_suspended: bool
) -> Prepared:
    delivery = execution.deliver(messages)
    change.taken += delivery.taken
    settled = {*delivery.taken, *(message.number for message in delivery.held)}
    change.freed += [one.number for one in messages if one.is_held and one.number not in settled]
    if not delivery.events:
        if was_suspended and not change.events:
            change.status = Status.SUSPENDED
        change.held += [message.number for message in delivery.held]
        return Prepared(change, [], [])
    fired = [one.at for one in delivery.events if one.type == EventType.TIMER_FIRED]
    return Prepared(change, [started._replace(at=max(started.at, *fired, 0)), *delivery.events], delivery.held)


def read_answer(reply: Any, exception: BaseException | None) -> Answer:
    """Return what the SDK said, of a function's result."""
    if exception is not None:
        text = str(exception) or type(exception).__name__
        message, label, data = text.rpartition(LABEL)
        state = _parsed(data) if label else None
        if state is None:
            return Answer(None, text)
        return Answer(state, str(state.get("error") or message))
    state = _parsed(reply)
    if state is None:
        return Answer(None, _unusable(reply))
    error = state.get("error")
    return Answer(state, None if error is None else str(error))


def _parsed(text: Any) -> dict[str, Any] | None:
    try:
        state = json.loads(text)
    except (TypeError, ValueError):
        return None
    return state if isinstance(state, dict) and "isDone" in state and "actions" in state else None


def _unusable(reply: Any) -> str:
    return (
        f"the function has returned a value of type {type(reply).__name__} that is not the state of an orchestrator. "
        "In the v1 model write main = df.Orchestrator.create(NAME); an extension must not replace its result."
    )


def decide(prepared: Prepared, execution: Execution, answer: Answer, settings: DurableSettings) -> None:
    """Fill in what is committed, from what the SDK said."""
    change, new, held = prepared
    at = new[0].at
    change.status = Status.RUNNING
    if answer.state is None:
        change.events += new
        fail(change, at, answer.error or "")
        return
    base = len(change.events)
    try:
        check_custom_status(json.dumps(answer.state.get("customStatus"), ensure_ascii=False))
        execution.apply(change, new, answer.state["actions"], settings)
    except NonDeterministicError as error:
        fail_instead(change, new, base)
        _logger.error("Orchestration '%s' (%s): %s", change.turn.instance_id, change.turn.name, error)
        finish(change, at, Status.FAILED, f"Non-Deterministic workflow detected: {error.message}")
        return
    except DurableError as error:
        fail_instead(change, new, base)
        fail(change, at, error.message)
        return
    custom = answer.state.get("customStatus")
    change.custom_status = None if custom is None else compact(custom)
    if answer.error is not None:
        fail(change, at, answer.error)
    elif answer.state["isDone"]:
        _complete(change, at, answer.state)
    else:
        change.events.append(Event(EventType.ORCHESTRATOR_COMPLETED, NO_ID, at))
        execution.length += 1
        _hold(change, execution, held)


def _hold(change: TurnCommit, execution: Execution, held: list[Message]) -> None:
    """Keep back the events that nothing waits for after the turn; the others have a turn of their own."""
    waits = Counter(execution.waits)
    for message in held:
        name = waiting_name(message.event.content()["Name"], waits)
        if name is None:
            change.held.append(message.number)
        else:
            waits[name] -= 1
            change.freed.append(message.number)


def check_custom_status(text: str) -> None:
    """Raise DurableError for a custom status whose JSON is too long."""
    size = len(text.encode("utf-16-le", "surrogatepass"))
    if size > MAX_STATUS_BYTES:
        raise DurableError(
            "The UTF-16 size of the JSON-serialized payload must not exceed 16 KB. The current payload size is "
            f"{size // 1024} KB."
        )


def fail_instead(change: TurnCommit, new: list[Event], base: int) -> None:
    """Forget what the turn has scheduled, and keep what it has delivered."""
    change.events[base:] = new
    change.activities, change.timers, change.children, change.operations = [], [], [], []
    change.cancelled, change.sent = [], []


def _complete(change: TurnCommit, at: int, state: dict[str, Any]) -> None:
    last = [
        action for group in state["actions"] for action in group if action["actionType"] == ActionType.CONTINUE_AS_NEW
    ]
    if last:
        text = last[-1].get("input")
        change.continued = (uuid4().hex, None if text is None else json.dumps(text))
        return
    output = state.get("output")
    finish(change, at, Status.COMPLETED, None if output is None else json.dumps(output))


def fail(change: TurnCommit, at: int, text: str) -> None:
    """Let the orchestration fail, with Azure's sentence about it as output."""
    finish(change, at, Status.FAILED, f"Orchestrator function '{change.turn.name}' failed: {text}")


def finish(change: TurnCommit, at: int, status: Status, output: str | None) -> None:
    """Let the orchestration end, and tell its parent."""
    change.status, change.output, change.waits = status, output, None
    kind = EventType.EXECUTION_TERMINATED if status is Status.TERMINATED else EventType.EXECUTION_COMPLETED
    if kind is EventType.EXECUTION_COMPLETED:
        change.events.append(event(kind, at, OrchestrationStatus=status.value, Result=output))
    change.events.append(Event(EventType.ORCHESTRATOR_COMPLETED, NO_ID, at))
    if change.turn.parent is None:
        return
    task = change.turn.parent[2]
    if status is Status.COMPLETED:
        change.reply = event(EventType.SUB_ORCHESTRATION_COMPLETED, at, TaskScheduledId=task, Result=output)
    else:
        change.reply = event(EventType.SUB_ORCHESTRATION_FAILED, at, TaskScheduledId=task, Reason=output, Details=None)
