"""How the engine talks with functions of the SDK 2.x: base64 of messages of the Durable Task protocol."""

from __future__ import annotations

import base64
from typing import Any
from uuid import uuid4

from hosting.bindings import Result
from hosting_durable.engine.batches import Outcome
from hosting_durable.engine.dialect import Dialect
from hosting_durable.engine.execution import Execution, too_many
from hosting_durable.engine.turns import Answer, Prepared, check_custom_status, fail, fail_instead, finish
from hosting_durable.errors import DurableError
from hosting_durable.events import NO_ID, Event, EventType, compact, event
from hosting_durable.model import EntityId
from hosting_durable.protocol.execution import CARRIED, ProtocolExecution, raised
from hosting_durable.protocol.history import failure_text, optional, put, read_failure
from hosting_durable.protocol.messages import Messages
from hosting_durable.protocol.recorder import ProtocolRecorder
from hosting_durable.settings import DurableSettings
from hosting_durable.status import STATUSES, Status
from hosting_durable.stores.entities import operation
from hosting_durable.stores.instances import Start
from hosting_durable.stores.messages import Message
from hosting_durable.stores.work import EntityReply, Turn, TurnCommit

_OTHER_SDK = (
    "azure-functions-durable 1.x has begun this orchestration, and 2.x cannot go on with it: the two give actions "
    "other numbers. Let running orchestrations finish before the update, or start it again."
)


class ProtocolDialect(Dialect):
    """Requests and answers as messages of the protocol.

    Args:
        messages: the classes of the protocol.
    """

    def __init__(self, messages: Messages) -> None:
        self._messages = messages

    def start_input(self, text: str) -> str:
        """Return the input of an orchestration as the SDK's client sends the JSON of a value: as it is."""
        return text

    def execution(self, turn: Turn, history: list[Event]) -> Execution:
        """Return the state of an execution."""
        return ProtocolExecution(self._messages, turn, history)

    def answer(self, result: Result) -> Answer:
        """Return what an orchestrator said: an ``OrchestratorResponse``."""
        if result.exception is not None:
            return Answer(None, str(result.exception) or type(result.exception).__name__)
        try:
            return Answer(decoded(self._messages.OrchestratorResponse, result.reply), None)
        except ValueError as error:
            return Answer(None, f"the function has returned no response of the Durable Task protocol: {error}")

    def decide(self, prepared: Prepared, execution: Execution, answer: Answer, settings: DurableSettings) -> None:
        """Fill in what is committed, from what the SDK said."""
        change, new, _ = prepared
        at, base = new[0].at, len(change.events)
        change.status = Status.RUNNING
        if answer.state is None:
            change.events += new
            fail(change, at, answer.error or "")
            return
        try:
            completion = _apply(change, new, execution, answer.state, settings)
        except DurableError as error:
            fail_instead(change, new, base)
            fail(change, at, error.message)
            return
        change.custom_status = optional(answer.state, "customStatus")
        if completion is None:
            change.events.append(Event(EventType.ORCHESTRATOR_COMPLETED, NO_ID, at))
            execution.length += 1
        else:
            _complete(change, at, completion)

    def batch_text(self, turn: Turn, messages: list[Message]) -> str:
        """Return the text that the SDK's entity gets: an ``EntityBatchRequest``."""
        request = self._messages.EntityBatchRequest(instanceId=turn.instance_id)
        put(request, entityState=turn.state)
        for message in messages:
            content = message.event.content()
            one = request.operations.add(operation=content["op"], requestId=content["id"])
            put(one, input=content.get("input"))
        return base64.b64encode(request.SerializeToString()).decode()

    def outcome(self, turn: Turn, messages: list[Message], reply: Any) -> Outcome:
        """Return what a batch changes, of the ``EntityBatchResult`` of the SDK; raises ValueError for other values."""
        result = decoded(self._messages.EntityBatchResult, reply)
        if len(result.results) != len(messages):
            raise ValueError("not a result for each operation")
        pairs = zip(messages, result.results, strict=True)
        replies = [
            _reply(turn.now, message, one) for message, one in pairs if not message.event.content().get("signal")
        ]
        signals = [_signal(turn, one.sendSignal) for one in result.actions if one.HasField("sendSignal")]
        starts = [
            _start(turn, one.startNewOrchestration) for one in result.actions if one.HasField("startNewOrchestration")
        ]
        return Outcome(optional(result, "entityState"), replies, signals, starts)


def decoded(kind: Any, text: Any) -> Any:
    """Return a message of its base64; raises ValueError for anything else."""
    try:
        return kind.FromString(base64.b64decode(text, validate=True))
    except Exception as error:  # protobuf has an error of its own, whose module need not be there
        raise ValueError(f"{type(error).__name__}: {error}") from error


def _apply(
    change: TurnCommit, new: list[Event], execution: Execution, response: Any, settings: DurableSettings
) -> Any | None:
    """Record what a turn delivered and scheduled; return how the orchestration ends, if it does."""
    if isinstance(execution, ProtocolExecution) and execution.is_foreign:
        raise DurableError(_OTHER_SDK)
    if len(response.actions) > settings.max_actions:
        raise too_many(settings.max_actions)
    check_custom_status(optional(response, "customStatus") or "")
    recorder = ProtocolRecorder(change, execution.record, settings)
    for one in new:
        recorder.add(one)
    completion = None
    for action in response.actions:
        if action.HasField("completeOrchestration"):
            completion = action.completeOrchestration
        else:
            recorder.act(action)
    return completion


def _complete(change: TurnCommit, at: int, completion: Any) -> None:
    status, text = STATUSES[completion.orchestrationStatus], optional(completion, "result")
    if status is Status.CONTINUED_AS_NEW:
        change.continued = (uuid4().hex, text)
        change.new_version = optional(completion, "newVersion")
        change.sent += [
            (change.turn.instance_id, raised(at, one.eventRaised.name, optional(one.eventRaised, "input"), CARRIED))
            for one in completion.carryoverEvents
        ]
    elif status is Status.FAILED:
        _fail(change, at, read_failure(completion.failureDetails))
    else:
        finish(change, at, Status.COMPLETED, text)


def _fail(change: TurnCommit, at: int, details: dict[str, Any]) -> None:
    """Let the orchestration fail, with the details of its failure in the history and for its parent."""
    finish(change, at, Status.FAILED, failure_text(details))
    change.events = [
        _with_details(one, details) if one.type == EventType.EXECUTION_COMPLETED else one for one in change.events
    ]
    if change.reply is not None:
        change.reply = _with_details(change.reply, details)


def _with_details(one: Event, details: dict[str, Any]) -> Event:
    return one._replace(body=compact({**one.content(), "FailureDetails": details}))


def _reply(at: int, message: Message, result: Any) -> EntityReply:
    content = message.event.content()
    if result.HasField("failure"):
        details = read_failure(result.failure.failureDetails)
        answer = {
            "result": compact(details["ErrorMessage"]),
            "exceptionType": details["ErrorType"],
            "failureDetails": details,
        }
    else:
        answer = {"result": optional(result.success, "result")}
    one = event(EventType.EVENT_RAISED, at, Name=content["id"], Input=compact(answer))
    return EntityReply(content["parent"], content.get("parentExecution"), one)


def _signal(turn: Turn, signal: Any) -> tuple[EntityId, Event, int]:
    content = {"id": str(uuid4()), "op": signal.name, "signal": True, "input": optional(signal, "input")}
    return EntityId.parse(signal.instanceId), operation(turn.now, **content), _due(signal)


def _start(turn: Turn, start: Any) -> Start:
    identity = start.instanceId or uuid4().hex
    text, version = optional(start, "input"), optional(start, "version")
    return Start(identity, uuid4().hex, start.name, version, text, _due(start), None, *turn.trace)


def _due(message: Any) -> int:
    due: int = message.scheduledTime.ToMicroseconds() if message.HasField("scheduledTime") else 0
    return due
