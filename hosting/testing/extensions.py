"""The extensions that a test asks for, by name."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from hosting.errors import ExtensionError
from hosting.extensions import HOOK_GROUPS, installed_entry_points

Extensions: TypeAlias = Mapping[str, Any] | Iterable[Any]
"""By name, or with the names that they have themselves; a text is the name of an installed one."""


def named(extensions: Extensions) -> dict[str, Any]:
    """Give each extension its name.

    Raises:
        ExtensionError: a text is no installed extension's name, or two have one name.
        TypeError: it is one extension, and no list of them.
    """
    if isinstance(extensions, str) or not isinstance(extensions, Iterable):
        raise TypeError(
            f"extensions: expected a list, or extensions by name, found {extensions!r}; write [...] around it"
        )
    if isinstance(extensions, Mapping):
        return {name: _target(target) for name, target in extensions.items()}
    found: dict[str, Any] = {}
    for one in extensions:
        name = _name(one)
        if name in found:
            raise ExtensionError(
                f"two extensions have the name '{name}'", remedy="Give them names: extensions={'first': ..., ...}."
            )
        found[name] = _target(one)
    return found


def _target(one: Any) -> Any:
    return _installed(one) if isinstance(one, str) else one


def _name(one: Any) -> str:
    if isinstance(one, str):
        return one
    if inspect.ismodule(one):
        return one.__name__.rpartition(".")[2]
    if inspect.isclass(one):
        return one.__name__
    name = getattr(one, "name", None)
    return name if isinstance(name, str) else type(one).__name__


def _installed(name: str) -> Any:
    entries = [entry for group in HOOK_GROUPS for entry in installed_entry_points().select(group=group)]
    for entry in entries:
        if entry.name.lower() == name.lower():
            return entry.load()
    known = ", ".join(sorted(entry.name for entry in entries)) or "no extension"
    raise ExtensionError(f"no extension '{name}' is installed", remedy=f"Installed: {known}.")
