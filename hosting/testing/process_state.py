"""Restores what a host changes in the process of a test: path, modules, environment, log levels and structlog."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import TypeAlias, TypeVar

from hosting.apps.imports import NAMESPACE, SITE_PACKAGES, is_app_file, module_places
from hosting.apps.web import unload_web_extension, web_extension
from hosting.extensions import SdkRegistrations
from hosting.logging.structlog import StructlogConfig, StructlogDefaults, read_config, write_config
from hosting.testing.app_effects import AppEffects

_LOGGERS = ("", "hosting", "hosting.function", "hosting.extensions")


K = TypeVar("K")
V = TypeVar("V")
Changes: TypeAlias = dict[K, tuple[V, V]]
"""The value before the change, and the value that was set, by key."""


class HostHandler(logging.Handler):
    """A host's handler on the root logger. The order of these handlers tells in which order hosts were opened."""

    process_state: ProcessState


class ProcessState:
    """The process state that one host changes. It is restored unless other code has changed it again meanwhile.

    Args:
        root: the app's folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._path = list(sys.path)
        self._modules = dict(sys.modules)
        self._displaced: dict[str, ModuleType] = {}
        self._environ: Changes[str, str | None] = {}
        self._levels: Changes[logging.Logger, int] = {}
        self._effects: AppEffects | None = None
        self._defaults: StructlogDefaults | None = None
        self._config: StructlogConfig | None = None
        self._configs: Changes[str, StructlogConfig | None] = {}
        self._found_sdk = SdkRegistrations.read()
        self._has_web_extension = web_extension() is not None
        self._sdk: Changes[str, SdkRegistrations] = {}

    def set(self, environ: Mapping[str, str]) -> None:
        """Set the variables of ``environ`` in ``os.environ``."""
        for name, value in environ.items():
            self._environ[name] = (os.environ.get(name), value)
            os.environ[name] = value
        self._effects = AppEffects()

    def add_handler(self, handler: HostHandler) -> None:
        """Add ``handler`` to the root logger, and lower log levels so that it gets all records from INFO on.

        The lines of structlog come to it, too, unless structlog is configured.
        """
        for logger in map(logging.getLogger, _LOGGERS):
            before = logger.level
            if logger.getEffectiveLevel() > logging.INFO:
                logger.setLevel(logging.INFO)
            self._levels[logger] = (before, logger.level)
        handler.process_state = self
        logging.getLogger().addHandler(handler)
        self._defaults = StructlogDefaults.acquire()
        self._config = read_config()

    def note_imported_app(self) -> None:
        """Note, after the app is imported, which modules of the test it replaced, and how it configured structlog."""
        self._note_config()
        self._note_effects()
        self._sdk["registrations"] = (self._found_sdk, SdkRegistrations.read())
        gone = {name: module for name, module in self._modules.items() if sys.modules.get(name) is not module}
        self._displaced = {name: module for name, module in gone.items() if name.partition(".")[0] != NAMESPACE}

    def restore(self) -> None:
        """Undo all changes."""
        later = self._later()
        if self._effects is not None:
            self._effects.restore()
        for logger, level in _undone(self._levels, [one._levels for one in later]):
            if logger.level == self._levels[logger][1]:
                logger.setLevel(level)
        for name, value in _undone(self._environ, [one._environ for one in later]):
            if os.environ.get(name) == self._environ[name][1]:
                _set(name, value)
        self._restore_config(later)
        self._restore_sdk(later)
        for entry in (str(self._root), str(self._root / SITE_PACKAGES)):
            if entry not in self._path and entry in sys.path:
                sys.path.remove(entry)
        self._restore_modules()
        if not self._has_web_extension:
            unload_web_extension()  # its presence would say that the next app takes its requests

    def _note_effects(self) -> None:
        if self._effects is not None:
            self._effects.note()

    def _note_config(self) -> None:
        config = read_config()
        if config is not None and config.is_configured and config != self._config:
            self._configs["structlog"] = (self._config, config)

    def _restore_config(self, later: list[ProcessState]) -> None:
        if self._defaults is None:
            return
        if not self._configs:  # the app may have failed after it configured structlog
            self._note_config()
        for name, config in _undone(self._configs, [one._configs for one in later]):
            if read_config() == self._configs[name][1]:
                write_config(config)
        self._defaults.release()

    def _restore_sdk(self, later: list[ProcessState]) -> None:
        """Remove the classes and instances of Azure's interface that the app has registered, when it ran as well."""
        if not self._sdk:  # the app has failed
            self._sdk["registrations"] = (self._found_sdk, SdkRegistrations.read())
        for _, found in _undone(self._sdk, [one._sdk for one in later]):
            found.write()

    def _later(self) -> list[ProcessState]:
        """Return the states of hosts that were opened after this one and are still open."""
        known = [one.process_state for one in logging.getLogger().handlers if isinstance(one, HostHandler)]
        return known[known.index(self) + 1 :] if self in known else []

    def _restore_modules(self) -> None:
        fresh = [(name, module) for name, module in sys.modules.copy().items() if self._modules.get(name) is not module]
        # All names are collected first: a namespace package has no path once its parent is deleted.
        for name in [name for name, module in fresh if _belongs(module, self._root)]:
            del sys.modules[name]
        for name, module in self._displaced.items():
            # A module of an app that was closed meanwhile would shadow the next app's.
            if name not in sys.modules and _home(name, module) in sys.path:
                sys.modules[name] = module


def _undone(changes: Changes[K, V], later: list[Changes[K, V]]) -> Iterator[tuple[K, V]]:
    """Return what to restore now. What a later host found as this host left it is restored by that host."""
    for key, (found, own) in changes.items():
        later_change = next((one for one in later if key in one and one[key][0] == own), None)
        if later_change is None:
            yield key, found
        else:
            later_change[key] = (found, later_change[key][1])


def _set(name: str, value: str | None) -> None:
    if value is None:
        del os.environ[name]
    else:
        os.environ[name] = value


def _belongs(module: ModuleType, root: Path) -> bool:
    return any(Path(place) == root or is_app_file(place, root) for place in module_places(module))


def _home(name: str, module: ModuleType) -> str | None:
    """Return the entry of ``sys.path`` from which a module was imported."""
    file = getattr(module, "__dict__", {}).get("__file__")
    if not isinstance(file, str):
        return None
    depth = len(name.split(".")) + (Path(file).stem == "__init__")
    parents = [str(parent) for parent in Path(file).parents]
    return parents[depth - 1] if 0 < depth <= len(parents) else None
