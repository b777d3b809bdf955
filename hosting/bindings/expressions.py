"""Binding expressions: the ``{name}`` in a binding's properties, filled in for each invocation as Azure's host does."""

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
"""Those with a format, in lower case."""

_TOKEN = re.compile(
    r"(?P<escaped>\{\{|\}\})|\{(?P<expression>[^{}]*)\}|(?P<literal>[^{}]+)|(?P<unbalanced>[{}])", re.DOTALL
)
_NAME = re.compile(r"[^\W\d]\w*(?:\.[\w-]+)*")


class Expression(NamedTuple):
    """``{name}``, ``{name.inner}`` or ``{name:format}``."""

    path: tuple[str, ...]
    """The name, and those of the properties inside."""
    form: str | None = None
    """The .NET format, for a time or a GUID."""

    def value(self, values: Mapping[str, Any], function_name: str) -> Any:
        """Look it up: what the trigger gives before what is built in, names ignoring case.

        Raises:
            LookupError: there is no such value.
        """
        name, *inner = self.path
        # With a format a built-in value is always that, in Azure's host too.
        hidden = self.form is not None and name.lower() in BUILT_IN
        try:
            found = _built_in(name, function_name) if hidden else member(values, name)
        except KeyError:
            found = _built_in(name, function_name)
        for key in inner:
            found = _inside(found, key)
        return found


class Template(NamedTuple):
    """A text with expressions in braces, parsed once. ``{{`` and ``}}`` are braces.

    ``parts`` are the texts between the expressions, as they are meant, and the expressions.
    """

    text: str
    parts: tuple[str | Expression, ...]

    @classmethod
    def parse(cls, text: str) -> Template:
        """Read a template.

        Raises:
            ValueError: in the words of Azure's host: a brace without its partner, a name that is none; or a format
                that a built-in value does not have.
        """
        return cls(text, tuple(_joined(_parts(text))))

    @property
    def names(self) -> tuple[str, ...]:
        """The name of each expression as it is written, up to its first dot; each once."""
        return tuple(dict.fromkeys(part.path[0] for part in self.parts if isinstance(part, Expression)))

    @property
    def is_constant(self) -> bool:
        """Whether it has no expressions, so that it is filled in the same way each time."""
        return not any(isinstance(part, Expression) for part in self.parts)

    def fill(self, values: Mapping[str, Any], function_name: str, quote: Callable[[str], str] | None = None) -> str:
        """Put values in place of the expressions.

        Args:
            values: what the trigger gives; it may hide built-in values.
            function_name: the ``{sys.MethodName}``.
            quote: is given each value as a text, and gives it as it has to stand in the whole.

        Raises:
            LookupError: an expression has no value.
            ValueError: a value does not have the format that is asked for.
        """
        return "".join(
            part if isinstance(part, str) else _text(part, values, function_name, quote) for part in self.parts
        )


def json_data(text: str | bytes | None) -> dict[str, Any]:
    """Give what expressions may use of a JSON object: its properties, but for lists and nulls.

    Returns:
        Nothing for a text that is no JSON object.
    """
    try:
        found = json.loads(text or "", parse_constant=str)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {name: value for name, value in found.items() if value is not None and not isinstance(value, list)}


def merged(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Lay values over each other: of names that differ in case only, the last one counts."""
    spelled = {name.lower(): (name, value) for layer in layers for name, value in layer.items()}
    return dict(spelled.values())


def member(values: Mapping[str, Any], name: str) -> Any:
    """Look up ``name``, in its exact spelling before any other.

    Raises:
        KeyError: there is no such name.
    """
    if name in values:
        return values[name]
    folded = name.lower()
    return values[next((key for key in values if key.lower() == folded), name)]


def _parts(text: str) -> Iterator[str | Expression]:
    for token in _TOKEN.finditer(text):
        at = token.start() + 1
        if brace := token["unbalanced"]:
            side = "closing" if brace == "{" else "opening"
            raise ValueError(f"Invalid template '{text}'. Missing {side} bracket at position {at}.")
        if token["expression"] == "":
            raise ValueError(f"Invalid template '{text}'. The parameter name at position {at} is empty.")
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
        # Whether it has such a format is found out now rather than by each invocation.
        format_value(expression.value({}, ""), expression.form)
    return expression


def _joined(parts: Iterable[str | Expression]) -> Iterator[str | Expression]:
    """Join texts that stand next to each other."""
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


def _inside(found: Any, key: str) -> Any:
    try:
        return member(found if isinstance(found, Mapping) else {}, key)
    except KeyError:
        raise LookupError(f"Error while accessing '{key}': property doesn't exist.") from None
