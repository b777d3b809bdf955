"""Keys of msgspec's and pydantic's models: both libraries pass unknown ones silently, this host does not."""

from __future__ import annotations

import importlib
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from hosting._text import did_you_mean
from hosting.extensions.settings.faults import Fault, Path
from hosting.extensions.settings.types import Schema, or_reference


def fields_of(cls: Any) -> dict[str, Any] | None:
    """Return the types of a model's fields by their keys; None for other types, and for models that take any key."""
    if hasattr(cls, "__struct_fields__"):
        return {one.encode_name: one.type for one in importlib.import_module("msgspec.structs").fields(cls)}
    if not hasattr(cls, "model_fields") or cls.model_config.get("extra") == "allow":
        return None
    return {key: field.annotation for name, field in cls.model_fields.items() for key in _keys(cls, name, field)}


def _keys(cls: Any, name: str, field: Any) -> Iterator[str]:
    """Yield the keys of one field of a pydantic model: its aliases, and its name where that counts, too."""
    alias = field.validation_alias
    for one in getattr(alias, "choices", [alias]):
        key = one if isinstance(one, str) else next(iter(getattr(one, "path", ())), None)
        if isinstance(key, str):
            yield key
    if alias is None or cls.model_config.get("populate_by_name") or cls.model_config.get("validate_by_name"):
        yield name


def known_as(cls: Any, key: str) -> str:
    """Return a key as the model spells it; a key that it does not know stays as it is."""
    known = fields_of(cls) or {}
    same = (one for one in known if one.casefold() == key.casefold())
    return key if key in known else next(same, key)


def unknown_keys(kind: Any, value: Any, path: Path) -> Iterator[Fault]:
    """Yield a fault for each key that no model at its place knows.

    Args:
        kind: the type of the value: a model, or one that contains models.
        value: the settings.
        path: where they are.
    """
    models = [one for one in _members(kind) if fields_of(one) is not None]
    if isinstance(value, Mapping) and models:
        fields = {key: one for model in models for key, one in (fields_of(model) or {}).items()}
        for key, item in value.items():
            name = next((one for one in fields if one.casefold() == str(key).casefold()), None)
            if name is None:
                known = did_you_mean(str(key), fields) or f"Known settings: {', '.join(fields) or 'none'}."
                yield Fault((*path, str(key)), "is not a setting", known)
            else:
                yield from unknown_keys(fields[name], item, (*path, name))
    elif isinstance(value, Mapping | list | tuple):
        pairs = list(value.items() if isinstance(value, Mapping) else enumerate(value))
        for inner in filter(None, map(_item, _members(kind))):
            for key, item in pairs:
                yield from unknown_keys(inner, item, (*path, key))


def _item(kind: Any) -> Any:
    """Return the type of the items of a collection; None where there is not one."""
    arguments = [one for one in typing.get_args(kind) if one is not ...]
    if typing.get_origin(kind) is dict:
        arguments = arguments[1:]
    return arguments[0] if len(arguments) == 1 else None


def _members(kind: Any) -> tuple[Any, ...]:
    """Return the members of a union; a type by itself for any other."""
    if typing.get_origin(kind) is typing.Annotated:
        return _members(typing.get_args(kind)[0])
    is_union = str(typing.get_origin(kind)) in ("typing.Union", "<class 'types.UnionType'>", "<class 'typing.Union'>")
    return typing.get_args(kind) if is_union else (kind,)


def close_schema(schema: Any) -> Schema:
    """Return the schema of a model as this host reads it: no unknown keys, and references in place of values."""
    closed = dict(schema)
    if "properties" in closed:
        closed["properties"] = {key: or_reference(one) for key, one in closed["properties"].items()}
        closed.setdefault("additionalProperties", False)
    return closed
