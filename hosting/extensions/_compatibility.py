"""Compatibility of an extension with this version of the interface, when it is registered."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

from hosting._interface import INTERFACE, ExperimentalWarning, interface_text
from hosting.errors import ExtensionError
from hosting.extensions._hooks import spec_warnings
from hosting.extensions._model import Hook

ATTRIBUTE = "requires_interface"
"""The attribute of a module, class or object with the version of the interface that it needs at least."""


def check_interface(plugin: Any) -> None:
    """Check that this host has the interface that an extension needs.

    Raises:
        ExtensionError: it is made for a newer one, or for another major version; or the attribute is not a version.
    """
    needed = inspect.getattr_static(plugin, ATTRIBUTE, None)
    if needed is None:
        return
    if not (isinstance(needed, tuple) and len(needed) == 2 and all(type(number) is int for number in needed)):
        raise ExtensionError(
            f"{ATTRIBUTE!r} must be a version of the interface, found {needed!r}",
            remedy=f"Write {ATTRIBUTE} = {INTERFACE}, as hosting.INTERFACE has it.",
        )
    major, minor = needed
    if major != INTERFACE[0] or minor > INTERFACE[1]:
        raise ExtensionError(
            f"it needs the interface {interface_text(needed)} of hosting, and this version of "
            f"hosting has {interface_text()}",
            remedy="Install a newer version of the extension."
            if major < INTERFACE[0]
            else "Install a newer version of hosting, or an older one of the extension.",
        )


def warn_of_changes(extension: str, hooks: Iterable[Hook]) -> Iterator[tuple[str, str]]:
    """Warn of each hook, and of each argument that a hook takes, that leaves the interface or may still change.

    The warning has the file and the line of the implementation.

    Args:
        extension: the extension's name.
        hooks: its hooks.

    Yields:
        The messages, each with its remedy, for the diagnosis.
    """
    for hook in hooks:
        on_hook, on_arguments = spec_warnings(hook.name)
        taken = [text for name, text in on_arguments.items() if name in (*hook.positional, *hook.keywords)]
        for warning in filter(None, (on_hook, *taken)):
            _warn(extension, hook, warning)
            what = "may still change" if isinstance(warning, ExperimentalWarning) else "is deprecated"
            yield f"its hook {hook.name!r} {what}: {warning}", "Ask its authors for a version that does not need it."


def _warn(extension: str, hook: Hook, warning: Warning) -> None:
    function = inspect.unwrap(getattr(hook.function, "__func__", hook.function))
    code = getattr(function, "__code__", None)
    warnings.warn_explicit(
        f"extension {extension!r}, hook {hook.name!r}: {warning}",
        type(warning),
        filename=code.co_filename if code else "<unknown>",
        lineno=code.co_firstlineno if code else 1,
        module=getattr(function, "__module__", None),
    )
