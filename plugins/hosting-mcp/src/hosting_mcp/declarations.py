"""Reading the properties of bindings: names, JSON in text, and what a mistake in them is reported as."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hosting.core import Binding, Function
from hosting.errors import AppLoadError
from hosting_mcp.jsonrpc import compact_json, parse_json

_MAX_DEPTH = 32


class Declaration:
    """The trigger of a function. Mistakes in it stop the start, as in Azure.

    Args:
        function: the function.
        binding: its trigger.
    """

    def __init__(self, function: Function, binding: Binding) -> None:
        self.function = function
        self.binding = binding

    def required(self, name: str) -> str:
        """Return a text. Raises AppLoadError if it is missing or blank."""
        value = self.binding.get(name)
        if not isinstance(value, str) or not value.strip():
            raise self.wrong(name, "is missing")
        return value

    def text(self, name: str) -> str | None:
        """Return a text; None if it is missing. Raises AppLoadError if it is none."""
        value = self.binding.get(name)
        if value is not None and not isinstance(value, str):
            raise self.wrong(name, f"is not a text but {value!r}")
        return value

    def flag(self, name: str) -> bool:
        """Return whether a property is true, or the text ``true``."""
        return str(self.binding.get(name)).lower() == "true"

    def json_array(self, name: str) -> list[dict[str, Any]]:
        """Return an array of objects; empty if it is missing. Their keys are in lower case."""
        value = self._json(name)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            raise self.wrong(name, "is not a JSON array of objects")
        return [{key.lower(): item for key, item in one.items()} for one in value]

    def json_object(self, name: str) -> dict[str, Any] | None:
        """Return a JSON object of at most 32 levels; None if it is missing."""
        value = self._json(name)
        if value is not None and (not isinstance(value, dict) or _depth(value) > _MAX_DEPTH):
            raise self.wrong(name, f"is not a JSON object of at most {_MAX_DEPTH} levels")
        return value

    def schema(self, name: str) -> dict[str, Any] | None:
        """Return a JSON Schema of an object; None if it is missing."""
        value = self.json_object(name)
        if value is not None and value.get("type") != "object":
            raise self.wrong(name, 'is not a JSON Schema with "type": "object"')
        return value

    def wrong(self, name: str, reason: str) -> AppLoadError:
        """Return the error of a property."""
        function, binding = self.function, self.binding
        return AppLoadError(
            f"Function '{function.name}': {name} of binding '{binding.name}' ({binding.type}) {reason}.",
            remedy="Correct the property. Azure's host does not start with it either.",
            file=function.file,
        )

    def _json(self, name: str) -> Any:
        value = self.binding.get(name)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            value = compact_json(value)  # function.json may have the value itself
        try:
            return parse_json(value)
        except ValueError as error:
            raise self.wrong(name, f"is not JSON: {error}") from error


def without_none(**values: Any) -> dict[str, Any]:
    """Return the values that are not None, by name; ``meta`` becomes ``_meta``."""
    return {"_meta" if name == "meta" else name: value for name, value in values.items() if value is not None}


def _depth(value: Any) -> int:
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max((_depth(one) for one in inner), default=0)
