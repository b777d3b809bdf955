"""Converts table entities between the JSON of functions and the types of the SDK."""

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
    """An entity to write; its keys may come from the binding."""

    properties: Mapping[str, Any]
    etag: str | None = None


def read_entities(value: Any) -> list[Entity]:
    """Return the entities of an output value: an object or a list of objects, as JSON text or as Python values.

    As in Azure's host, integers become Edm.Int64, objects and lists inside an entity become JSON text, and texts that
    look like dates remain texts. ``NAME@odata.type`` next to ``NAME`` sets another type.

    Raises:
        TypeError: the value is neither JSON text nor JSON-serializable.
        ValueError: an entity is invalid; the message says which one and why.
    """
    if value is None:
        return []
    document = _document(value)
    if not isinstance(document, list):
        return [_entity(document, "")]
    return [_entity(item, f"entity {number}: ") for number, item in enumerate(document, 1)]


def with_keys(entity: Entity, keys: Mapping[str, Any]) -> Entity:
    """Return the entity with keys of the binding where it has none.

    Raises:
        ValueError: a key is missing or has invalid characters.
    """
    found = {name: entity.properties.get(name, keys.get(name)) for name in KEYS}
    for name, key in found.items():
        if key is None:
            raise ValueError(f"{name} is missing: set it in the entity, or in the binding.")
        check_key(name, key)
    return Entity({**entity.properties, **found}, entity.etag)


def check_key(name: str, key: str) -> None:
    """Check a key.

    Raises:
        ValueError: it has a character that the service does not allow.
    """
    forbidden = next((letter for letter in key if letter in _FORBIDDEN), None)
    if forbidden is not None:
        raise ValueError(f"{key!r} is not a valid {name}: it must not contain {forbidden!r}.")


def entity_json(entity: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entity as functions read it: keys and properties, without ETag and timestamp, as in Azure."""
    return {name: _readable(value) for name, value in entity.items() if name.lower() != "timestamp"}


def _document(value: Any) -> Any:
    if isinstance(value, str | bytes | bytearray):
        try:
            return json.loads(value)
        except (ValueError, RecursionError) as error:
            raise ValueError(
                f"a table output takes a JSON object or a list of them, but this is not JSON: {error}"
            ) from None
    if isinstance(value, dict | list):
        return json.loads(json.dumps(value))
    raise TypeError(f"a table output takes str, bytes, dict or list, not {type(value).__name__}")


def _entity(item: Any, which: str) -> Entity:
    if not isinstance(item, dict):
        raise ValueError(f"{which}a table output takes a JSON object or a list of them, found {json.dumps(item)[:60]}")
    try:
        properties = _normalized(item)
        etag = properties.pop(_ETAG, None)
        if etag is not None and not isinstance(etag, str):
            raise ValueError(f"ETag must be a text, found {json.dumps(etag)[:60]}")
        properties.pop(_TIMESTAMP, None)
        return Entity(_typed(properties), etag or None)
    except ValueError as error:
        raise ValueError(f"{which}{error}") from None


def _normalized(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties without null values, and reserved names as the service spells them."""
    properties: dict[str, Any] = {}
    for name, value in item.items():
        known = _RESERVED.get(name.lower(), name)
        if known in KEYS and value is not None and not isinstance(value, str):
            raise ValueError(f"{known} must be a text, found {json.dumps(value)[:60]}")
        if value is not None:
            properties[known] = value
    return properties


def _typed(properties: Mapping[str, Any]) -> dict[str, Any]:
    typed = {}
    for name, value in properties.items():
        if name.endswith(_TYPE):
            continue
        kind = None if name in KEYS else properties.get(f"{name}{_TYPE}")
        try:
            typed[name] = _inferred(value) if kind is None else _converted(value, kind)
        except (ValueError, TypeError) as error:
            raise ValueError(f"property '{name}': {error}") from None
    return typed


def _inferred(value: Any) -> Any:
    """Return a value with the type that its JSON type implies."""
    if isinstance(value, bool | str | float):
        return value
    if isinstance(value, int):
        return EntityProperty(_within(value), EdmType.INT64)
    return json.dumps(value, indent=2, ensure_ascii=False)


def _converted(value: Any, kind: Any) -> EntityProperty:
    """Return a value with an explicit type, such as ``Edm.DateTime``."""
    try:
        edm = EdmType(kind)
    except ValueError:
        raise ValueError(f"unknown type {kind!r}; expected one of {', '.join(one.value for one in EdmType)}") from None
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
        raise ValueError(f"{value} does not fit into 64 bits; write it as a text")
    return value


def _readable(value: Any) -> Any:
    """Return a value as .NET writes it in JSON."""
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
    """Return a time with all digits of the service, which are one more than Python keeps."""
    exact: str = getattr(value, "tables_service_value", "") or value.isoformat()
    whole, point, rest = exact.removesuffix("Z").removesuffix("+00:00").partition(".")
    fraction = rest.rstrip("0")
    return f"{whole}{point if fraction else ''}{fraction}+00:00"
