"""Settings classes that are dataclasses: their types, compiled once when the extension is loaded."""

from __future__ import annotations

import dataclasses
import inspect
import types
import typing
from collections.abc import Mapping
from enum import Enum
from typing import Any, Literal, NoReturn

from hosting._exceptions import error_text, message_of
from hosting._secret import Secret
from hosting._text import did_you_mean
from hosting.errors import ExtensionError
from hosting.extensions.settings import types as kinds
from hosting.extensions.settings.faults import Fault, Path, Unresolved
from hosting.extensions.settings.types import Definitions, Schema, SettingType, Union, or_reference

SUPPORTED = (
    "Use str, int, float, bool, None, list, tuple, dict, Literal, Enum, unions, dataclasses or hosting.Secret; "
    "for other types make it a msgspec.Struct or a pydantic model."
)
_NUMBER: Mapping[str, str] = {"type": "number"}


class Field(typing.NamedTuple):
    """One field of a settings dataclass."""

    name: str
    type: SettingType
    is_required: bool
    about: Schema
    """Its description and its default, for the schema."""


class Record(SettingType):
    """A dataclass. Unknown keys are faults, keys are found in any case.

    Args:
        cls: the dataclass.
        name: its name among the definitions of a schema.
    """

    expected = "an object"

    def __init__(self, cls: type, name: str) -> None:
        self.cls, self.name = cls, name
        self.fields: dict[str, Field] = {}

    def hides(self, key: str) -> bool:
        """Return whether a key may have a secret as its value, because its field may, or because it has no field."""
        field = self._field(key)
        return field is None or field.type.is_secret or isinstance(field.type, Record | Union)

    def _read(self, value: Any, path: Path, faults: list[Fault]) -> Any:
        if isinstance(value, self.cls):
            return value
        value = kinds.structure(value)
        if not isinstance(value, Mapping):
            return self._misfit(value, path, faults)
        own: list[Fault] = []
        values = self._values(value, path, own)
        own += [
            Fault((*path, name), f"is missing; it must be {field.type.expected}")
            for name, field in self.fields.items()
            if field.is_required and name not in values
        ]
        faults += own
        has_gap = own or any(isinstance(one, Unresolved) for one in values.values())
        return Unresolved() if has_gap else self._make(values, path, faults)

    def _values(self, value: Mapping[str, Any], path: Path, faults: list[Fault]) -> dict[str, Any]:
        values = {}
        for key, item in value.items():
            field = self._field(key)
            if field is None:
                known = did_you_mean(key, self.fields) or f"Known settings: {', '.join(self.fields) or 'none'}."
                faults.append(Fault((*path, key), "is not a setting", known))
            else:
                values[field.name] = field.type.read(item, (*path, field.name), faults)
        return values

    def _field(self, key: str) -> Field | None:
        if key in self.fields:
            return self.fields[key]
        return next((one for name, one in self.fields.items() if name.casefold() == key.casefold()), None)

    def _make(self, values: Mapping[str, Any], path: Path, faults: list[Fault]) -> Any:
        try:
            return self.cls(**values)
        except (TypeError, ValueError) as error:  # its __post_init__ refuses
            faults.append(Fault(path, f"is not valid: {message_of(error)}"))
            return Unresolved()

    def schema(self, definitions: Definitions) -> Schema:
        """Return a reference to the schema of the class, which ``definitions`` gets."""
        if self.name not in definitions:
            own = definitions[self.name] = {"type": "object"}
            own |= _documentation(self.cls)
            own["properties"] = {
                name: {**or_reference(field.type.schema(definitions)), **field.about}
                for name, field in self.fields.items()
            }
            own["required"] = [name for name, field in self.fields.items() if field.is_required]
            own["additionalProperties"] = False
        return {"$ref": f"#/$defs/{self.name}"}


def compile_dataclass(cls: type, prefix: str) -> Record:
    """Return the type of a settings dataclass.

    Args:
        cls: the dataclass.
        prefix: what the names of its definitions in a schema begin with.

    Raises:
        ExtensionError: a field has a type that settings cannot have.
    """
    return _Compiler(prefix).record(cls)


class _Compiler:
    """Compiles the classes of one extension, each once: a class may contain itself."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._records: dict[type, Record] = {}

    def record(self, cls: type) -> Record:
        """Return the type of a dataclass."""
        if cls not in self._records:
            number = sum(one.cls.__name__ == cls.__name__ for one in self._records.values())
            name = f"{self._prefix}.{cls.__name__}{number or ''}"
            record = self._records[cls] = Record(cls, name)
            record.fields = self._fields(cls)
        return self._records[cls]

    def _fields(self, cls: type) -> dict[str, Field]:
        hints = _hints(cls)
        if any(isinstance(hint, dataclasses.InitVar) for hint in hints.values()):
            _refuse(cls, "InitVar", "a dataclasses.InitVar")
        fields: dict[str, Field] = {}
        for field in dataclasses.fields(cls):
            if field.init:
                hint = hints[field.name]
                fields[field.name] = Field(
                    field.name, self._type(hint, cls, field.name), _is_required(field), _about(field, hint)
                )
        return fields

    def _type(self, hint: Any, cls: type, name: str) -> SettingType:
        origin, arguments = typing.get_origin(hint), typing.get_args(hint)
        if hasattr(hint, "__supertype__") or type(hint).__name__ == "TypeAliasType":
            return self._type(getattr(hint, "__supertype__", None) or hint.__value__, cls, name)
        if origin is typing.Annotated:
            return self._type(arguments[0], cls, name)
        if origin in (typing.Union, types.UnionType):
            return Union([self._type(one, cls, name) for one in arguments])
        if origin is Literal:
            return self._choice([(one, one) for one in arguments], cls, name)
        if (origin or hint) in (list, tuple, dict):
            return self._collection(origin or hint, arguments, cls, name)
        if isinstance(hint, type) and dataclasses.is_dataclass(hint):
            return self.record(hint)
        if isinstance(hint, type) and issubclass(hint, Enum):
            return self._choice([(one.value, one) for one in hint], cls, name)
        return _scalar(hint) or _refuse(cls, name, getattr(hint, "__name__", None) or repr(hint))

    def _choice(self, choices: list[tuple[Any, Any]], cls: type, name: str) -> SettingType:
        written = [(_json(value), member) for value, member in choices]
        odd = [member for value, member in written if not isinstance(value, str | int | float | None)]
        return _refuse(cls, name, f"a choice of {odd[0]!r}") if odd else kinds.Choice(written)

    def _collection(self, origin: Any, arguments: tuple[Any, ...], cls: type, name: str) -> SettingType:
        if origin is dict:
            if arguments and arguments[0] is not str:
                _refuse(cls, name, "a dict with keys that are not str")
            return kinds.Table(self._type(arguments[1], cls, name) if arguments else kinds.Anything())
        if origin is tuple and arguments and arguments[-1] is not ...:
            return kinds.Positions([self._type(one, cls, name) for one in arguments if one != ()])
        return kinds.Items(self._type(arguments[0], cls, name) if arguments else kinds.Anything(), origin)


def _scalar(hint: Any) -> SettingType | None:
    match hint:
        case typing.Any:
            return kinds.Anything()
        case _ if hint is Secret:
            return kinds.Scalar("text", kinds.to_secret, {"type": "string"}, is_secret=True)
        case _ if hint is bool:
            return kinds.Scalar("true or false", kinds.to_boolean, {"type": "boolean"})
        case _ if hint is int:
            return kinds.Scalar("a whole number", kinds.to_integer, {"type": "integer"})
        case _ if hint is float:
            return kinds.Scalar("a number", kinds.to_float, _NUMBER)
        case _ if hint is str:
            return kinds.Scalar("text", kinds.to_text, {"type": "string"})
        case _ if hint is type(None) or hint is None:
            return kinds.Scalar("null", kinds.to_null, {"type": "null"})
    return None


def _json(value: Any) -> Any:
    """Return the value of an Enum's member without a subclass such as StrEnum's."""
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value.value if isinstance(value, Enum) else value)
    return value


def _hints(cls: type) -> dict[str, Any]:
    try:
        return typing.get_type_hints(cls, include_extras=True)
    except Exception as error:
        raise ExtensionError(
            f"the types of its settings class {cls.__name__} cannot be read: {error_text(error)}",
            remedy="Import the types outside of 'if TYPE_CHECKING', and define the class at the top of a module.",
        ) from error


def _refuse(cls: type, name: str, found: str) -> NoReturn:
    raise ExtensionError(
        f"the field {name!r} of its settings class {cls.__name__} has the type {found}, which settings cannot have",
        remedy=SUPPORTED,
    )


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _about(field: dataclasses.Field[Any], hint: Any) -> Schema:
    """Return the description that the field's metadata or annotation has, and the default where JSON can have it."""
    texts = [one for one in getattr(hint, "__metadata__", ()) if isinstance(one, str)]
    about: Schema = {"description": field.metadata.get("description") or next(iter(texts), "")}
    default = field.default_factory() if field.default_factory in (list, dict, tuple) else field.default
    if isinstance(default, Enum):
        default = _json(default)
    if default is None or isinstance(default, str | int | float | list | dict):
        about["default"] = default
    return {key: value for key, value in about.items() if value != "" or key == "default"}


def _documentation(cls: type) -> Schema:
    """Return the first paragraph of the class's own docstring as its description; dataclasses write one themselves."""
    text, _, _ = inspect.cleandoc(cls.__doc__ or "").partition("\n\n")
    return {} if not text or text.startswith(f"{cls.__name__}(") else {"description": text}
