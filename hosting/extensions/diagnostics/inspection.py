"""Looking at one extension as the host does when it loads it, without a host: for who checks before publishing."""

from __future__ import annotations

from typing import Any, NamedTuple

from hosting.errors import ExtensionError
from hosting.extensions._hooks import spec_arguments
from hosting.extensions._model import Extension
from hosting.extensions._sdk import is_sdk_class


class Examined(NamedTuple):
    """What an entry point's object is as an extension; ``error`` is why it cannot be one."""

    hooks: tuple[str, ...] = ()
    warnings: tuple[tuple[str, str], ...] = ()
    """What its author can hardly have meant though it breaks nothing, each with its remedy."""
    error: ExtensionError | None = None


def known_hooks() -> tuple[str, ...]:
    """The names of all hooks, in lifecycle order."""
    return tuple(spec_arguments())


def examine(name: str, group: str, target: Any) -> Examined:
    """Make what an entry point names, and check its hooks against the specification; no hook is called.

    Args:
        name: the entry point's name.
        group: its group, ``hosting`` or ``hosting.functions``.
        target: the module, object or class that it names. One of Azure's extension classes has nothing to be checked.

    Raises:
        Exception: whatever the class raises when it is made.
    """
    from hosting.extensions._registration import register

    if is_sdk_class(target):
        return Examined()
    extension = Extension(name, group=group)
    try:
        register(extension, target)
    except ExtensionError as error:
        return Examined(error=error)
    return Examined(tuple(extension.hooks), extension.warnings)
