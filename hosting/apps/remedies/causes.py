"""Choosing the remedy of an exception by its cause."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from hosting.apps.imports import is_app_file
from hosting.apps.remedies.distributions import provider
from hosting.apps.remedies.frames import importer
from hosting.apps.remedies.imports import (
    attribute_remedy,
    circular_import_remedy,
    missing_module_remedy,
    missing_name_remedy,
    relative_import_remedy,
)
from hosting.apps.remedies.libraries import library_remedy
from hosting.apps.remedies.python_versions import syntax_remedy
from hosting.apps.remedies.settings import key_remedy, named_remedy, none_remedy

_MAX_CAUSES = 10


def remedy_for(
    error: BaseException, root: Path, first: Callable[[BaseException, Path], str | None] = lambda *_: None
) -> str:
    """Return what to do about an exception of the app's code, one or two sentences.

    Args:
        error: the exception, with its traceback. If nothing is known about it, the one that it was raised from counts.
        root: the app's folder.
        first: returns a remedy that goes before all others, or None.
    """
    try:
        found = first(error, root)
        found = found or next(filter(None, (_remedy(one, root) for one in _chain(error))), None)
        found = found or none_remedy(error, root)
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 - a remedy is a guess, and looks at objects of the app that may raise anything
        found = None
    return found or "Run with --verbose to see the full traceback."


def _chain(error: BaseException) -> Iterator[BaseException]:
    current: BaseException | None = error
    for _ in range(_MAX_CAUSES):
        if current is not None:
            yield current
            current = current.__cause__


def _remedy(error: BaseException, root: Path) -> str | None:
    known = circular_import_remedy(error, root) or library_remedy(error)
    if known is not None:
        return known
    match error:
        case ModuleNotFoundError() if error.name:
            return missing_module_remedy(error, error.name, root)
        case ImportError():
            relative = relative_import_remedy(error, root)
            return relative or (missing_name_remedy(error, error.name, root) if error.name else None)
        case SyntaxError():
            return _syntax_remedy(error, root)
        case SystemExit():
            ends = "Remove this call: importing a module must not end the process."
            return named_remedy(error) or none_remedy(error, root) or ends
        case KeyError():
            return key_remedy(error) or named_remedy(error)
        case AttributeError():
            return attribute_remedy(error, root)
        case _:
            return named_remedy(error)


def _syntax_remedy(error: SyntaxError, root: Path) -> str:
    remedy = syntax_remedy(error)
    if not error.filename or is_app_file(error.filename, root):
        return remedy
    found = provider(importer(error)) if importer(error) else None
    name = f"{found[0]} {found[1]}" if found else "The package"
    return f"{name} has this file, {error.filename}. Install a version for this Python. {remedy}"
