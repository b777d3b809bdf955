"""Settings classes: dataclasses, and the models of msgspec and pydantic, each read by its own library.

hosting depends on neither library: a class of one of them is recognised by its attributes, and brings the library.
"""

from __future__ import annotations

import dataclasses
import importlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

from hosting._exceptions import message_of
from hosting._secret import HIDDEN, Secret
from hosting.errors import ExtensionError
from hosting.extensions.settings.dataclass_types import compile_dataclass
from hosting.extensions.settings.faults import Fault, Path, Unresolved
from hosting.extensions.settings.model_keys import close_schema, fields_of, known_as, unknown_keys
from hosting.extensions.settings.references import has_text, hidden, is_reference, plain
from hosting.extensions.settings.types import Definitions, Schema

_KINDS = "a dataclass, a msgspec.Struct or a pydantic model"


class SettingsModel(ABC):
    """The settings class of one extension.

    Args:
        cls: the class.
        prefix: what the names of its definitions in a schema begin with.
    """

    def __init__(self, cls: Any, prefix: str) -> None:
        self.cls, self.prefix = cls, prefix

    @abstractmethod
    def read(self, values: Mapping[str, Any], faults: list[Fault]) -> Any:
        """Return an instance of the class; ``faults`` gets what is wrong.

        Args:
            values: the settings, with references resolved.
            faults: all faults are added, where the library reports more than the first.
        """

    @abstractmethod
    def schema(self, definitions: Definitions) -> Schema:
        """Return the JSON Schema of the class, without references; see ``SettingType.schema``."""

    @abstractmethod
    def dump(self, instance: Any) -> Any:
        """Return an instance as objects, lists and scalars; secrets stay hidden."""

    def shown(self, instance: Any, written: Mapping[str, Any]) -> Any:
        """Return the settings in effect for the diagnosis, with references as they are written.

        Args:
            instance: what ``read`` returned.
            written: the settings as they are written.
        """
        return _overlaid(self.dump(instance), written)

    def unread(self, written: Mapping[str, Any]) -> dict[str, Any]:
        """Return settings as they are written, for the diagnosis where there is no instance; secrets are hidden."""
        return {key: hidden(value) if self._hides(key) else value for key, value in written.items()}

    def _hides(self, key: str) -> bool:
        """Return whether the value of a key may be a secret; one that is unknown may."""
        kind = (fields_of(self.cls) or {}).get(known_as(self.cls, key))
        return kind is None or "Secret" in repr(kind) or not _is_builtin(kind)


class DataclassModel(SettingsModel):
    """A stdlib dataclass, which this host reads itself."""

    def __init__(self, cls: Any, prefix: str) -> None:
        super().__init__(cls, prefix)
        self._type = compile_dataclass(cls, prefix)

    def read(self, values: Mapping[str, Any], faults: list[Fault]) -> Any:
        """Return an instance; see ``SettingsModel``."""
        return self._type.read(values, (), faults)

    def schema(self, definitions: Definitions) -> Schema:
        """Return the schema; see ``SettingsModel``."""
        return self._type.schema(definitions)

    def dump(self, instance: Any) -> Any:
        """Return plain values; see ``SettingsModel``."""
        return _dumped(instance)

    def _hides(self, key: str) -> bool:
        return self._type.hides(key)


class MsgspecModel(SettingsModel):
    """A ``msgspec.Struct``. Its library stops at the first fault, so that each field is read for itself."""

    def read(self, values: Mapping[str, Any], faults: list[Fault]) -> Any:
        """Return an instance; see ``SettingsModel``."""
        msgspec = importlib.import_module("msgspec")
        faults += unknown_keys(self.cls, values, ())
        given = {known_as(self.cls, key): value for key, value in values.items()}
        for field in msgspec.structs.fields(self.cls):
            if field.required and field.encode_name not in given:
                faults.append(Fault((field.encode_name,), "is missing"))
            elif field.encode_name in given and not isinstance(given[field.encode_name], Unresolved):
                self._convert(given[field.encode_name], field.type, (field.encode_name,), faults)
        return Unresolved() if faults else self._convert(given, self.cls, (), faults)

    def _convert(self, value: Any, kind: Any, path: Path, faults: list[Fault]) -> Any:
        msgspec = importlib.import_module("msgspec")
        try:
            return msgspec.convert(plain(value), kind, strict=not has_text(value), dec_hook=_secret_of)
        except msgspec.ValidationError as error:
            text, _, inner = str(error).partition(" - at `$")
            faults.append(Fault((*path, *_steps(inner.rstrip("`"))), f"is not valid: {text}"))
        except (TypeError, ValueError) as error:
            faults.append(Fault(path, f"is not valid: {message_of(error)}"))
        return Unresolved()

    def schema(self, definitions: Definitions) -> Schema:
        """Return the schema; see ``SettingsModel``."""
        json_module = importlib.import_module("msgspec.json")
        template = f"#/$defs/{self.prefix}.{{name}}"
        (root,), components = json_module.schema_components(
            (self.cls,), schema_hook=lambda kind: {"type": "string"} if kind is Secret else {}, ref_template=template
        )
        definitions.update({f"{self.prefix}.{name}": close_schema(one) for name, one in components.items()})
        return dict(root)

    def dump(self, instance: Any) -> Any:
        """Return plain values; see ``SettingsModel``."""
        return importlib.import_module("msgspec").to_builtins(instance, enc_hook=lambda value: HIDDEN)


class PydanticModel(SettingsModel):
    """A pydantic model."""

    def read(self, values: Mapping[str, Any], faults: list[Fault]) -> Any:
        """Return an instance; see ``SettingsModel``."""
        unresolved = {fault.path for fault in faults}
        faults += unknown_keys(self.cls, values, ())
        known = {known_as(self.cls, key): value for key, value in values.items()}
        try:
            instance = self.cls.model_validate({key: plain(value) for key, value in known.items()})
        except ValueError as error:
            if not hasattr(error, "errors"):
                raise
            for one in error.errors(include_input=False, include_url=False, include_context=False):
                if not any(tuple(one["loc"][: len(path)]) == path for path in unresolved):
                    faults.append(_pydantic_fault(one))
            return Unresolved()
        return Unresolved() if faults else instance

    def schema(self, definitions: Definitions) -> Schema:
        """Return the schema; see ``SettingsModel``."""
        root = self.cls.model_json_schema(ref_template=f"#/$defs/{self.prefix}.{{model}}")
        definitions.update({f"{self.prefix}.{name}": close_schema(one) for name, one in root.pop("$defs", {}).items()})
        if "$ref" in root:
            return {"$ref": root["$ref"]}
        definitions[f"{self.prefix}.{self.cls.__name__}"] = close_schema(root)
        return {"$ref": f"#/$defs/{self.prefix}.{self.cls.__name__}"}

    def dump(self, instance: Any) -> Any:
        """Return plain values; see ``SettingsModel``."""
        return instance.model_dump(mode="json", by_alias=True)


def settings_model(cls: Any, extension: str) -> SettingsModel:
    """Return the model of a settings class.

    Args:
        cls: the class.
        extension: the extension's name, with which its definitions in a schema begin.

    Raises:
        ExtensionError: the class is of another kind, or has a field of a type that settings cannot have.
    """
    prefix = "".join(character if character.isalnum() or character in "-_" else "_" for character in extension)
    if hasattr(cls, "__struct_fields__") and hasattr(cls, "__struct_config__"):
        return MsgspecModel(cls, prefix)
    if hasattr(cls, "model_validate") and hasattr(cls, "model_json_schema"):
        return PydanticModel(cls, prefix)
    if dataclasses.is_dataclass(cls):
        return DataclassModel(cls, prefix)
    raise ExtensionError(
        f"'settings' must be {_KINDS}, found the class {cls.__name__}",
        remedy=f"Write @dataclasses.dataclass above 'class {cls.__name__}', or give the attribute another name.",
    )


def _is_builtin(kind: Any) -> bool:
    return getattr(kind, "__module__", "") in ("builtins", "typing")


def _secret_of(kind: Any, value: Any) -> Any:
    """Convert what msgspec does not know: a secret."""
    if kind is Secret and isinstance(value, str | Secret):
        return value if isinstance(value, Secret) else Secret(value)
    raise TypeError(f"Expected `str`, got `{type(value).__name__}`" if kind is Secret else f"no settings are {kind}")


def _pydantic_fault(error: Mapping[str, Any]) -> Fault:
    path = tuple(error["loc"])
    return Fault(path, "is missing" if error["type"] == "missing" else f"is not valid: {error['msg']}")


def _steps(text: str) -> Iterator[str | int]:
    """Yield the keys and indexes of a path that msgspec writes as ``.rules[0].name``."""
    for part in text.replace("[", ".[").split("."):
        if part.startswith("[") and part[1:-1].isdigit():
            yield int(part[1:-1])
        elif part:
            yield part


def _dumped(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _dumped(getattr(value, field.name, None)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: _dumped(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_dumped(item) for item in value]
    return HIDDEN if isinstance(value, Secret) else value.value if isinstance(value, Enum) else value


def _overlaid(shown: Any, written: Any) -> Any:
    """Return ``shown`` with the references of ``written`` in their places: what they refer to may be a secret."""
    if is_reference(written):
        return written
    if isinstance(shown, dict) and isinstance(written, Mapping):
        folded = {str(key).casefold(): value for key, value in written.items()}
        return {key: _overlaid(value, folded.get(str(key).casefold())) for key, value in shown.items()}
    if isinstance(shown, list) and isinstance(written, list | tuple) and len(shown) == len(written):
        return [_overlaid(one, other) for one, other in zip(shown, written, strict=True)]
    return shown
