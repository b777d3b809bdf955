"""The data of a task hub: instances, entities, and queries for them.

Payloads are texts, as they were given: the JSON of an input, an output, an event or a status. What a text holds is the
affair of the two sides that exchange it; ``None`` means that there is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from hosting_durable.errors import InvalidInstanceId
from hosting_durable.status import Status

MAX_ID_LENGTH = 256
"""The most characters of an instance ID."""

_FORBIDDEN = frozenset("/\\#?")


@dataclass(frozen=True, slots=True)
class Instance:
    """An orchestration as it was when it was read.

    Args:
        instance_id: its ID.
        execution_id: the ID of its current execution, 32 hex digits; ``continue_as_new`` makes another one.
        name: the name of the orchestrator function.
        version: its version; None if it has none.
        status: its state.
        input: the text that it was started with, as it was given.
        output: for a completed one the JSON of what it returned; for a failed or terminated one a text that need not
            be JSON, which says why.
        custom_status: the JSON of what the orchestrator has set.
        created_at: when it was started, in UTC.
        updated_at: when its state or its history changed last, in UTC.
        parent_id: the ID of the orchestration that has started it; None if a client has.
        history: its events, oldest first, if they were asked for: as the SDK gets them, with ``EventType`` a number,
            and ``EventId``, ``Timestamp`` and the keys of that type. Empty if they were not.
    """

    instance_id: str
    execution_id: str
    name: str
    version: str | None
    status: Status
    input: str | None
    output: str | None
    custom_status: str | None
    created_at: datetime
    updated_at: datetime
    parent_id: str | None = None
    history: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class InstanceQuery:
    """Which orchestrations to return: those that fulfil all conditions.

    Args:
        prefix: what the ID begins with.
        created_from: the earliest time of the start, included; naive times are UTC.
        created_to: the latest time of the start, included.
        statuses: the states; empty for any.
        name: the name of the orchestrator, ignoring case; empty for any.
        with_entities: whether entities that exist are included, as Azure's lists do: the instance ID is that of the
            entity, the name begins with ``@``, and the state is ``Running``.
        limit: the most instances of a page.
        continuation: ``Page.continuation`` of the page before; empty for the first page.
        newest_first: whether the order is the other way round.
    """

    prefix: str = ""
    created_from: datetime | None = None
    created_to: datetime | None = None
    statuses: frozenset[Status] = field(default_factory=frozenset)
    name: str = ""
    with_entities: bool = False
    limit: int = 100
    continuation: str = ""
    newest_first: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """A page of orchestrations, in the order of their start.

    Args:
        instances: the orchestrations, without their histories.
        continuation: for ``InstanceQuery.continuation`` of the next page; empty if this is the last page.
    """

    instances: tuple[Instance, ...]
    continuation: str = ""


@dataclass(frozen=True, slots=True)
class EntityId:
    """The identity of an entity.

    Args:
        name: the name of the entity function, in lower case.
        key: the key; case matters.
    """

    name: str
    key: str

    def __str__(self) -> str:
        return f"@{self.name}@{self.key}"

    @classmethod
    def of(cls, name: str, key: str) -> EntityId:
        """Return the identity with a name in any case.

        Raises:
            InvalidInstanceId: the name or the key has characters that are not allowed.
        """
        if not name or "@" in name or has_forbidden(name):
            raise InvalidInstanceId(f"Not a name of an entity: {name!r}.")
        if has_forbidden(key):
            raise InvalidInstanceId("Entity keys must not contain /, \\, #, ?, or control characters.")
        return cls(name.lower(), key)

    @classmethod
    def parse(cls, text: str) -> EntityId:
        """Return the identity that ``str()`` has written as ``@NAME@KEY``; raises InvalidInstanceId for other texts."""
        first, name, *rest = [*text.split("@", 2), ""][:3] if text.startswith("@") else ["", "", ""]
        if first or not name or text.count("@") < 2:
            raise InvalidInstanceId(f"Not the ID of an entity: {text!r}. Expected @NAME@KEY.")
        return cls.of(name, rest[0])


@dataclass(frozen=True, slots=True)
class Entity:
    """An entity as it was when it was read.

    Args:
        id: its identity.
        state: the JSON of its state; None if it has none, or if states were not asked for.
        updated_at: the time of its last operation, in UTC.
        locked_by: the instance ID of the orchestration that holds its lock; None if none does.
        queue_size: how many operations wait.
    """

    id: EntityId
    state: str | None
    updated_at: datetime
    locked_by: str | None = None
    queue_size: int = 0


@dataclass(frozen=True, slots=True)
class EntityQuery:
    """Which entities to return; only those that exist, that is, whose state is set.

    Args:
        name: the name, ignoring case; empty for any.
        fetch_state: whether ``Entity.state`` is filled.
        updated_from: the earliest time of the last operation, included.
        updated_to: the latest time of the last operation, included.
        limit: the most entities of a page.
        continuation: ``EntityPage.continuation`` of the page before; empty for the first page.
    """

    name: str = ""
    fetch_state: bool = True
    updated_from: datetime | None = None
    updated_to: datetime | None = None
    limit: int = 100
    continuation: str = ""


@dataclass(frozen=True, slots=True)
class EntityPage:
    """A page of entities, in the order of their IDs.

    Args:
        entities: the entities.
        continuation: for ``EntityQuery.continuation`` of the next page; empty if this is the last page.
    """

    entities: tuple[Entity, ...]
    continuation: str = ""


def has_forbidden(text: str) -> bool:
    """Return whether a text has a character that no ID may have."""
    return any(character in _FORBIDDEN or (not character.isprintable() and character != " ") for character in text)


def check_instance_id(instance_id: str) -> None:
    """Raise InvalidInstanceId, with Azure's message, for an ID that an orchestration must not have.

    Source: ``ContextImplementations/DurableClient.cs`` of Azure's extension.
    """
    if instance_id.startswith("@"):
        raise InvalidInstanceId("Orchestration instance ids must not start with @.")
    if has_forbidden(instance_id):
        raise InvalidInstanceId(
            "Orchestration instance ids must not contain /, \\, #, ?, or control characters.",
        )
    if len(instance_id) > MAX_ID_LENGTH:
        raise InvalidInstanceId(f"Instance ID lengths must not exceed {MAX_ID_LENGTH} characters.")
