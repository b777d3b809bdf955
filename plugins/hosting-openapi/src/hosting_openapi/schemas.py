"""Types as pydantic sees them: adapters that validate, and their JSON schemas."""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import hosting

if TYPE_CHECKING:
    from pydantic import TypeAdapter

Mode = Literal["validation", "serialization"]
REF_TEMPLATE = "#/components/schemas/{model}"


def adapter_of(annotation: Any) -> TypeAdapter[Any]:
    """Return the adapter of an annotation, without the marks in it.

    Raises:
        Exception: pydantic has no schema for it.
    """
    from pydantic import ConfigDict, PydanticUserError, TypeAdapter  # slow: only an app that uses models needs it

    kind = without_marks(annotation)
    try:
        return TypeAdapter(kind, config=ConfigDict(allow_inf_nan=False))  # JSON has neither
    except PydanticUserError as error:
        if error.code != "type-adapter-config-unused":
            raise
    return TypeAdapter(kind)  # it has a configuration of its own


def is_model(kind: Any) -> bool:
    """Return whether instances of a type are valid as they are: of a pydantic model, or of a dataclass."""
    from pydantic import BaseModel

    return isinstance(kind, type) and (issubclass(kind, BaseModel) or is_dataclass(kind))


def without_marks(annotation: Any) -> Any:
    """Return an annotation without marks of extensions; what pydantic reads stays."""
    metadata = getattr(annotation, "__metadata__", None)
    if metadata is None:
        return annotation
    kept = [one for one in metadata if not _is_mark(one)]
    kind = typing.get_args(annotation)[0]
    return Annotated[(kind, *kept)] if kept else kind


def _is_mark(one: Any) -> bool:
    return isinstance(one, hosting.Mark) or (isinstance(one, type) and issubclass(one, hosting.Mark))


def schema_of(adapter: TypeAdapter[Any], mode: Mode = "validation") -> dict[str, Any] | None:
    """Return the JSON schema of one type with its ``$defs``; None if pydantic has none for it."""
    from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError

    try:
        return adapter.json_schema(mode=mode)
    except (PydanticInvalidForJsonSchema, PydanticSchemaGenerationError):
        return None


def resolved(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a schema itself, in place of a reference to it, or of a choice between it and null."""
    while True:
        choices = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
        if "$ref" in schema:
            schema = definitions.get(schema["$ref"].rpartition("/")[2], {})
        elif len(choices) == 1:
            schema = choices[0]
        elif len(schema.get("allOf", ())) == 1:
            schema = schema["allOf"][0]
        else:
            return schema


class Components:
    """The schemas of a document: each type once, with a name of its own where two models have the same name."""

    def __init__(self) -> None:
        self._inputs: dict[tuple[int, Mode], TypeAdapter[Any]] = {}
        self._adapters: list[TypeAdapter[Any]] = []
        self._schemas: dict[tuple[int, Mode], dict[str, Any]] = {}
        self.definitions: dict[str, Any] = {}
        """The schemas by name, when ``build`` has run."""

    def add(self, adapter: TypeAdapter[Any], mode: Mode) -> None:
        """Add a type to what ``build`` writes."""
        if schema_of(adapter, mode) is not None:
            self._adapters.append(adapter)  # its id stays its own
            self._inputs[id(adapter), mode] = adapter

    def build(self) -> None:
        """Make all schemas."""
        if not self._inputs:
            return
        from pydantic import TypeAdapter

        inputs = [(key, key[1], adapter) for key, adapter in self._inputs.items()]
        schemas, definitions = TypeAdapter.json_schemas(inputs, ref_template=REF_TEMPLATE)
        self._schemas = {key: dict(schema) for (key, _), schema in schemas.items()}
        self.definitions = definitions.get("$defs", {})

    def get(self, adapter: TypeAdapter[Any], mode: Mode) -> dict[str, Any]:
        """Return the schema of a type; empty, which is valid for anything, if pydantic has none for it."""
        return self._schemas.get((id(adapter), mode), {})

    def used(self, document: Any) -> dict[str, Any]:
        """Return the schemas that a part of the document refers to, and those that they refer to."""
        wanted, found = list(_references(document)), dict[str, Any]()
        while wanted:
            name = wanted.pop()
            if name in self.definitions and name not in found:
                found[name] = self.definitions[name]
                wanted += _references(found[name])
        return found


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        reference = value.get("$ref")
        if isinstance(reference, str):
            yield reference.rpartition("/")[2]
        mapping = value.get("discriminator", {})
        names = mapping.get("mapping", {}).values() if isinstance(mapping, dict) else ()
        yield from (str(name).rpartition("/")[2] for name in names)
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _references(one)
