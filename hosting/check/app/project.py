"""The function app that is checked."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

from hosting.app_settings import AppSettings
from hosting.apps.json_files import read_json
from hosting.apps.json_keys import CaselessDict
from hosting.apps.local_settings import LocalSettings, read_local_settings
from hosting.apps.requirements import FILE, RequirementLine, UnparsedLine, parse_requirements, read_requirements
from hosting.check.probe.parent import ProbeResult, probe_app
from hosting.check.source.ignore_files import IgnoreFiles
from hosting.check.source.modules import Import, Source, is_excluded_folder, is_vendored, read_sources
from hosting.check.source.packages import InstalledPackages
from hosting.errors import HostingError

VENDORED = Path(".python_packages", "lib", "site-packages")
"""Where Core Tools put the packages of an app that they build, and where Azure's worker finds them."""
_NOT_OF_THE_APP = frozenset({"tests", "test", "conftest.py", "setup.py", "noxfile.py"})
"""Folders and files that no function imports."""


class AppProject:
    """A function app; what is costly to find out is found out at first use.

    Args:
        root: the app's folder.
        today: the date to compare the end of versions with; None for the current one.
    """

    def __init__(self, root: Path, today: date | None = None) -> None:
        self.root = root
        self.today = today or date.today()
        self.ignore_files = IgnoreFiles(root)
        self.installed = InstalledPackages()

    @cached_property
    def sources(self) -> list[Source]:
        """The Python files that are deployed, except tests."""
        return read_sources(self.root, self.root, self._is_excluded)

    @cached_property
    def modules(self) -> frozenset[str]:
        """The top-level names of the app's own modules."""
        return frozenset({"__app__", "__main__", *_module_names(self.root)})

    def has_module(self, one: Import) -> bool:
        """Return whether an import is of the app's own module, or of one in ``.python_packages``, which is deployed.

        An app may put folders of its own on the import path, so that any of its modules can be a top-level one; but a
        name that an installed package has means the package.
        """
        if one.top in self.modules or is_vendored(self.root / VENDORED, one.name):
            return True
        return one.top in self._nested_modules and not self.installed.providers(one.name)

    @cached_property
    def _nested_modules(self) -> frozenset[str]:
        paths = [source.path.relative_to(self.root) for source in self.sources]
        return frozenset({path.stem for path in paths} | {part for path in paths for part in path.parts[:-1]})

    @cached_property
    def probe(self) -> ProbeResult:
        """The result of loading the app as ``hosting start`` does, in a process of its own."""
        return probe_app(self.root)

    @cached_property
    def host_json(self) -> dict[str, Any] | None:
        """The content of ``host.json``, with keys in any case; None if the file does not exist or cannot be read."""
        try:
            return CaselessDict(read_json(self.root / "host.json", HostingError).content)
        except HostingError:
            return None

    @cached_property
    def requirements(self) -> tuple[list[RequirementLine] | None, list[UnparsedLine]]:
        """The requirements, None without a file that lists them, and the lines that name no package."""
        return read_app_requirements(self.root)

    def section(self, *keys: str) -> Mapping[str, Any]:
        """Return an object inside ``host.json``, found by its keys; empty if there is none."""
        found: Any = self.host_json
        for key in keys:
            found = found.get(key) if isinstance(found, dict) else None
        return found if isinstance(found, dict) else {}

    @cached_property
    def settings(self) -> AppSettings:
        """The values of ``local.settings.json``; empty if the file cannot be used."""
        try:
            return AppSettings(read_local_settings(self.root).values)
        except HostingError:
            return AppSettings(LocalSettings(self.root).values)

    def relative_path(self, file: str | None) -> str | None:
        """Return a path as findings show it: relative to the app's folder if the file is inside."""
        if file is None or not os.path.isabs(file):
            return file
        path = Path(file)
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else file

    def _is_excluded(self, path: str) -> bool:
        name = path.rstrip("/").rpartition("/")[2]
        is_test = name in _NOT_OF_THE_APP or (name.startswith("test_") and name.endswith(".py"))
        return is_test or self.ignore_files.exclude_from_deployment(path)


def _module_names(root: Path) -> Iterator[str]:
    for path in root.iterdir():
        if path.suffix == ".py":
            yield path.stem
        elif path.is_dir() and not is_excluded_folder(path) and any(path.rglob("*.py")):
            yield path.name


def is_app(root: Path) -> bool:
    """Return whether a folder contains a function app."""
    return any((root / name).is_file() for name in ("host.json", "function_app.py")) or any(
        root.glob("*/function.json")
    )


def read_app_requirements(root: Path) -> tuple[list[RequirementLine] | None, list[UnparsedLine]]:
    """Read ``requirements.txt``, or else the dependencies in ``pyproject.toml``, from which Azure builds as well.

    Args:
        root: the app's folder.

    Returns:
        The requirements, None without a file that lists them, and the lines that name no package.
    """
    if (root / FILE).is_file():
        return read_requirements(root, root / FILE)
    project = root / "pyproject.toml"
    if project.is_file():
        text = project.read_text("utf-8", "replace")
        texts = _dependencies(text)
        if texts is not None:
            return parse_requirements(texts, project.name, text)
    return None, []


def _dependencies(text: str) -> list[str] | None:
    """Return the dependencies in the text of a ``pyproject.toml``, those of Poetry by their names; None without any."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None
    match content:
        case {"project": {"dependencies": list(listed)}}:
            return list(map(str, listed))
        case {"tool": {"poetry": {"dependencies": dict(by_name)}}}:
            return [name for name in by_name if name != "python"]
    return None
