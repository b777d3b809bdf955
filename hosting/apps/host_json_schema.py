"""JSON Schema of host.json as far as Azure defines it: the keys that this host and Azure's know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hosting.apps.host_json import EXPECTED
from hosting.apps.host_json_keys import KNOWN

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TYPES: Mapping[type, str] = {str: "string", list: "array", dict: "object", int: "integer", bool: "boolean"}
_VALUES: Mapping[tuple[str, ...], Mapping[str, Any]] = {
    ("version",): {"const": "2.0", "description": "The version of the file's format: 2.0."},
    ("functions",): {"items": {"type": "string"}, "description": "The only functions to load."},
    ("hosting",): {"additionalProperties": False, "description": "Settings of hosting, which Azure ignores."},
    ("hosting", "missingOutputs"): {
        "enum": ["refuse", "log"],
        "description": "Whether functions with outputs that no package provides run, and the values are logged.",
    },
    ("hosting", "inputs"): {
        "additionalProperties": {"type": "string"},
        "description": "Files for inputs that no package provides, by the name of the binding.",
    },
    ("functionTimeout",): {"description": "The time limit of an invocation, HH:MM:SS, or -1 for none."},
}


def azure_schema() -> dict[str, Any]:
    """Return the schema of the whole file; keys that are not known are allowed, as Azure's host does."""
    root: dict[str, Any] = {"$schema": DIALECT, "title": "host.json", "type": "object", "required": ["version"]}
    _property(root, ("$schema",))["type"] = "string"
    for path in (*((*section, key) for section, keys in KNOWN.items() for key in keys), *EXPECTED):
        found = _property(root, path)
        if path in EXPECTED:
            found["type"] = _TYPES[EXPECTED[path]]
        found.update(_VALUES.get(path, {}))
    _property(root, ("functionTimeout",))["type"] = ["string", "integer"]
    return root


def _property(schema: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    """Return the schema of a key in a schema, which is added if it is missing."""
    for key in path:
        schema = schema.setdefault("properties", {}).setdefault(key, {})
    return schema
