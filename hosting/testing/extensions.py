"""Names for the extensions that a test passes in."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from hosting._distributions import distribution_name
from hosting.errors import ExtensionError
from hosting.extensions import HOOK_GROUPS, EntryPoint, installed_entry_points, may_load

Extensions: TypeAlias = Mapping[str, Any] | Iterable[Any]
"""Extensions by name, or a list of extensions with their own names; a text is the name of an installed one."""


def extensions_by_name(extensions: Extensions) -> dict[str, Any]:
    """Return the extensions by name.

    Raises:
        ExtensionError: a text is not the name of an installed extension, ``HOSTING_ALLOW`` does not name its
            distribution, or two extensions have the same name.
        TypeError: ``extensions`` is a single extension.
    """
    if isinstance(extensions, str) or not isinstance(extensions, Iterable):
        raise TypeError(
            f"extensions: expected a list, or extensions by name, found {extensions!r}; put it in a list: [...]"
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
    entries = [entry for entry in installed_entry_points() if entry.group in HOOK_GROUPS]
    for entry in entries:
        if entry.name.lower() == name.lower():
            return _load(entry)
    known = ", ".join(sorted(entry.name for entry in entries)) or "no extension"
    raise ExtensionError(f"no extension '{name}' is installed", remedy=f"Installed: {known}.")


def _load(entry: EntryPoint) -> Any:
    if may_load(entry, os.environ):
        return entry.load()
    owner = distribution_name(entry.dist) or entry.value
    message = f"extension '{entry.name}' may not load: HOSTING_ALLOW does not name {owner}"
    raise ExtensionError(message, remedy=f"Add {owner} to HOSTING_ALLOW.")
