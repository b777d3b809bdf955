"""Entities of a table, from the JSON that functions write to what the SDK stores, and back to what they read."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from azure.data.tables import EdmType, EntityProperty

KEYS = ("PartitionKey", "RowKey")

_ETAG = "odata.etag"
_TIMESTAMP = "Timestamp"
_TYPE = "@odata.type"
_RESERVED = {"partitionkey": "PartitionKey", "rowkey": "RowKey", "etag": _ETAG}
_FORBIDDEN = frozenset("/\\#?") | {chr(code) for code in (*range(0x20), *range(0x7F, 0xA0))}
_INT64 = range(-(2**63), 2**63)


class Entity(NamedTuple):
    """One entity to write; its keys may be missing where the binding has them."""

    properties: Mapping[str, Any]
    etag: str | None = None


def read_entities(value: Any) -> list[Entity]:
    """The entities that a function gives to an output: an object or a list of them, as JSON text or in Python.

    As in Azure's host, integers become Edm.Int64, objects and lists inside an entity become JSON text, and texts that
    look like dates stay texts. ``NAME@odata.type`` beside ``NAME`` names another type.

    Raises:
        TypeError: it is neither JSON nor made of what JSON knows.
        ValueError: it is no entity; the message says what is wrong with which one.
    """
    if value is None:
        return []
    document = _document(value)
    if not isinstance(document, list):
        return [_entity(document, "")]
    return [_entity(item, f"entity {number}: ") for number, item in enumerate(document, 1)]


def keyed(entity: Entity, keys: Mapping[str, Any]) -> Entity:
    """The entity with the binding's keys where it has none of its own.

    Raises:
        ValueError: a key is missing, or has characters that no key may have.
    """
    found = {name: entity.properties.get(name, keys.get(name)) for name in KEYS}
    for name, key in found.items():
        if key is None:
            raise ValueError(f"{name} is missing: set it in the entity, or in the binding.")
        check_key(name, key)
    return Entity({**entity.properties, **found}, entity.etag)


def check_key(name: str, key: str) -> None:
    """Refuse a key that no entity can have.

    Raises:
        ValueError: it has one of the characters that the service does not allow.
    """
    forbidden = next((letter for letter in key if letter in _FORBIDDEN), None)
    if forbidden is not None:
        raise ValueError(f"{key!r} is not a valid {name}: it must not have {forbidden!r}.")


def entity_json(entity: Mapping[str, Any]) -> dict[str, Any]:
    """What a function reads of an entity: keys and properties, and as in Azure no ETag and no time stamp."""
    return {name: _readable(value) for name, value in entity.items() if name.lower() != "timestamp"}


def _document(value: Any) -> Any:
    if isinstance(value, str | bytes | bytearray):
        try:
            return json.loads(value)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"a table takes a JSON object or a list of them, and this is no JSON: {error}") from None
    if isinstance(value, dict | list):
        return json.loads(json.dumps(value))
    raise TypeError(f"a table takes str, bytes, dict or list, not {type(value).__name__}")


def _entity(item: Any, which: str) -> Entity:
    if not isinstance(item, dict):
        raise ValueError(f"{which}a table takes a JSON object or a list of them, found {json.dumps(item)[:60]}")
    try:
        given = _normalised(item)
        etag = given.pop(_ETAG, None)
        if etag is not None and not isinstance(etag, str):
            raise ValueError(f"ETag must be a text, found {json.dumps(etag)[:60]}")
        given.pop(_TIMESTAMP, None)
        return Entity(_typed(given), etag or None)
    except ValueError as error:
        raise ValueError(f"{which}{error}") from None


def _normalised(item: Mapping[str, Any]) -> dict[str, Any]:
    """The entity without its nulls, and what has a meaning spelled as the service spells it."""
    spelled: dict[str, Any] = {}
    for name, value in item.items():
        known = _RESERVED.get(name.lower(), name)
        if known in KEYS and value is not None and not isinstance(value, str):
            raise ValueError(f"{known} must be a text, found {json.dumps(value)[:60]}")
        if value is not None:
            spelled[known] = value
    return spelled


def _typed(given: Mapping[str, Any]) -> dict[str, Any]:
    typed = {}
    for name, value in given.items():
        if name.endswith(_TYPE):
            continue
        kind = None if name in KEYS else given.get(f"{name}{_TYPE}")
        try:
            typed[name] = _inferred(value) if kind is None else _converted(value, kind)
        except (ValueError, TypeError) as error:
            raise ValueError(f"property '{name}': {error}") from None
    return typed


def _inferred(value: Any) -> Any:
    """What JSON says of itself."""
    if isinstance(value, bool | str | float):
        return value
    if isinstance(value, int):
        return EntityProperty(_within(value), EdmType.INT64)
    return json.dumps(value, indent=2, ensure_ascii=False)


def _converted(value: Any, kind: Any) -> EntityProperty:
    """A value of the type that stands beside it, such as ``Edm.DateTime``."""
    try:
        edm = EdmType(kind)
    except ValueError:
        raise ValueError(f"{kind!r} is no type; {', '.join(one.value for one in EdmType)} are") from None
    match edm:
        case EdmType.INT64:
            return EntityProperty(_within(int(value)), edm)
        case EdmType.BINARY:
            return EntityProperty(base64.b64decode(value, validate=True), edm)
        case EdmType.GUID:
            return EntityProperty(UUID(value), edm)
        case EdmType.DATETIME:
            datetime.fromisoformat(value)
            return EntityProperty(value, edm)
        case EdmType.DOUBLE:
            return EntityProperty(float(value), edm)
    return EntityProperty(value, edm)


def _within(value: int) -> int:
    if value not in _INT64:
        raise ValueError(f"{value} is larger than a table can store; write it as a text")
    return value


def _readable(value: Any) -> Any:
    """As .NET writes it in JSON."""
    if isinstance(value, EntityProperty):
        return value.value
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return _time(value)
    return value


def _time(value: datetime) -> str:
    """With all digits that the service keeps, one more than Python has."""
    exact: str = getattr(value, "tables_service_value", "") or value.isoformat()
    whole, point, rest = exact.removesuffix("Z").removesuffix("+00:00").partition(".")
    fraction = rest.rstrip("0")
    return f"{whole}{point if fraction else ''}{fraction}+00:00"
