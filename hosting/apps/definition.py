"""Function definitions: the checks of Azure's host for a function's name and bindings, before its code is imported."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from hosting.app_settings import AppSettings
from hosting.apps.expansion import expand_properties
from hosting.apps.json_files import describe_json
from hosting.core import Binding
from hosting.errors import FunctionLoadError

_FUNCTION_NAME = re.compile(r"[a-z][a-z0-9_\-]{0,127}", re.IGNORECASE)
_BINDING_NAME = re.compile(r"(?!.*__)[a-zA-Z_][a-zA-Z0-9_]{0,127}|\$return")
"""Source: the pattern of Azure's host since version 4.1038; older ones accept no underscore at all."""


def check_name(name: str) -> None:
    """Check that Azure's host accepts a function's name.

    Raises:
        FunctionLoadError: the name is ``host``, is longer than 128 characters, or is not a letter followed by letters,
            digits, ``_`` and ``-``.
    """
    if not _FUNCTION_NAME.fullmatch(name) or name.lower() == "host":
        raise FunctionLoadError(
            f"{name!r} is not a valid function name.",
            remedy="Use a letter, then letters, digits, '_' and '-', 128 characters at most; 'host' is reserved.",
        )


def read_bindings(raw: Any, settings: AppSettings) -> tuple[Binding, ...]:
    """Return a function's bindings, with the checks of Azure's host and with app settings in place of ``%NAME%``.

    Args:
        raw: the value of ``bindings`` in function.json, or its equivalent from the SDK.
        settings: the app settings.

    Raises:
        FunctionLoadError: ``raw`` is not a list of objects; a binding's name, type or direction is invalid; two
            bindings have the same name; there is not exactly one trigger; or a setting is missing.
    """
    if raw is not None and not (isinstance(raw, list) and all(isinstance(binding, Mapping) for binding in raw)):
        raise FunctionLoadError(
            f"'bindings': expected a list of objects, found {describe_json(raw)}",
            remedy='Write "bindings": [{...}, ...].',
        )
    bindings = tuple(_binding(binding) for binding in raw or ())
    _check_count(bindings)
    _check_unique(bindings)
    return tuple(binding._replace(properties=expand_properties(binding, settings)) for binding in bindings)


def trigger_of(raw: Any) -> Binding | None:
    """Return the trigger among a function's bindings, unchecked; None if it cannot be found."""
    for one in raw if isinstance(raw, list) else ():
        if isinstance(one, Mapping):
            own = {key.lower(): value for key, value in one.items() if key.lower() in ("name", "type")}
            found = Binding(str(own.get("name")), str(own.get("type")), "in", one)
            if found.is_trigger:
                return found
    return None


def _binding(raw: Mapping[str, Any]) -> Binding:
    own = {key.lower(): value for key, value in raw.items() if key.lower() in ("name", "type", "direction")}
    name, binding_type = own.get("name"), own.get("type")
    if not isinstance(name, str) or not _BINDING_NAME.fullmatch(name):
        raise FunctionLoadError(
            f"The binding name {name or ''} is invalid. Please assign a valid name to the binding.",
            remedy="Use letters, digits and single underscores, no digit first, 128 characters at most; or $return.",
        )
    if not isinstance(binding_type, str) or not binding_type:
        raise FunctionLoadError(
            f"Binding {name!r} is invalid. Bindings must specify a Type.",
            remedy='Add a "type", for example "httpTrigger".',
        )
    properties = {key: value for key, value in raw.items() if key.lower() not in own}
    binding = Binding(name, binding_type, _direction(name, own.get("direction", "in")), properties)
    _check_output_only(binding)
    return binding


def _direction(name: str, value: Any) -> Literal["in", "out"]:
    match value.lower() if isinstance(value, str) else value:
        case "in":
            return "in"
        case "out":
            return "out"
        case "inout":
            raise FunctionLoadError(
                f'binding {name!r}: "inout" bindings are not supported', remedy='Use an "in" and an "out" binding.'
            )
        case _:
            raise FunctionLoadError(f"{value!r} is not a valid binding direction.", remedy='Write "in" or "out".')


def _check_output_only(binding: Binding) -> None:
    if binding.direction == "out":
        return
    if binding.name == "$return":
        raise FunctionLoadError(
            "$return bindings must specify a direction of 'out'.", remedy='Write "direction": "out".'
        )
    if binding.type.lower() == "http":
        raise FunctionLoadError(
            "Http binding can only be used for output.", remedy='Write "direction": "out", or use an "httpTrigger".'
        )


def _check_count(bindings: Sequence[Binding]) -> None:
    if not bindings:
        raise FunctionLoadError("At least one binding must be declared.", remedy="Add a trigger.")
    triggers = [binding.name for binding in bindings if binding.is_trigger]
    if not triggers:
        raise FunctionLoadError(
            "No trigger binding specified. A function must have a trigger input binding.",
            remedy='Add a binding with a type that ends with "Trigger", for example "httpTrigger".',
        )
    if len(triggers) > 1:
        raise FunctionLoadError(
            f"Multiple trigger bindings defined ({', '.join(triggers)}). "
            "A function can only have a single trigger binding.",
            remedy="Write one function for each trigger.",
        )


def _check_unique(bindings: Sequence[Binding]) -> None:
    seen: set[str] = set()
    for binding in bindings:
        if binding.name.lower() in seen:
            raise FunctionLoadError(
                f"Multiple bindings with name {binding.name!r} discovered. Binding names must be unique.",
                remedy="Rename one of them; names that differ only in case are the same.",
            )
        seen.add(binding.name.lower())
