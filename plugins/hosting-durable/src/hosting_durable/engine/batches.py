"""Running a batch of operations of an entity."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from hosting_durable.events import Event, EventType, compact, event
from hosting_durable.model import EntityId
from hosting_durable.stores.entities import operation
from hosting_durable.stores.instances import Start
from hosting_durable.stores.messages import Message
from hosting_durable.stores.work import EntityReply, Turn
from hosting_durable.tracing import NO_TRACE, Trace

DELETE = "delete"
"""The operation that deletes an entity which does not have an operation of that name; see ``outcome``."""


class Outcome(NamedTuple):
    """What a batch changes.

    Args:
        state: the JSON of the new state; None for an entity that does not exist.
        replies: the results for the orchestrations that called.
        operations: the signals that the entity has sent.
        starts: the orchestrations that it has started.
    """

    state: str | None
    replies: list[EntityReply]
    operations: list[tuple[EntityId, Event, int]]
    starts: Sequence[Start] = ()


def batch_text(turn: Turn, messages: list[Message]) -> str:
    """Return the text that the SDK's entity gets."""
    entity = EntityId.parse(turn.instance_id)
    return compact(
        {
            "self": {"name": entity.name, "key": entity.key},
            "exists": turn.state is not None,
            "state": turn.state,
            "batch": [_operation(message) for message in messages],
        }
    )


def _operation(message: Message) -> dict[str, Any]:
    content = message.event.content()
    return {"name": content["op"], "input": content.get("input"), "isSignal": bool(content.get("signal"))}


def trace_of(messages: list[Message]) -> Trace:
    """Return the trace of the first operation that has one: a batch runs at once, and has one span."""
    found = (message.event.content().get("trace") for message in messages)
    return next((Trace(*one) for one in found if one and one[0]), NO_TRACE)


def outcome(turn: Turn, messages: list[Message], reply: Any) -> Outcome:
    """Return what a batch changes, of what the SDK returned.

    Raises:
        ValueError: it is not what an entity returns.
    """
    answer = json.loads(reply)
    if not isinstance(answer, dict) or len(answer["results"]) != len(messages):
        raise ValueError("not the state of an entity with a result for each operation")
    state = answer["entityState"] if answer["entityExists"] else None
    replies = [
        _reply(turn.now, message, result)
        for message, result in zip(messages, answer["results"], strict=True)
        if not message.event.content().get("signal")
    ]
    signals = [_signal(turn, one) for one in answer.get("signals") or ()]
    return Outcome(state, replies, signals)


def failures(turn: Turn, messages: list[Message], text: str) -> list[EntityReply]:
    """Return the failure of each call of a batch whose function cannot run."""
    result = {"isError": True, "result": json.dumps(text)}
    return [_reply(turn.now, one, result) for one in messages if not one.event.content().get("signal")]


def _reply(at: int, message: Message, result: dict[str, Any]) -> EntityReply:
    content = message.event.content()
    answer = {"result": result.get("result")}
    if result.get("isError"):
        answer["exceptionType"] = "System.Exception"
    one = event(EventType.EVENT_RAISED, at, Name=content["id"], Input=compact(answer))
    return EntityReply(content["parent"], content.get("parentExecution"), one)


def _signal(turn: Turn, signal: dict[str, Any]) -> tuple[EntityId, Event, int]:
    target = signal["target"]
    text = signal.get("input")
    content = {"id": f"{turn.instance_id}:{turn.number}", "op": signal["name"], "signal": True, "input": text}
    return EntityId.of(target["name"], target["key"]), operation(turn.now, **content), 0
