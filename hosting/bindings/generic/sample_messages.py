"""Messages of manual runs: the text, with metadata like that of a real message, as the SDK's converters expect it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

from azure.functions import meta

from hosting.core import Binding

_NUMBERS = frozenset({"Offset", "SequenceNumber"})
"""Metadata that is a collection of numbers in a batch."""


def sample_message(binding: Binding, text: str) -> tuple[meta.Datum, Mapping[str, meta.Datum]]:
    """Return the data and the trigger metadata of one message."""
    metadata = {name: _datum(value) for name, value in _metadata(binding, 0).items() if value is not None}
    return meta.Datum(text, "string"), metadata


def sample_batch(binding: Binding, texts: Sequence[str]) -> tuple[meta.Datum, Mapping[str, meta.Datum]]:
    """Return the data and the trigger metadata of a batch of messages."""
    batch = [_metadata(binding, number) for number in range(len(texts))]
    names = _metadata(binding, 0)
    metadata = {f"{name}Array": _array(name, [message[name] for message in batch]) for name in names}
    return meta.Datum(SimpleNamespace(string=list(texts)), "collection_string"), metadata


def split_batch(text: str) -> list[str]:
    """Return the messages of a batch: the items of a JSON array, or else the text as the only message."""
    try:
        content = json.loads(text)
    except ValueError:
        content = None
    if not isinstance(content, list) or not content:
        return [text]
    return [item if isinstance(item, str) else json.dumps(item) for item in content]


def _metadata(binding: Binding, number: int) -> dict[str, Any]:
    """Return plausible metadata of a message, under the names that Azure's host uses."""
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
            }
        case "eventhubtrigger":
            system = {"EnqueuedTimeUtc": now, "SequenceNumber": number, "Offset": str(number)}
            return {**system, "Properties": {}, "SystemProperties": system}
        case "kafkatrigger":
            position = {"Topic": str(binding.properties.get("topic", "")), "Partition": 0, "Offset": number}
            return {**position, "Key": None, "Timestamp": now, "Headers": []}
    return {}


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
