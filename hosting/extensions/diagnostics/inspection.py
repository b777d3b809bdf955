"""Inspection of one extension without a host, for ``hosting check``: what loading it would find."""

from __future__ import annotations

from typing import Any, NamedTuple

from hosting.errors import ExtensionError
from hosting.extensions._hooks import spec_arguments
from hosting.extensions._model import Extension
from hosting.extensions._sdk import is_sdk_class


class Inspection(NamedTuple):
    """What an entry point's object is as an extension."""

    hooks: tuple[str, ...] = ()
    """The names of its hooks."""
    warnings: tuple[tuple[str, str], ...] = ()
    """What is probably a mistake, though nothing fails: messages, each with its remedy."""
    errors: tuple[ExtensionError, ...] = ()
    """Everything that makes it an invalid extension; a host reports the first."""


def known_hooks() -> tuple[str, ...]:
    """Return the names of all hooks, in lifecycle order."""
    return tuple(spec_arguments())


def inspect_target(name: str, group: str, target: Any) -> Inspection:
    """Check the hooks of an entry point's object; no hook is called.

    Args:
        name: the entry point's name.
        group: its group, ``hosting`` or ``hosting.functions``.
        target: the module, object or class that it names. A class is instantiated; one of Azure's interface is not
            checked.

    Raises:
        Exception: what the class raises when it is instantiated.
    """
    from hosting.extensions._registration import try_register

    if is_sdk_class(target):
        return Inspection()
    extension = Extension(name, group=group)
    try:
        errors = try_register(extension, target)
    except ExtensionError as error:
        errors = [error]
    return Inspection(tuple(extension.hooks), extension.warnings, tuple(errors))
