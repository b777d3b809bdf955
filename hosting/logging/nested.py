"""Redaction of values inside of values: dictionaries and lists in the fields of a log line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hosting._exceptions import as_text
from hosting._redaction import redact, redact_field

_MAX_DEPTH = 12
_MAX_VALUES = 10_000


def redact_value(name: str, value: Any) -> Any:
    """Return the value of a field of a log line with ``***`` in place of secrets, by name and by shape.

    Args:
        name: the field's name.
        value: its value. In a copy of a dictionary, a list or a tuple, secrets are masked at any depth; what is deeper
            than 12 levels, or beyond 10,000 values, becomes text. Where there is no secret it is the value itself.
    """
    shown = redact_field(name, value)
    if shown is not value or not isinstance(value, Mapping | list | tuple):
        return shown
    copy = _Copy().of(value, 0)
    try:
        return value if bool(copy == value) else copy
    except BaseException:  # noqa: BLE001 - a class of the app's own can raise anything
        return copy


class _Copy:
    """One copy; it counts its values."""

    def __init__(self) -> None:
        self._values = 0

    def of(self, value: Any, depth: int) -> Any:
        """Return the copy of a value that is ``depth`` levels deep."""
        self._values += 1
        if depth >= _MAX_DEPTH or self._values > _MAX_VALUES:
            return redact(as_text(value)) if isinstance(value, Mapping | list | tuple | str) else value
        try:
            if isinstance(value, Mapping):
                return {key: self._named(as_text(key), inner, depth) for key, inner in value.items()}
            if isinstance(value, tuple):
                return _header(value) or tuple(self.of(inner, depth + 1) for inner in value)
            if isinstance(value, list):
                return [self.of(inner, depth + 1) for inner in value]
        except BaseException:  # noqa: BLE001 - as above
            return redact(as_text(value))
        return redact(value) if type(value) is str else value

    def _named(self, name: str, value: Any, depth: int) -> Any:
        shown = redact_field(name, value)
        return self.of(value, depth + 1) if shown is value else shown


def _header(pair: tuple[Any, ...]) -> tuple[Any, Any] | None:
    """Return a pair of a header's name and its value, masked; None where it is not a pair of texts or of bytes."""
    if len(pair) != 2 or not all(isinstance(part, str | bytes) for part in pair):
        return None
    name, value = pair
    return name, redact_field(name.decode("latin-1") if isinstance(name, bytes) else name, value)
