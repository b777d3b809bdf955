"""Routes of Azure as paths of OpenAPI, with what their constraints say of the parameters."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

_PARAMETER = re.compile(r"\{(?!\{)((?:[^{}]|\{\{|\}\})*)\}")
_NAME = re.compile(r"\*{0,2}([^:=?]+)")
_CONSTRAINT = re.compile(r":([^:=(]+)(?:\((.*?)\)(?=[:=]|$))?", re.DOTALL)


class Parameter(NamedTuple):
    """A parameter of a route.

    Args:
        name: its name.
        schema: its JSON schema, from the constraints.
        is_optional: whether it may be left out.
        is_constrained: whether some values lead to no function.
    """

    name: str
    schema: Mapping[str, Any]
    is_optional: bool
    is_constrained: bool


class Route(NamedTuple):
    """A route as OpenAPI has it.

    Args:
        path: the path, such as ``/api/items/{id}``.
        parameters: its parameters, in the order of the path.
        absent: the names of the optional parameters that it is without.
    """

    path: str
    parameters: tuple[Parameter, ...]
    absent: tuple[str, ...] = ()

    @property
    def suffix(self) -> str:
        """What tells the name of its operation from those of the route's other paths."""
        return "".join(f"_without_{name}" for name in self.absent)

    @property
    def shape(self) -> str:
        """The path without the names of parameters: OpenAPI takes paths of one shape for the same path."""
        return re.sub(r"\{[^{}]*\}", "{}", self.path).casefold()


def paths_of(template: str) -> Iterator[Route]:
    """Yield the paths of a route: also those without what is optional at its end, which OpenAPI does not have.

    Args:
        template: the route with the prefix, such as ``api/items/{id:int?}``.
    """
    segments = [_segment(piece) for piece in _split(template) if piece]
    shortest = len(segments)
    while shortest and _can_be_absent(segments[shortest - 1]):
        shortest -= 1
    for length in range(shortest, len(segments) + 1):
        path = "/" + "/".join("".join(map(_text, parts)) for parts in segments[:length])
        absent = tuple(one.name for one in _parameters(segments[length:]))
        yield Route(path, tuple(_parameters(segments[:length])), absent)


def _parameters(segments: Iterable[list[str | Parameter]]) -> Iterator[Parameter]:
    return (part for parts in segments for part in parts if isinstance(part, Parameter))


def _split(template: str) -> Iterator[str]:
    """Split a template at the slashes outside of braces."""
    depth, piece = 0, ""
    for character in template:
        depth += (character == "{") - (character == "}")
        if character == "/" and depth == 0:
            yield piece
            piece = ""
        else:
            piece += character
    yield piece


def _segment(piece: str) -> list[str | Parameter]:
    parts: list[str | Parameter] = []
    for index, text in enumerate(_PARAMETER.split(piece)):
        if index % 2:
            parts.append(_parameter(text.replace("{{", "{").replace("}}", "}")))
        elif text:
            parts.append(text.replace("{{", "%7B").replace("}}", "%7D"))
    return parts


def _text(part: str | Parameter) -> str:
    return part if isinstance(part, str) else f"{{{part.name}}}"


def _can_be_absent(parts: list[str | Parameter]) -> bool:
    return len(parts) == 1 and isinstance(parts[0], Parameter) and parts[0].is_optional


def _parameter(text: str) -> Parameter:
    match = _NAME.match(text)
    name = match[1] if match else text
    rest = text[match.end() :] if match else ""
    schema: dict[str, Any] = {}
    for constraint, arguments in _CONSTRAINT.findall(rest.removesuffix("?")):
        make = _SCHEMAS.get(constraint.strip().lower())
        schema |= make(arguments) if make else {}
    is_optional = rest.endswith("?") or text.startswith("*") or "=" in _CONSTRAINT.sub("", rest)
    return Parameter(name, {"type": "string", **schema}, is_optional, ":" in rest)


def _length(arguments: str) -> dict[str, Any]:
    least, _, most = arguments.partition(",")
    return {"minLength": int(least), "maxLength": int(most or least)}


def _range(arguments: str) -> dict[str, Any]:
    least, _, most = arguments.partition(",")
    return {"type": "integer", "minimum": int(least), "maximum": int(most)}


_SCHEMAS: Mapping[str, Callable[[str], dict[str, Any]]] = MappingProxyType(
    {
        "int": lambda _: {"type": "integer", "format": "int32", "minimum": -(2**31), "maximum": 2**31 - 1},
        "long": lambda _: {"type": "integer", "format": "int64", "minimum": -(2**63), "maximum": 2**63 - 1},
        "bool": lambda _: {"type": "boolean"},
        "datetime": lambda _: {"type": "string", "format": "date-time"},
        "decimal": lambda _: {"type": "number"},
        "double": lambda _: {"type": "number", "format": "double"},
        "float": lambda _: {"type": "number", "format": "float"},
        "guid": lambda _: {"type": "string", "format": "uuid"},
        "alpha": lambda _: {"pattern": "^[A-Za-z]+$"},
        "length": _length,
        "minlength": lambda arguments: {"minLength": int(arguments)},
        "maxlength": lambda arguments: {"maxLength": int(arguments)},
        "min": lambda arguments: {"type": "integer", "minimum": int(arguments)},
        "max": lambda arguments: {"type": "integer", "maximum": int(arguments)},
        "range": _range,
        "regex": lambda arguments: {"pattern": arguments},
    }
)
"""The JSON schema of each constraint of ASP.NET Core routing that has one."""
