"""Hooks in the app's code that nothing registers: they look as if they ran, and never do."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Collection, Iterable, Iterator
from types import FunctionType, ModuleType
from typing import Any

from hosting.core import Problem
from hosting.extensions._discovery import installed_entry_points
from hosting.extensions._hooks import MARKER
from hosting.extensions._local import LocalEntry, is_below
from hosting.extensions._model import Extension


def loose_hooks(root: str, extensions: Iterable[Extension], entries: Iterable[LocalEntry]) -> list[Problem]:
    """Return a problem for each module of an app with marked functions that no extension has.

    Args:
        root: the app's folder.
        extensions: all extensions.
        entries: ``extensionHost.load``: modules that it names are extensions, though they may have failed.
    """
    root = os.path.realpath(root)
    functions = [hook.function for one in extensions for hook in one.hooks.values()]
    registered = {id(getattr(function, "__func__", function)) for function in functions}
    found = {module.__name__: problem for module in _app_modules(root) for problem in _loose_hooks(module, registered)}
    named = {entry.module for entry in entries if not entry.attribute}
    named |= {one.value.partition(":")[0] for one in installed_entry_points()} if found else set()
    return [problem for module, problem in found.items() if module not in named]


def _loose_hooks(module: ModuleType, registered: Collection[int]) -> Iterator[Problem]:
    found = [
        value
        for value in list(vars(module).values())
        if type(value) is FunctionType and value.__module__ == module.__name__ and id(value) not in registered
        if isinstance(inspect.getattr_static(value, MARKER, None), dict)
    ]
    if found:
        names = ", ".join(repr(function.__name__) for function in found)
        yield Problem(
            "warning",
            f"The app's module {module.__name__!r} has hooks that nothing registers, so that they never run: {names}",
            "Move the functions to a class, and write hosting.extension(THE_CLASS) below it; or to a module, and name "
            "it in extensionHost.load of host.json.",
            file=str(module.__file__),
            line=found[0].__code__.co_firstlineno,
        )


def _app_modules(root: str) -> Iterator[Any]:
    """Yield the imported modules of an app, without those of its tests."""
    prefix = os.path.join(root, "")
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and file.startswith(prefix) and is_below(file, root):
            parts = file.removeprefix(prefix).split(os.sep)
            if "tests" not in parts and not parts[-1].startswith(("test_", "conftest")):
                yield module
