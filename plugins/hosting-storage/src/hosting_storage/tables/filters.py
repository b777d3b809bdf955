"""Values in OData filters: inside quotes they are escaped, outside only numbers and booleans are allowed.

The host resolves the expressions of a filter without knowing where quotes are. So values are marked when they are
inserted, and written as OData when the whole filter is known.
"""

from __future__ import annotations

import re

_MARKED = re.compile("\0([0-9a-f]*)\0")
_LITERAL = re.compile(r"true|false|[+-]?\d+(\.\d+)?(e[+-]?\d+)?", re.IGNORECASE)


def marked(value: str) -> str:
    """Return a value in a form that cannot be confused with the filter around it."""
    return f"\0{value.encode('utf-8', 'surrogatepass').hex()}\0"


def resolved(text: str) -> str:
    """Return the filter with its marked values as OData, as Azure's host writes them.

    A filter that consists of one value only is used unchanged: its author leaves the whole filter to the caller.

    Raises:
        ValueError: a value outside quotes is not a number, true or false.
    """
    if whole := _MARKED.fullmatch(text):
        return _value(whole)
    return _MARKED.sub(_odata, text)


def equals(name: str, value: str) -> str:
    """Return the filter that compares a property with a text."""
    return f"{name} eq '{_quoted(value)}'"


def _odata(found: re.Match[str]) -> str:
    value, text = _value(found), found.string
    around = text[found.start() - 1 : found.start()] + text[found.end() : found.end() + 1]
    if around == "''" and text.count("'", 0, found.start()) % 2:
        return _quoted(value)
    if _LITERAL.fullmatch(value):
        return value.lower()
    raise ValueError(
        f"the filter has a value outside quotes that is not a number, true or false: {value!r}; "
        "write the expression as '{name}' to compare with a text"
    )


def _quoted(value: str) -> str:
    return value.replace("'", "''")


def _value(found: re.Match[str]) -> str:
    return bytes.fromhex(found[1]).decode("utf-8", "surrogatepass")
