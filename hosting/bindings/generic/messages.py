"""Messages of manual runs and tests: a body, and the properties that were given with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

from hosting.core import NOTHING, Binding

BODY = "body"

Reader: TypeAlias = Callable[[Any], Any]
"""Returns the value of a property in its Python type; raises ValueError or TypeError for any other value."""


class Message(NamedTuple):
    """A message: its body, and its properties by the names of ``FIELDS``."""

    body: str | bytes
    fields: Mapping[str, Any] = NOTHING


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise TypeError
    return value


def _seconds(value: Any) -> float:
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise TypeError
    return value


def _time(value: Any) -> datetime:
    time = value if isinstance(value, datetime) else datetime.fromisoformat(_text(value))
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _properties(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        raise TypeError
    for one in value.values():
        if not isinstance(one, str | bytes | int | float | bool | datetime | UUID | None):
            raise TypeError
    return dict(value)


def _id(value: Any) -> UUID:
    return value if isinstance(value, UUID) else UUID(_text(value))


_EXPECTED: Mapping[Reader, str] = MappingProxyType(
    {
        _text: "a text",
        _count: "a whole number, not negative",
        _seconds: "a number of seconds",
        _time: "a time such as 2026-01-31T12:00:00Z",
        _id: "a UUID",
        _properties: "an object with texts, numbers, true, false or null",
    }
)

_SERVICE_BUS: Mapping[str, Reader] = MappingProxyType(
    {
        "application_properties": _properties,
        "content_type": _text,
        "correlation_id": _text,
        "dead_letter_error_description": _text,
        "dead_letter_reason": _text,
        "dead_letter_source": _text,
        "delivery_count": _count,
        "enqueued_sequence_number": _count,
        "enqueued_time_utc": _time,
        "lock_token": _id,
        "locked_until_utc": _time,
        "message_id": _text,
        "partition_key": _text,
        "reply_to": _text,
        "reply_to_session_id": _text,
        "scheduled_enqueue_time_utc": _time,
        "sequence_number": _count,
        "session_id": _text,
        "subject": _text,
        "time_to_live": _seconds,
        "to": _text,
    }
)
_EVENT_HUBS: Mapping[str, Reader] = MappingProxyType(
    {
        "content_type": _text,
        "correlation_id": _text,
        "enqueued_time": _time,
        "message_id": _text,
        "offset": _text,
        "partition_key": _text,
        "properties": _properties,
        "sequence_number": _count,
    }
)
FIELDS: Mapping[str, Mapping[str, Reader]] = MappingProxyType(
    {"servicebustrigger": _SERVICE_BUS, "eventhubtrigger": _EVENT_HUBS}
)
"""The properties that a message can be given, by binding type in lower case, then by their names in Azure's classes
``ServiceBusReceivedMessage`` and ``EventData``."""


def read_message(binding: Binding, content: Any) -> Message:
    """Return the message that a content stands for.

    An object, or a text that is a JSON object, is a message with properties if it has a ``body`` and otherwise only
    names of ``FIELDS``. Any other content is the body itself.

    Args:
        binding: the trigger.
        content: text or bytes; or a value, which is written as JSON.

    Raises:
        ValueError: a property has a value of the wrong type; the message says which one.
    """
    fields = FIELDS.get(binding.type.lower(), NOTHING)
    found = _as_object(content) if fields else None
    if found is None or BODY not in found or not found.keys() <= fields.keys() | {BODY}:
        return Message(_body(content))
    given = {name: value for name, value in found.items() if name != BODY and value is not None}
    return Message(_body(found[BODY]), {name: _read(name, fields[name], value) for name, value in given.items()})


def read_batch(binding: Binding, content: Any) -> list[Message]:
    """Return the messages of a batch: the items of a list or a JSON array, or else the content as the only message.

    Raises:
        ValueError: a property has a value of the wrong type; the message says which one.
    """
    found = content if isinstance(content, list) else _parsed(content)
    items = found if isinstance(found, list) and found else [content]
    return [read_message(binding, item) for item in items]


def _read(name: str, reader: Reader, value: Any) -> Any:
    try:
        return reader(value)
    except (TypeError, ValueError):
        raise ValueError(f"The message's '{name}' is {value!r}, expected {_EXPECTED[reader]}.") from None


def _as_object(content: Any) -> Mapping[str, Any] | None:
    found = content if isinstance(content, Mapping) else _parsed(content)
    return found if isinstance(found, Mapping) else None


def _parsed(content: Any) -> Any:
    if not isinstance(content, str | bytes):
        return None
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _body(value: Any) -> str | bytes:
    return value if isinstance(value, str | bytes) else json.dumps(value)
