"""Messages of Service Bus and Event Hubs in AMQP 1.0, as Azure's host passes them to functions with SDK types."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from importlib import import_module
from types import MappingProxyType
from typing import Any
from uuid import UUID, uuid4

from hosting.bindings.generic.messages import Message

_LOCK_TOKEN = b"x-opt-lock-token"
_LOCK_SECONDS = 60

_PROPERTIES: Mapping[str, str] = MappingProxyType(
    {
        "content_type": "content_type",
        "correlation_id": "correlation_id",
        "message_id": "message_id",
        "reply_to": "reply_to",
        "reply_to_session_id": "reply_to_group_id",
        "session_id": "group_id",
        "subject": "subject",
        "to": "to",
    }
)
"""The names that AMQP has for fields of its section ``properties``."""

_ANNOTATIONS: Mapping[str, bytes] = MappingProxyType(
    {
        "dead_letter_source": b"x-opt-deadletter-source",
        "enqueued_sequence_number": b"x-opt-enqueue-sequence-number",
        "enqueued_time": b"x-opt-enqueued-time",
        "enqueued_time_utc": b"x-opt-enqueued-time",
        "locked_until_utc": b"x-opt-locked-until",
        "offset": b"x-opt-offset",
        "partition_key": b"x-opt-partition-key",
        "scheduled_enqueue_time_utc": b"x-opt-scheduled-enqueue-time",
        "sequence_number": b"x-opt-sequence-number",
    }
)
"""The message annotations of Service Bus and Event Hubs."""

_APPLICATION: Mapping[str, str] = MappingProxyType(
    {"dead_letter_reason": "DeadLetterReason", "dead_letter_error_description": "DeadLetterErrorDescription"}
)
"""What Service Bus keeps among the application properties."""


def service_bus_content(message: Message, number: int) -> bytes:
    """Return a Service Bus message as Azure's host passes it on: the lock token, then the AMQP message.

    Args:
        message: the message.
        number: its number in the batch.
    """
    now = datetime.now(UTC)
    generated = {
        "delivery_count": 1,
        "enqueued_time_utc": now,
        "lock_token": uuid4(),
        "locked_until_utc": now + timedelta(seconds=_LOCK_SECONDS),
        "message_id": uuid4().hex,
        "sequence_number": number,
    }
    fields = {**generated, **message.fields}
    lock_token: UUID = fields["lock_token"]
    return lock_token.bytes_le + _LOCK_TOKEN + _encoded(message.body, fields, fields.get("application_properties"))


def event_hub_content(message: Message, number: int) -> bytes:
    """Return an event of Event Hubs as Azure's host passes it on: the AMQP message.

    Args:
        message: the event.
        number: its number in the batch.
    """
    generated = {"enqueued_time": datetime.now(UTC), "offset": str(number), "sequence_number": number}
    fields = {**generated, **message.fields}
    return _encoded(message.body, fields, fields.get("properties"))


def _encoded(body: str | bytes, fields: Mapping[str, Any], properties: Mapping[str, Any] | None) -> bytes:
    uamqp: Any = import_module("uamqp")  # the package of the SDK type requires it

    header = uamqp.message.MessageHeader()
    header.delivery_count = fields.get("delivery_count", 0)
    if "time_to_live" in fields:
        header.time_to_live = round(fields["time_to_live"] * 1000)
    named = {_PROPERTIES[name]: value for name, value in fields.items() if name in _PROPERTIES}
    message = uamqp.Message(
        body.encode() if isinstance(body, str) else body,
        header=header,
        properties=uamqp.message.MessageProperties(**named),
        annotations={_ANNOTATIONS[name]: _amqp(fields[name]) for name in fields.keys() & _ANNOTATIONS.keys()},
        application_properties={
            **{name: _amqp(value) for name, value in (properties or {}).items()},
            **{_APPLICATION[name]: fields[name] for name in fields.keys() & _APPLICATION.keys()},
        },
    )
    encoded: bytes = message.encode_message()
    return encoded


def _amqp(value: Any) -> Any:
    """Return a value as it is encoded: a time as its milliseconds, which is how ``uamqp`` decodes a time."""
    return round(value.timestamp() * 1000) if isinstance(value, datetime) else value
