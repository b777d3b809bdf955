"""Types that a settings dataclass can have: each reads a JSON value, and describes itself as JSON Schema."""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any

from hosting._secret import Secret
from hosting.extensions.settings.faults import Fault, Path, ReferenceText, Unresolved, describe
from hosting.extensions.settings.references import plain

Schema = dict[str, Any]
Definitions = dict[str, Schema]
"""The schemas of classes, by name."""

REFERENCE: Mapping[str, str] = {"$ref": "#/$defs/reference"}
"""The schema of a reference, which stands among the definitions."""
_PERCENT: Mapping[str, str] = {"type": "string", "pattern": "%[A-Za-z_][A-Za-z0-9_.:]*%"}


class Misfit:
    """What a conversion returns for a value that it cannot convert."""


class SettingType(ABC):
    """One type of a setting."""

    expected: str
    """What it accepts, for messages."""
    is_secret = False
    """Whether messages must not contain the value."""

    def read(self, value: Any, path: Path, faults: list[Fault]) -> Any:
        """Return the Python value of a resolved JSON value; ``faults`` gets what is wrong with it."""
        return value if isinstance(value, Unresolved) else self._read(value, path, faults)

    @abstractmethod
    def _read(self, value: Any, path: Path, faults: list[Fault]) -> Any:
        """Return the Python value; see ``read``."""

    @abstractmethod
    def schema(self, definitions: Definitions) -> Schema:
        """Return the JSON Schema of the values, to which references are added elsewhere.

        Args:
            definitions: gets the schemas of the classes that it refers to.
        """

    def fits(self, value: Any) -> bool:
        """Return whether a value is of this type as it stands, so that a union prefers the type."""
        faults: list[Fault] = []
        return not isinstance(value, ReferenceText) and self._read(value, (), faults) == value and not faults

    def _misfit(self, value: Any, path: Path, faults: list[Fault]) -> Unresolved:
        found = describe(value, path, is_secret=self.is_secret)
        faults.append(Fault(path, f"must be {self.expected}, found {found}", is_misfit=True))
        return Unresolved()


class Scalar(SettingType):
    """A text, a number, a truth value, null or a secret.

    Args:
        expected: see ``SettingType``.
        convert: returns the Python value of a JSON value, or ``Misfit``.
        schema: the JSON Schema.
        is_secret: see ``SettingType``.
    """

    def __init__(
        self, expected: str, convert: Callable[[Any], Any], schema: Mapping[str, Any], *, is_secret: bool = False
    ) -> None:
        self.expected, self._convert, self._schema = expected, convert, schema
        self.is_secret = is_secret

    def _read(self, value: Any, path: Path, faults: list[Fault]) -> Any:
        converted = self._convert(value)
        return self._misfit(value, path, faults) if converted is Misfit else converted

    def schema(self, definitions: Definitions) -> Schema:
        """Return the JSON Schema; see ``SettingType``."""
        return dict(self._schema)

    def fits(self, value: Any) -> bool:
        """Return whether a value is of this type as it stands: 1 is not a truth value, and 5 not a fraction."""
        converted = self._convert(value)
        return type(converted) is type(value)


class Choice(SettingType):
    """One of some values: a ``Literal`` or an ``Enum``.

    Args:
        choices: the Python value of each JSON value; the pairs keep 1 and True apart.
    """

    def __init__(self, choices: Sequence[tuple[Any, Any]]) -> None:
        self._choices = choices
        self.expected = " or ".join(json.dumps(value, ensure_ascii=False) for value, _ in choices)

    def _read(self, value: Any, path: Path, faults: list[Fault]) -> Any:
        if isinstance(value, Enum) and any(value is member for _, member in self._choices):
            return value
        for written, member in self._choices:
            same = type(value) is type(written) and value == written
            if same or (isinstance(value, ReferenceText) and value == as_text(written)):
                return member
        return self._misfit(value, path, faults)

    def schema(self, definitions: Definitions) -> Schema:
        """Return the JSON Schema; see ``SettingType``."""
        return {"enum": [value for value, _ in self._choices]}


class Anything(SettingType):
    """Any JSON value: the item of a plain ``list`` or ``dict``."""

    expected = "any value"

    def _read(self, value: Any, path: Path, faults: list[Fault]) -> Any:
        return plain(value)

    def schema(self, definitions: Definitions) -> Schema:
        """Return the JSON Schema; see ``SettingType``."""
        return {}


def _whole(items: list[Any], make: Callable[[list[Any]], Any]) -> Any:
    """Return a collection, unless one of its items has a fault: a class must not see it then."""
    return Unresolved() if any(isinstance(one, Unresolved) for one in items) else make(items)


class Items(SettingType):
    """A list, or a tuple of any length, with items of one type."""

    expected = "a list"

    def __init__(self, item: SettingType, make: Callable[[list[Any]], Any]) -> None:
        self._item, self._make = item, make
        self.is_secret = item.is_secret

    def _read(self, value: Any, path: Path, faults: list[Fault]) -> Any:
        value = structure(value)
        if not isinstance(value, list | tuple):
            return self._misfit(value, path, faults)
        return _whole([self._item.read(one, (*path, index), faults) for index, one in enumerate(value)], self._make)

    def schema(self, definitions: Definitions) -> Schema:
        """Return the JSON Schema; see ``SettingType``."""
        return {"type": "array", "items": or_reference(self._item.schema(definitions))}


class Positions(SettingType):
    """A tuple with a type for each item."""

    def __init__(self, items: Sequence[SettingType]) -> None:
        self._items = items
        self.expected = f"a list of {len(items)}: {', '.join(one.expected for one in items)}"
        self.is_secret = any(one.is_secret for one in items)

    def _read(self, value: Any, path: Path, faults: list[Fault]) -> Any:
        value = structure(value)
        if not isinstance(value, list | tuple) or len(value) != len(self._items):
            return self._misfit(value, path, faults)
        pairs = enumerate(zip(self._items, value, strict=True))
        return _whole([item.read(one, (*path, index), faults) for index, (item, one) in pairs], tuple)

    def schema(self, definitions: Definitions) -> Schema:
        """Return the JSON Schema; see ``SettingType``."""
        items = [or_reference(one.schema(definitions)) for one in self._items]
        return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}


class Table(SettingType):
    """A dict with texts as keys and values of one type."""

    expected = "an object"

    def __init__(self, item: SettingType) -> None:
        self._item = item
        self.is_secret = item.is_secret

    def _read(self, value: Any, path: Path, faults: list[Fault]) -> Any:
        value = structure(value)
        if not isinstance(value, Mapping):
            return self._misfit(value, path, faults)
        keys = [str(key) for key in value]
        items = [self._item.read(one, (*path, key), faults) for key, one in zip(keys, value.values(), strict=True)]
        return _whole(items, lambda found: dict(zip(keys, found, strict=True)))

    def schema(self, definitions: Definitions) -> Schema:
        """Return the JSON Schema; see ``SettingType``."""
        return {"type": "object", "additionalProperties": or_reference(self._item.schema(definitions))}


class Union(SettingType):
    """One of several types: the first that a value is of as it stands, else the first that can read it."""

    def __init__(self, members: Sequence[SettingType]) -> None:
        self._members = members
        self.expected = " or ".join(dict.fromkeys(one.expected for one in members))
        self.is_secret = any(one.is_secret for one in members)

    def _read(self, value: Any, path: Path, faults: list[Fault]) -> Any:
        exact = next((one for one in self._members if one.fits(value)), None)
        if exact is not None:
            return exact.read(value, path, faults)
        attempts: list[tuple[list[Fault], Any]] = []
        for member in self._members:
            own: list[Fault] = []
            attempts.append((own, member.read(value, path, own)))
        best, read = min(attempts, key=lambda attempt: (_is_misfit(attempt[0], path), len(attempt[0])))
        if _is_misfit(best, path):
            return self._misfit(value, path, faults)
        faults += best
        return read

    def schema(self, definitions: Definitions) -> Schema:
        """Return the JSON Schema; see ``SettingType``."""
        return {"anyOf": [one.schema(definitions) for one in self._members]}


def or_reference(schema: Schema) -> Schema:
    """Return the schema of values of a type, or of references in their place; a title stays outside."""
    about: Schema = {key: schema[key] for key in ("title", "description", "default", "deprecated") if key in schema}
    rest = {key: value for key, value in schema.items() if key not in about}
    if not rest:
        return schema
    percent = [] if rest.get("type") == "string" else [dict(_PERCENT)]
    return {**about, "anyOf": [rest, *percent, dict(REFERENCE)]}


def to_text(value: Any) -> Any:
    """Return a text; ``Misfit`` for anything else."""
    return str(value) if isinstance(value, str) else Misfit


def to_secret(value: Any) -> Any:
    """Return a secret; ``Misfit`` for what is neither text nor a secret."""
    return value if isinstance(value, Secret) else Secret(value) if isinstance(value, str) else Misfit


def to_null(value: Any) -> Any:
    """Return None; ``Misfit`` for anything else."""
    return None if value is None else Misfit


def to_boolean(value: Any) -> Any:
    """Return a truth value; ``Misfit`` for anything but one, or ``true`` or ``false`` in a reference."""
    if isinstance(value, ReferenceText):
        return {"true": True, "false": False, "1": True, "0": False}.get(value.strip().lower(), Misfit)
    return value if isinstance(value, bool) else Misfit


def to_integer(value: Any) -> Any:
    """Return a whole number, also for 5.0, which JSON does not tell from 5; ``Misfit`` for anything else."""
    number = _number(value)
    return int(number) if number is not Misfit and float(number).is_integer() else Misfit


def to_float(value: Any) -> Any:
    """Return a number as a float; ``Misfit`` for anything else."""
    number = _number(value)
    return number if number is Misfit else float(number)


def as_text(value: Any) -> str:
    """Return a JSON value as the text of a setting: ``true``, not ``True``."""
    return value if isinstance(value, str) else json.dumps(value)


def _number(value: Any) -> Any:
    if isinstance(value, ReferenceText):
        try:
            value = json.loads(value)
        except ValueError:
            return Misfit
    if isinstance(value, bool) or not isinstance(value, int | float) or not -1e308 < value < 1e308:
        return Misfit
    return value if math.isfinite(value) else Misfit


def structure(value: Any) -> Any:
    """Return the list or the object that a reference has as JSON; any other value as it is."""
    if not isinstance(value, ReferenceText):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _is_misfit(faults: Sequence[Fault], path: Path) -> bool:
    """Return whether a value is not of a type at all, rather than of that type with a fault inside."""
    return any(fault.is_misfit and fault.path == path for fault in faults)
