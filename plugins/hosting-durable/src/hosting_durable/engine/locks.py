"""Which messages of an entity run now: all of them, or while it is locked those of the orchestration with the lock."""

from __future__ import annotations

from typing import Any, NamedTuple

from hosting_durable.engine.batches import Outcome
from hosting_durable.events import Event, EventType, compact, event
from hosting_durable.model import EntityId
from hosting_durable.stores.entities import operation
from hosting_durable.stores.messages import Message
from hosting_durable.stores.work import EntityCommit, EntityReply, Turn


class Admitted(NamedTuple):
    """What a batch of an entity does with its messages.

    Args:
        operations: those that the function runs.
        taken: the numbers of those that are done with the batch.
        held: the numbers of those that wait for the release of the lock.
        freed: the numbers of those that no longer wait for it.
        locked_by: who has the lock after the batch.
        replies: the lock that an orchestration has got.
        requests: the request of an orchestration for its next lock.
    """

    operations: list[Message]
    taken: list[int]
    held: list[int]
    freed: list[int]
    locked_by: str | None
    replies: list[EntityReply]
    requests: list[tuple[EntityId, Event, int]]


def admit(turn: Turn, limit: int) -> Admitted:
    """Choose the messages of a batch, in their order.

    Args:
        turn: the entity and its messages.
        limit: the most operations.
    """
    found = Admitted([], [], [], [], turn.locked_by, [], [])
    for message in turn.messages:
        content = message.event.content()
        if "release" in content:
            return _release(turn, found, message)
        if found.locked_by is not None and content.get("parent") != found.locked_by:
            found.held.append(message.number)
        elif "lock" in content:
            found = _lock(turn, found, message, content)
        elif len(found.operations) < limit:
            found.operations.append(message)
            found.taken.append(message.number)
    return found


def commit_of(batch: Admitted, outcome: Outcome) -> EntityCommit:
    """Return what a batch of an entity changes, its locks included."""
    replies, requests = [*outcome.replies, *batch.replies], [*outcome.operations, *batch.requests]
    return EntityCommit(
        outcome.state, batch.locked_by, batch.taken, batch.held, batch.freed, replies, requests, outcome.starts
    )


def _release(turn: Turn, found: Admitted, message: Message) -> Admitted:
    """Release the lock; what comes behind, and what waited for it, has a turn of its own.

    An orchestration that was terminated also gives up a lock that it has not got yet.
    """
    content = message.event.content()
    is_owner = found.locked_by == content["parent"]
    asked = [one.number for one in turn.messages if _asks(one, content["id"]) and one.number not in found.taken]
    taken = [*found.taken, message.number, *asked]
    if not is_owner:
        return found._replace(taken=taken, held=[one for one in found.held if one not in taken])
    freed = [one.number for one in turn.messages if one.number not in taken]
    return found._replace(taken=taken, held=[], freed=freed, locked_by=None)


def _asks(message: Message, section: str) -> bool:
    content = message.event.content()
    return "lock" in content and content["id"] == section


def _lock(turn: Turn, found: Admitted, message: Message, content: dict[str, Any]) -> Admitted:
    """Take the lock for an orchestration, and report it, or ask the next entity of its set for its lock."""
    found.taken.append(message.number)
    place = content["position"] + 1
    if place < len(content["lock"]):
        target = EntityId.parse(content["lock"][place])
        found.requests.append((target, operation(turn.now, **{**content, "position": place}), 0))
    else:
        granted = event(EventType.EVENT_RAISED, turn.now, Name=content["id"], Input=compact({"locked": True}))
        found.replies.append(EntityReply(content["parent"], content.get("parentExecution"), granted))
    return found._replace(locked_by=content["parent"])
