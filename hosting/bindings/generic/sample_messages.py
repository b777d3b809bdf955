"""Messages of a run by hand: a text, and what a real message carries beside it, for the SDK's converters to take."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

from azure.functions import meta

from hosting.core import Binding

_LONG = frozenset({"Offset", "SequenceNumber"})
"""Numbers that come as a collection of their own where there are many."""


def one(binding: Binding, text: str) -> tuple[meta.Datum, Mapping[str, meta.Datum]]:
    """Give the data and the trigger metadata of one message."""
    carried = {name: _datum(value) for name, value in _carried(binding, 0).items() if value is not None}
    return meta.Datum(text, "string"), carried


def many(binding: Binding, texts: Sequence[str]) -> tuple[meta.Datum, Mapping[str, meta.Datum]]:
    """Give the data and the trigger metadata of a batch."""
    batch = [_carried(binding, number) for number in range(len(texts))]
    names = _carried(binding, 0)
    carried = {f"{name}Array": _array(name, [message[name] for message in batch]) for name in names}
    return meta.Datum(SimpleNamespace(string=list(texts)), "collection_string"), carried


def texts_of(text: str) -> list[str]:
    """Take a text as a batch: each element of a JSON array is a message, any other text is one."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, list) or not found:
        return [text]
    return [element if isinstance(element, str) else json.dumps(element) for element in found]


def _carried(binding: Binding, number: int) -> dict[str, Any]:
    """Make up what a message carries, under the names that Azure's host has for it."""
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
            where = {"Topic": str(binding.properties.get("topic", "")), "Partition": 0, "Offset": number}
            return {**where, "Key": None, "Timestamp": now, "Headers": []}
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
    if name in _LONG:
        return meta.Datum(SimpleNamespace(sint64=values), "collection_sint64")
    return meta.Datum(json.dumps(values, default=datetime.isoformat), "json")
