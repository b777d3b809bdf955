"""Values inside an OData filter: what stands in quotes is escaped, and what does not may only be a number or a truth.

A filter is filled in by the host, which knows values but not where they stand. So values are marked on their way in,
and written as OData when all of the filter is there.
"""

from __future__ import annotations

import re

_MARKED = re.compile("\0([0-9a-f]*)\0")
_LITERAL = re.compile(r"true|false|[+-]?\d+(\.\d+)?(e[+-]?\d+)?", re.IGNORECASE)


def marked(value: str) -> str:
    """A value, made so that it cannot be confused with the filter around it."""
    return f"\0{value.encode('utf-8', 'surrogatepass').hex()}\0"


def filled(text: str) -> str:
    """The filter with its marked values in place, as Azure's host writes them.

    A filter that is nothing but one value stands as it is: then its author leaves all of it to the caller.

    Raises:
        ValueError: a value outside quotes is neither a number nor true or false.
    """
    if whole := _MARKED.fullmatch(text):
        return _value(whole)
    return _MARKED.sub(_written, text)


def equals(name: str, value: str) -> str:
    """The filter that asks for a property to be this text."""
    return f"{name} eq '{_quoted(value)}'"


def _written(found: re.Match[str]) -> str:
    value, text = _value(found), found.string
    around = text[found.start() - 1 : found.start()] + text[found.end() : found.end() + 1]
    if around == "''" and text.count("'", 0, found.start()) % 2:
        return _quoted(value)
    if _LITERAL.fullmatch(value):
        return value.lower()
    raise ValueError(
        f"the filter has a value outside quotes that is neither a number nor true or false: {value!r}; "
        "write the expression as '{name}' to compare with a text"
    )


def _quoted(value: str) -> str:
    return value.replace("'", "''")


def _value(found: re.Match[str]) -> str:
    return bytes.fromhex(found[1]).decode("utf-8", "surrogatepass")
