"""Messages of manual runs with metadata like that of a real message, as the SDK's converters expect it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType, SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

from azure.functions import meta

from hosting.bindings.generic.messages import Message
from hosting.core import Binding

_NUMBERS = frozenset({"Offset", "SequenceNumber"})
"""Metadata that is a collection of numbers in a batch."""

_SERVICE_BUS: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        "application_properties": ("ApplicationProperties", "UserProperties"),
        "content_type": ("ContentType",),
        "correlation_id": ("CorrelationId",),
        "dead_letter_source": ("DeadLetterSource",),
        "delivery_count": ("DeliveryCount",),
        "enqueued_time_utc": ("EnqueuedTimeUtc",),
        "lock_token": ("LockToken",),
        "message_id": ("MessageId",),
        "partition_key": ("PartitionKey",),
        "reply_to": ("ReplyTo",),
        "reply_to_session_id": ("ReplyToSessionId",),
        "sequence_number": ("SequenceNumber",),
        "session_id": ("SessionId",),
        "subject": ("Subject", "Label"),
        "to": ("To",),
    }
)
"""The names of a message's properties in the metadata; Azure's host has no others there."""
_EVENT_HUBS: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        "enqueued_time": ("EnqueuedTimeUtc",),
        "offset": ("Offset",),
        "partition_key": ("PartitionKey",),
        "sequence_number": ("SequenceNumber",),
    }
)


def sample_message(binding: Binding, message: Message) -> tuple[meta.Datum, Mapping[str, meta.Datum]]:
    """Return the data and the trigger metadata of one message."""
    metadata = {name: _datum(value) for name, value in _metadata(binding, message, 0).items() if value is not None}
    return meta.Datum(message.body, "string" if isinstance(message.body, str) else "bytes"), metadata


def sample_batch(binding: Binding, messages: Sequence[Message]) -> tuple[meta.Datum, Mapping[str, meta.Datum]]:
    """Return the data and the trigger metadata of a batch of messages."""
    batch = [_metadata(binding, message, number) for number, message in enumerate(messages)]
    names = {name: None for metadata in batch for name in metadata}
    metadata = {f"{name}Array": _array(name, [message.get(name) for message in batch]) for name in names}
    bodies = [message.body for message in messages]
    if all(isinstance(body, str) for body in bodies):
        return meta.Datum(SimpleNamespace(string=bodies), "collection_string"), metadata
    encoded = [body.encode() if isinstance(body, str) else body for body in bodies]
    return meta.Datum(SimpleNamespace(bytes=encoded), "collection_bytes"), metadata


def _metadata(binding: Binding, message: Message, number: int) -> dict[str, Any]:
    """Return the metadata of a message, given or else plausible, under the names that Azure's host uses."""
    now = datetime.now(UTC)
    match binding.type.lower():
        case "queuetrigger":
            return {
                "Id": str(uuid4()),
                "DequeueCount": 1,
                "InsertionTime": now,
                "ExpirationTime": now + timedelta(days=7),
                "NextVisibleTime": now + timedelta(minutes=10),
                "PopReceipt": "",
            }
        case "servicebustrigger":
            return {
                "MessageId": uuid4().hex,
                "DeliveryCount": 1,
                "EnqueuedTimeUtc": now,
                "SequenceNumber": number,
                "ApplicationProperties": {},
                "UserProperties": {},
                **_given(message, _SERVICE_BUS),
            }
        case "eventhubtrigger":
            system = {
                "EnqueuedTimeUtc": now,
                "SequenceNumber": number,
                "Offset": str(number),
                **_given(message, _EVENT_HUBS),
            }
            return {**system, "Properties": message.fields.get("properties", {}), "SystemProperties": system}
        case "kafkatrigger":
            position = {"Topic": str(binding.properties.get("topic", "")), "Partition": 0, "Offset": number}
            return {**position, "Key": None, "Timestamp": now, "Headers": []}
    return {}


def _given(message: Message, names: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return the metadata that a message was given."""
    given = {name: value for name, value in message.fields.items() if name in names}
    return {
        name: str(value) if isinstance(value, UUID) else value for key, value in given.items() for name in names[key]
    }


def _datum(value: Any) -> meta.Datum:
    match value:
        case str():
            return meta.Datum(value, "string")
        case datetime():
            return meta.Datum(value.isoformat(), "string")
        case int():
            return meta.Datum(value, "int")
    return meta.Datum(json.dumps(value, default=datetime.isoformat), "json")


def _array(name: str, values: list[Any]) -> meta.Datum:
    if all(isinstance(value, str) for value in values):
        return meta.Datum(SimpleNamespace(string=values), "collection_string")
    if name in _NUMBERS:
        return meta.Datum(SimpleNamespace(sint64=values), "collection_sint64")
    return meta.Datum(json.dumps(values, default=datetime.isoformat), "json")
