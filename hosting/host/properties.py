"""The properties of a function's inputs and outputs, with their ``{expressions}`` filled in for each invocation."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from hosting.bindings.expressions import Template
from hosting.bindings.provider import Resolvable, Trigger
from hosting.core import Binding, Function
from hosting.errors import FunctionLoadError


class Properties:
    """The properties of one function's bindings, by the name of the binding.

    Args:
        function: the function.
        parts: the inputs and outputs that providers made of its bindings.

    Raises:
        FunctionLoadError: an expression cannot be read.
    """

    def __init__(self, function: Function, parts: Mapping[str, Resolvable]) -> None:
        self._function = function.name
        self._parts = parts
        bindings = {binding.name: binding for binding in function.bindings}
        self._plain: dict[str, Mapping[str, Any]] = {}
        self._templates: dict[str, dict[str, Template]] = {}
        for name, part in parts.items():
            plain = _by_declared_name(bindings[name], part)
            found = _templates(function, bindings[name], part, plain)
            fixed = {key: template.fill({}, function.name) for key, template in found.items() if template.is_constant}
            self._plain[name] = {**plain, **fixed}
            self._templates[name] = {key: template for key, template in found.items() if key not in fixed}
        self._is_constant = not any(self._templates.values())

    def resolve(self, trigger: Trigger, data: Any) -> Mapping[str, Mapping[str, Any]]:
        """Return the properties with their expressions filled in from what triggered the function.

        Raises:
            LookupError: an expression has a name that nothing gives a value to.
        """
        if self._is_constant:
            return self._plain
        values = trigger.binding_data(data)
        return {name: self._filled(name, values) for name in self._parts}

    def _filled(self, name: str, values: Mapping[str, Any]) -> Mapping[str, Any]:
        part = self._parts[name]
        filled = {
            key: template.fill(values, self._function, partial(part.quote, key))
            for key, template in self._templates[name].items()
        }
        return {**self._plain[name], **filled}


def _by_declared_name(binding: Binding, part: Resolvable) -> dict[str, Any]:
    """Return the properties; those that may have expressions in them under the names that ``part`` declares."""
    expressions: object = part.expressions
    if isinstance(expressions, str):
        raise TypeError(
            f"{type(part).__name__}.expressions is a str; to name one property, write a tuple: ({expressions!r},)"
        )
    names = {name.lower(): name for name in part.expressions}
    found = {names.get(key.lower(), key): value for key, value in binding.properties.items()}
    # Where an app has a property in two spellings, the exact one counts.
    return found | {name: binding.get(name) for name in names.values() if name in found}


def _templates(
    function: Function, binding: Binding, part: Resolvable, properties: Mapping[str, Any]
) -> dict[str, Template]:
    found = {}
    for key in part.expressions:
        text = properties.get(key)
        if isinstance(text, str) and ("{" in text or "}" in text):
            try:
                found[key] = Template.parse(text)
            except ValueError as error:
                raise FunctionLoadError(
                    f"Function '{function.name}': '{key}' of binding '{binding.name}' cannot be used: {error}",
                    remedy=f"Correct {text!r}; to write a brace itself, double it.",
                    file=function.file,
                ) from error
    return found
