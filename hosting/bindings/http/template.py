"""Route templates of ASP.NET Core routing, such as ``products/{category:alpha}/{id:int?}`` and ``files/{*rest}``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from hosting.bindings.http.constraints import Check


class Parameter(NamedTuple):
    """A parameter of a route: ``{name:constraint=default}``."""

    name: str
    checks: tuple[Check, ...] = ()
    """The functions that check a value against the constraints."""
    constraints: str = ""
    """The text of the constraints and the default, in lower case."""
    optional: bool = False
    """Whether it ends with ``?``."""
    catch_all: bool = False
    """Whether it begins with ``*``, and so matches the rest of the path."""
    default: str | None = None

    @property
    def can_be_absent(self) -> bool:
        """Whether a path without this segment can match."""
        return self.optional or self.catch_all or self.default is not None

    def accepts(self, value: str) -> bool:
        """Return whether a value satisfies all constraints."""
        return all(check(value) for check in self.checks)


Part = str | Parameter
Segment = tuple[Part, ...]


class Template(NamedTuple):
    """A parsed route template, with a regular expression that matches its paths."""

    text: str
    segments: tuple[Segment, ...]
    pattern: re.Pattern[str]
    parameters: tuple[Parameter, ...]

    @property
    def literal(self) -> str | None:
        """The only path that the template matches, spelled as in its text; None if it has parameters."""
        if self.parameters:
            return None
        return "/" + "/".join(str(part) for segment in self.segments for part in segment)

    def match(self, path: str) -> dict[str, str] | None:
        """Return the values of the parameters in a path; None if the path does not match.

        An optional parameter that the path does not have is omitted; a default value is included.

        Args:
            path: the decoded path, with its leading slash.
        """
        match = self.pattern.fullmatch(path)
        if match is None:
            return None
        values: dict[str, str] = {}
        for parameter, captured in zip(self.parameters, match.groups(), strict=True):
            value = captured or parameter.default
            if value:
                if not parameter.accepts(value):
                    return None
                values[parameter.name] = value
        return values


def parse(text: str) -> Template:
    """Parse a template.

    Raises:
        ValueError: the template is invalid; the message says why.
    """
    segments = tuple(_segment(piece) for piece in _split(text, "/") if piece)
    parameters = tuple(part for segment in segments for part in segment if isinstance(part, Parameter))
    _check(segments, parameters)
    return Template(text, segments, re.compile(_expression(segments), re.IGNORECASE | re.DOTALL), parameters)


def _split(text: str, separator: str) -> Iterator[str]:
    """Split at each ``separator`` that is not inside braces; a doubled brace is a literal one."""
    depth, start, position = 0, 0, 0
    while position < len(text):
        character = text[position]
        if character in "{}" and text[position : position + 2] == character * 2:
            position += 2
            continue
        depth += (character == "{") - (character == "}")
        if depth not in (0, 1):
            raise ValueError(f"unbalanced '{character}' at position {position + 1}")
        if character == separator and depth == 0:
            yield text[start:position]
            start = position + 1
        position += 1
    if depth:
        raise ValueError("a '{' is not closed")
    yield text[start:]


_PIECES = re.compile(r"\{(?!\{)((?:[^{}]|\{\{|\}\})*)\}|((?:[^{}]|\{\{|\}\})+)")


def _segment(piece: str) -> Segment:
    parts: list[Part] = []
    for match in _PIECES.finditer(piece):
        inside, literal = match.groups()
        text = (literal if inside is None else inside).replace("{{", "{").replace("}}", "}")
        if inside is None and "?" in text:
            raise ValueError("a literal must not contain '?'")
        parts.append(text if inside is None else _parameter(text))
    return tuple(parts)


def _parameter(text: str) -> Parameter:
    stars = len(text) - len(text.lstrip("*"))
    optional = text.endswith("?")
    body = text[stars:-1] if optional else text[stars:]
    name = re.split("[:=]", body, maxsplit=1)[0]
    if not name or re.search(r"[/{}?*]", name) or stars > 2:
        raise ValueError(f"'{{{text}}}' has no valid parameter name")
    constraints, default = _constraints(body[len(name) :])
    if optional and (stars or default is not None):
        raise ValueError(f"'{{{text}}}' cannot be optional as well")
    checks = _checks(constraints)
    return Parameter(name, checks, body[len(name) :].lower(), optional, bool(stars), default)


def _checks(constraints: Sequence[tuple[str, str | None]]) -> tuple[Check, ...]:
    if not constraints:
        return ()
    from hosting.bindings.http.constraints import constraint  # its import is slow, and few apps need it

    return tuple(constraint(*one) for one in constraints)


_CONSTRAINT = re.compile(r":([^:=(]+)(?:\((.*?)\)(?=[:=]|$))?", re.DOTALL)


def _constraints(text: str) -> tuple[list[tuple[str, str | None]], str | None]:
    constraints: list[tuple[str, str | None]] = []
    while text.startswith(":"):
        match = _CONSTRAINT.match(text)
        if match is None:
            raise ValueError(f"'{text}' is not a constraint")
        constraints.append((match[1], match[2]))
        text = text[match.end() :]
    if text and not text.startswith("="):
        raise ValueError(f"'{text}' is not a constraint or a default value")
    return constraints, text[1:] if text else None


def _check(segments: tuple[Segment, ...], parameters: tuple[Parameter, ...]) -> None:
    names = [parameter.name.lower() for parameter in parameters]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"parameter '{name}' occurs twice")
    for index, segment in enumerate(segments):
        catch_all = any(isinstance(part, Parameter) and part.catch_all for part in segment)
        if catch_all and (len(segment) > 1 or index + 1 < len(segments)):
            raise ValueError("a catch-all parameter must be the whole last segment")
        if any(isinstance(left, Parameter) and isinstance(right, Parameter) for left, right in _pairs(segment)):
            raise ValueError("two parameters must be separated by text")
        if any(isinstance(part, Parameter) and part.optional for part in segment[:-1]):
            raise ValueError("an optional parameter must be at the end of its segment")


def _pairs(segment: Segment) -> Iterator[tuple[Part, Part]]:
    return pairwise(segment)


def _expression(segments: tuple[Segment, ...]) -> str:
    """Return a pattern of the required segments, followed by the optional ones, each nested in the one before it."""
    last_required = max((index for index, segment in enumerate(segments) if not _can_be_absent(segment)), default=-1)
    required = "".join("/" + _segment_pattern(segment) for segment in segments[: last_required + 1])
    rest = r"/?"
    for segment in reversed(segments[last_required + 1 :]):
        catch_all = isinstance(segment[0], Parameter) and segment[0].catch_all
        rest = r"(?:/(.*))?" if catch_all else f"(?:/{_segment_pattern(segment)}{rest})?/?"
    return required + rest


def _can_be_absent(segment: Segment) -> bool:
    return len(segment) == 1 and isinstance(segment[0], Parameter) and segment[0].can_be_absent


def _segment_pattern(segment: Segment) -> str:
    pieces = [re.escape(part) if isinstance(part, str) else "([^/]+)" for part in segment]
    last = segment[-1]
    if len(segment) > 1 and isinstance(last, Parameter) and last.optional:
        return _with_optional_end(pieces, segment)
    for index, part in enumerate(segment[:-1]):
        if isinstance(part, str) and index:
            pieces[index + 1] = _value_after(part)
    return "".join(pieces)


def _value_after(literal: str) -> str:
    """Return a pattern for a value that follows ``literal`` in the same segment.

    ASP.NET searches from the right, so that the value contains the literal, or a beginning of it, only at its end. A
    pattern that tries all other ways too can take minutes for some paths.
    """
    end = ""
    for character in reversed(literal):
        end = re.escape(character) + (f"(?:{end})?" if end else "")
    return f"((?:(?!{re.escape(literal)})[^/])+(?:{end})?|{end})"


def _with_optional_end(pieces: list[str], segment: Segment) -> str:
    """Return a pattern for ``{name}.{extension?}``: without the extension, the dot can be absent too."""
    before = segment[-2]
    if isinstance(before, str) and before.endswith("."):
        stem = "".join(pieces[:-2]).replace("[^/]+", "[^/]+?") + re.escape(before[:-1])
        return stem + r"(?:\.([^/.]+))?"
    return "".join(pieces[:-1]) + "([^/]+)?"
