"""What a host changes in the process of a test, and how it is put back: path, modules, environment, log levels."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

from hosting.apps.imports import NAMESPACE, PACKAGES, is_app_file

_LOGGERS = ("", "hosting", "hosting.function", "hosting.extensions")


class Surroundings:
    """This process around one host. What is changed is put back, unless somebody else has changed it again meanwhile.

    Args:
        root: the app's folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._path = list(sys.path)
        self._modules = dict(sys.modules)
        self._taken: dict[str, ModuleType] = {}
        self._environ: dict[str, tuple[str | None, str]] = {}
        self._levels: dict[logging.Logger, tuple[int, int]] = {}

    def set(self, environ: Mapping[str, str]) -> None:
        """Make ``os.environ`` say what ``environ`` does."""
        for name, value in environ.items():
            before = os.environ.get(name)
            if before != value:
                self._environ[name] = (before, value)
                os.environ[name] = value

    def listen(self, handler: logging.Handler) -> None:
        """Have ``handler`` get every record from information level on."""
        for logger in map(logging.getLogger, _LOGGERS):
            if logger.getEffectiveLevel() > logging.INFO:
                self._levels[logger] = (logger.level, logging.INFO)
                logger.setLevel(logging.INFO)
        logging.getLogger().addHandler(handler)

    def loaded(self) -> None:
        """The app is imported: note which modules of the test had to go for its own."""
        gone = {name: module for name, module in self._modules.items() if sys.modules.get(name) is not module}
        self._taken = {name: module for name, module in gone.items() if name.partition(".")[0] != NAMESPACE}

    def restore(self) -> None:
        """Put everything back."""
        for logger, (before, ours) in self._levels.items():
            if logger.level == ours:
                logger.setLevel(before)
        for name, (value, own) in self._environ.items():
            if os.environ.get(name) == own:
                _set(name, value)
        for entry in (str(self._root), str(self._root / PACKAGES)):
            if entry not in self._path and entry in sys.path:
                sys.path.remove(entry)
        self._restore_modules()

    def _restore_modules(self) -> None:
        fresh = [(name, module) for name, module in sys.modules.items() if self._modules.get(name) is not module]
        # Named first and deleted afterwards: a namespace package cannot tell its path once its parent is gone.
        for name in [name for name, module in fresh if _belongs(module, self._root)]:
            del sys.modules[name]
        for name, module in self._taken.items():
            # One whose app is closed meanwhile would be in the way of the next app's.
            if name not in sys.modules and _home(name, module) in sys.path:
                sys.modules[name] = module


def _set(name: str, value: str | None) -> None:
    if value is None:
        del os.environ[name]
    else:
        os.environ[name] = value


def _belongs(module: ModuleType, root: Path) -> bool:
    return any(Path(place) == root or is_app_file(place, root) for place in _places(module))


def _places(module: ModuleType) -> list[str]:
    attributes = getattr(module, "__dict__", {})
    file = attributes.get("__file__")
    return [file] if isinstance(file, str) else [str(entry) for entry in attributes.get("__path__") or ()]


def _home(name: str, module: ModuleType) -> str | None:
    """The entry of the path that a module was found in."""
    file = getattr(module, "__dict__", {}).get("__file__")
    if not isinstance(file, str):
        return None
    depth = len(name.split(".")) + (Path(file).stem == "__init__")
    parents = [str(parent) for parent in Path(file).parents]
    return parents[depth - 1] if 0 < depth <= len(parents) else None
