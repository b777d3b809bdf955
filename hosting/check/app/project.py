"""What is looked at in a function app, one room after the other."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from hosting.apps.expansion import AppSettings
from hosting.apps.local_settings import LocalSettings, read_local_settings
from hosting.check.probe.parent import Probed, probe_app
from hosting.check.source.ignore_files import Ignored
from hosting.check.source.modules import Source, is_foreign, read_sources
from hosting.check.source.packages import Installed
from hosting.errors import HostingError


class AppProject:
    """A function app as its checks see it; what is costly is looked up when it is asked for."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.ignored = Ignored(root)
        self.installed = Installed()

    @cached_property
    def sources(self) -> list[Source]:
        """The Python files that are deployed, but for tests."""
        return read_sources(self.root, self.root, self._is_left_out)

    @cached_property
    def modules(self) -> frozenset[str]:
        """The first names of the modules that the app has itself."""
        return frozenset({"__app__", "__main__", *_modules(self.root)})

    @cached_property
    def probed(self) -> Probed:
        """The app loaded as ``hosting start`` loads it, in a process of its own."""
        return probe_app(self.root)

    @cached_property
    def host_json(self) -> dict[str, Any] | None:
        """``host.json`` as it stands; None where it is missing or cannot be read."""
        from hosting.apps.json_files import read_json

        try:
            return read_json(self.root / "host.json", HostingError).content
        except HostingError:
            return None

    def section(self, *keys: str) -> Mapping[str, Any]:
        """An object inside host.json; empty where there is none."""
        found: Any = self.host_json
        for key in keys:
            found = found.get(key) if isinstance(found, dict) else None
        return found if isinstance(found, dict) else {}

    @cached_property
    def settings(self) -> AppSettings:
        """The values of ``local.settings.json``; empty where it cannot be used."""
        try:
            return AppSettings(read_local_settings(self.root).values)
        except HostingError:
            return AppSettings(LocalSettings(self.root).values)

    def shown(self, file: str | None) -> str | None:
        """A path as findings tell it: relative to the app where it is inside."""
        if file is None or not os.path.isabs(file):
            return file
        path = Path(file)
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else file

    def _is_left_out(self, path: str) -> bool:
        name = path.rstrip("/").rpartition("/")[2]
        is_test = name in ("tests", "test", "conftest.py") or (name.startswith("test_") and name.endswith(".py"))
        return is_test or self.ignored.by_functions(path)


def _modules(root: Path) -> Iterator[str]:
    for path in root.iterdir():
        if path.suffix == ".py":
            yield path.stem
        elif path.is_dir() and not is_foreign(path) and any(path.rglob("*.py")):
            yield path.name


def is_app(root: Path) -> bool:
    """Whether a folder holds a function app."""
    return any((root / name).is_file() for name in ("host.json", "function_app.py")) or any(
        root.glob("*/function.json")
    )
