"""Faults of settings: each with the path of the setting, all of them in one error."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from hosting._exceptions import as_repr
from hosting._secret import Secret
from hosting.errors import SettingsError

Path = tuple[str | int, ...]
"""Keys and indexes from an extension's settings to one value."""

_MAX_CHARACTERS = 60


class ReferenceText(str):
    """A text that ``$env``, ``$file`` or ``%NAME%`` stands for: numbers are read from it, and it is never shown."""

    __slots__ = ()


class Unresolved:
    """Stands for a value whose reference has a fault, so that it gets no second one."""


class Fault(NamedTuple):
    """One wrong setting.

    Args:
        path: where it is in the settings; empty for the settings as a whole.
        message: what is wrong: a sentence without its subject, which is the path.
        remedy: what to do; empty if the message says it.
        is_misfit: whether the value is of another type altogether.
    """

    path: Path
    message: str
    remedy: str = ""
    is_misfit: bool = False


class InvalidSettings(SettingsError):
    """Settings of an extension are wrong; the message has each fault with the full path of the setting.

    Args:
        faults: all faults, as lines.
        remedy: what to do.
    """

    def __init__(self, faults: list[str], remedy: str) -> None:
        text = faults[0] if len(faults) == 1 else "\n  ".join((f"{len(faults)} settings are not valid:", *faults))
        super().__init__(text, remedy=remedy)
        self.faults = tuple(faults)


def invalid(faults: Iterable[Fault], origins: Mapping[str, str], default: str) -> InvalidSettings:
    """Return the error for some faults.

    Args:
        faults: at least one.
        origins: the place of each key at the top, in lower case, such as ``extensionHost.extensions.auth.settings``.
        default: where a missing key belongs.
    """
    found = list(faults)
    lines = [f"{_location(one.path, origins, default)} {one.message}" for one in found]
    remedies = dict.fromkeys(one.remedy for one in found if one.remedy)
    if len(found) == 1:
        return InvalidSettings(lines, next(iter(remedies), ""))
    lines = [f"{line}. {one.remedy}" if one.remedy else line for line, one in zip(lines, found, strict=True)]
    return InvalidSettings(lines, "")


def _location(path: Path, origins: Mapping[str, str], default: str) -> str:
    if not path:
        return default
    origin = origins.get(str(path[0]).casefold(), default)
    keys = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)
    return f"{origin}{keys}"


def describe(value: Any, path: Path, *, is_secret: bool = False) -> str:
    """Return a value for a message: what it is, and the value itself if it is short and no secret.

    Args:
        value: what was found.
        path: where; a key such as ``api_key`` says that it is a secret.
        is_secret: whether the setting is a secret.
    """
    from hosting._secret_shapes import is_secret_setting  # slow: only a fault needs it

    kind = _kind(value)
    is_named = any(isinstance(key, str) and is_secret_setting(key, value) for key in path[-2:])
    if is_secret or is_named or isinstance(value, ReferenceText | Mapping | list | tuple | Secret):
        return kind
    text = "null" if value is None else str(value).lower() if isinstance(value, bool) else as_repr(value)
    return text if len(text) <= _MAX_CHARACTERS else kind


def _kind(value: Any) -> str:
    kinds = {Secret: "a secret", str: "text", bool: "true or false", int | float: "a number", Mapping: "an object"}
    if isinstance(value, ReferenceText):
        return "other text in what it refers to"
    if value is None:
        return "null"
    of_kind = (name for kind, name in kinds.items() if isinstance(value, kind))
    return next(of_kind, "a list" if isinstance(value, list | tuple) else type(value).__name__)
