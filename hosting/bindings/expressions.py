"""Binding expressions: ``{name}`` in a binding's properties, replaced for each invocation as in Azure's host."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import uuid4

from hosting.bindings.formats import format_value

GUID = "rand-guid"
BUILT_IN = frozenset({GUID, "datetime", "sys.utcnow", "sys.randguid"})
"""The built-in values that accept a format, in lower case."""

_TOKEN = re.compile(
    r"(?P<escaped>\{\{|\}\})|\{(?P<expression>[^{}]*)\}|(?P<literal>[^{}]+)|(?P<unbalanced>[{}])", re.DOTALL
)
_NAME = re.compile(r"[^\W\d]\w*(?:\.[\w-]+)*")


class Expression(NamedTuple):
    """One expression of a template: ``{name}``, ``{name.property}`` or ``{name:format}``."""

    path: tuple[str, ...]
    """The name, then the names of nested properties."""
    form: str | None = None
    """The .NET format string, for a date and time or a GUID; None if there is no format."""

    def value(self, values: Mapping[str, Any], function_name: str) -> Any:
        """Return the value of the expression; names ignore case, and the trigger's values hide built-in ones.

        Args:
            values: the values of the trigger, by name.
            function_name: the value of ``{sys.MethodName}``.

        Raises:
            LookupError: there is no value of that name.
        """
        name, *properties = self.path
        # With a format, the name always means the built-in value, as in Azure's host.
        is_built_in = self.form is not None and name.lower() in BUILT_IN
        try:
            value = _built_in(name, function_name) if is_built_in else member(values, name)
        except KeyError:
            value = _built_in(name, function_name)
        for key in properties:
            value = _property(value, key)
        return value


class Template(NamedTuple):
    """A parsed text with expressions in braces; a doubled brace is a literal one. Get one from ``parse``."""

    text: str
    """The text that was parsed."""
    parts: tuple[str | Expression, ...]
    """The expressions and the literal texts between them, in order; doubled braces are single ones there."""

    @classmethod
    def parse(cls, text: str) -> Template:
        """Parse a template.

        Raises:
            ValueError: a brace is not balanced, a name is invalid, or a built-in value does not have the format. The
                first two have the messages of Azure's host.
        """
        return cls(text, tuple(_join_texts(_parts(text))))

    @property
    def names(self) -> tuple[str, ...]:
        """The name of each expression up to its first dot, spelled as in the text, without duplicates."""
        return tuple(dict.fromkeys(part.path[0] for part in self.parts if isinstance(part, Expression)))

    @property
    def is_constant(self) -> bool:
        """Whether the text has no expressions, so that ``fill`` always returns the same text."""
        return not any(isinstance(part, Expression) for part in self.parts)

    def fill(self, values: Mapping[str, Any], function_name: str, quote: Callable[[str], str] | None = None) -> str:
        """Return the text with values in place of the expressions.

        Args:
            values: the values of the trigger, by name; they hide built-in values.
            function_name: the value of ``{sys.MethodName}``.
            quote: escapes the text of each value; None for no escaping.

        Raises:
            LookupError: an expression has no value.
            ValueError: a value does not have the format of its expression.
        """
        return "".join(
            part if isinstance(part, str) else _text(part, values, function_name, quote) for part in self.parts
        )


def json_data(text: str | bytes | None) -> dict[str, Any]:
    """Return the properties of a JSON object that expressions can use: all except lists and nulls.

    Args:
        text: the JSON text.

    Returns:
        The properties by name; empty if ``text`` is not a JSON object.
    """
    try:
        content = json.loads(text or "", parse_constant=str)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(content, dict):
        return {}
    return {name: value for name, value in content.items() if value is not None and not isinstance(value, list)}


def merged(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of all mappings in one; of names that differ only in case, the last one wins."""
    items = {name.lower(): (name, value) for layer in layers for name, value in layer.items()}
    return dict(items.values())


def member(values: Mapping[str, Any], name: str) -> Any:
    """Return the value of ``name``; an exact match comes before one that ignores case.

    Raises:
        KeyError: there is no value of that name.
    """
    if name in values:
        return values[name]
    folded = name.lower()
    return values[next((key for key in values if key.lower() == folded), name)]


def _parts(text: str) -> Iterator[str | Expression]:
    for token in _TOKEN.finditer(text):
        position = token.start() + 1
        if brace := token["unbalanced"]:
            side = "closing" if brace == "{" else "opening"
            raise ValueError(f"Invalid template '{text}'. Missing {side} bracket at position {position}.")
        if token["expression"] == "":
            raise ValueError(f"Invalid template '{text}'. The parameter name at position {position} is empty.")
        if token["expression"]:
            try:
                yield _expression(token["expression"])
            except ValueError as error:
                raise ValueError(f"Invalid template '{text}'. {error}") from None
        else:
            yield token["literal"] or token["escaped"][0]


def _expression(text: str) -> Expression:
    name, _, form = text.partition(":")
    if name.lower() != GUID and not _NAME.fullmatch(name):
        raise ValueError(f"The parameter name '{name}' is invalid.")
    expression = Expression(tuple(name.split(".")), form if form.strip() else None)
    if name.lower() in BUILT_IN:
        # An unknown format is an error now, not in each invocation.
        format_value(expression.value({}, ""), expression.form)
    return expression


def _join_texts(parts: Iterable[str | Expression]) -> Iterator[str | Expression]:
    """Join adjacent texts."""
    text = ""
    for part in parts:
        if isinstance(part, str):
            text += part
        else:
            yield from (text, part) if text else (part,)
            text = ""
    if text:
        yield text


def _text(
    expression: Expression, values: Mapping[str, Any], function_name: str, quote: Callable[[str], str] | None
) -> str:
    text = format_value(expression.value(values, function_name), expression.form)
    return text if quote is None else quote(text)


def _built_in(name: str, function_name: str) -> Any:
    match name.lower():
        case "rand-guid":
            return uuid4()
        case "datetime":
            return datetime.now(UTC)
        case "sys":
            return {"MethodName": function_name, "UtcNow": datetime.now(UTC), "RandGuid": uuid4()}
    raise LookupError(f"No value for named parameter '{name}'.")


def _property(value: Any, key: str) -> Any:
    try:
        return member(value if isinstance(value, Mapping) else {}, key)
    except KeyError:
        raise LookupError(f"Error while accessing '{key}': property doesn't exist.") from None
