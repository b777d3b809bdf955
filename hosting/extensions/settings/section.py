"""JSON Schema of the section ``extensionHost``, with the settings of the extensions that are installed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from hosting._exceptions import error_text
from hosting.extensions._config import FLAG, SECTION_KEYS, read
from hosting.extensions._discovery import discover, read_installed
from hosting.extensions._failures import NEVER_CAUGHT
from hosting.extensions._model import Extension
from hosting.extensions.settings.declared import settings_class
from hosting.extensions.settings.models import settings_model
from hosting.extensions.settings.types import Definitions, Schema

_NAMES: Mapping[str, Any] = {"type": "array", "items": {"type": "string"}}
_SECONDS: Mapping[str, Any] = {"type": "number", "exclusiveMinimum": 0}
_REFERENCE: Mapping[str, Any] = {
    "description": "A reference: an environment variable, or the text of a file in the app's folder.",
    "type": "object",
    "properties": {"$env": {"type": "string", "minLength": 1}, "$file": {"type": "string", "minLength": 1}},
    "minProperties": 1,
    "maxProperties": 1,
    "additionalProperties": False,
}
_KEYS: Mapping[str, Mapping[str, Any]] = {
    "load": {**_NAMES, "description": "Extensions in modules of the app: 'module:Class'."},
    "order": {**_NAMES, "description": "Extensions in the order in which they run; '*' stands for all others."},
    "disabled": {**_NAMES, "description": "Extensions that are not loaded."},
    "required": {**_NAMES, "description": "Extensions without which the host does not start."},
    "guards": {**_NAMES, "description": "Extensions that are guards: functions do not run when they fail."},
    "quarantine": {
        "type": "object",
        "properties": {"consecutiveErrors": {"type": "integer", "minimum": 1, "default": 20}},
        "additionalProperties": False,
    },
    "budgets": {
        "description": "Time limits in seconds.",
        "type": "object",
        "properties": {name: dict(_SECONDS) for name in ("hook", "startup", "shutdown", "load")},
        "additionalProperties": False,
    },
}
"""The schema of each key but ``extensions``."""


class SectionSchema(NamedTuple):
    """The schema of the section.

    Args:
        schema: the schema.
        definitions: what it refers to.
        problems: why the settings of some extensions are not in it, one sentence each.
    """

    schema: Schema
    definitions: Definitions
    problems: list[str]


def section_schema(
    section: Mapping[str, Any] | None, environ: Mapping[str, str], root: str | None = None
) -> SectionSchema:
    """Import the installed extensions and those of ``load``, and return the schema of the section. No hook is called.

    Extensions that may not load, and those that host.json disables, are not imported: their settings can be anything.

    Args:
        section: the section of the app's host.json, if it has one.
        environ: the app's settings.
        root: the app's folder, which is on ``sys.path``; None if there is no app.

    Raises:
        SettingsError: the section has an unknown key or a wrong value.
    """
    config = read(section, {**environ, FLAG: "1"})
    definitions: Definitions = {"reference": dict(_REFERENCE)}
    problems: list[str] = []
    found = [(extension, entry_point.load) for extension, entry_point in discover(config, read_installed()[0])]
    if root is not None:
        found += [(Extension(entry.name), partial(entry.load, root, environ)) for entry in config.load]
    installed = {extension.name: _settings(extension, load, definitions, problems) for extension, load in found}
    entries = {name: _entry(settings) for name, settings in sorted(installed.items())}
    properties: Schema = {key: dict(_KEYS[key]) for key in SECTION_KEYS if key != "extensions"}
    properties["extensions"] = {"type": "object", "properties": entries, "additionalProperties": _entry({})}
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return SectionSchema(schema, definitions, problems)


def _settings(extension: Extension, load: Callable[[], Any], definitions: Definitions, problems: list[str]) -> Schema:
    if extension.status != "idle":
        return {}
    try:
        cls = settings_class(load())
        model = None if cls is None else settings_model(cls, extension.name)
        own: Definitions = {}
        schema = {} if model is None else model.schema(own)
    except NEVER_CAUGHT:
        raise
    except BaseException as error:  # an import may also end the process
        problems.append(f"Extension '{extension.name}' ({extension.origin}) has no schema: {error_text(error)}")
        return {}
    root = own.get(str(schema.get("$ref", "")).rpartition("/")[2], {})
    root.pop("required", None)  # the app's code may have the rest
    definitions |= own
    return schema


def _entry(settings: Schema) -> Schema:
    return _closed(settings=settings or {"type": "object"}, functions=_closed(include=_NAMES, exclude=_NAMES))


def _closed(**properties: Mapping[str, Any]) -> Schema:
    """Return the schema of an object with these properties and no others."""
    own = {name: dict(schema) for name, schema in properties.items()}
    return {"type": "object", "properties": own, "additionalProperties": False}
