"""The extension's project that is checked."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from hosting.apps.requirements import line_number
from hosting.check.probe.parent import ProbeResult, probe_extension
from hosting.check.source.modules import Source, read_sources
from hosting.check.source.packages import InstalledPackages
from hosting.extensions import GROUPS

MANIFEST = "pyproject.toml"


class EntryPoint(NamedTuple):
    """One line of ``[project.entry-points.GROUP]``; ``line`` is its number, counted from 1."""

    group: str
    name: str
    value: str
    line: int | None

    @property
    def module(self) -> str:
        """The module of the entry point's value."""
        return self.value.partition(":")[0].strip()


class ExtensionProject:
    """A project with a ``pyproject.toml``; what is costly to find out is found out at first use.

    Args:
        root: the project's folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.text = (root / MANIFEST).read_text("utf-8", "replace")
        self.manifest: Mapping[str, Any] = {}
        self.error: tomllib.TOMLDecodeError | None = None
        """Why ``pyproject.toml`` cannot be read, if it cannot."""
        try:
            self.manifest = tomllib.loads(self.text)
        except tomllib.TOMLDecodeError as error:
            self.error = error
        self.installed = InstalledPackages()

    @property
    def project(self) -> Mapping[str, Any]:
        """The table ``project``; empty if there is none."""
        return _table(self.manifest, "project")

    def table(self, key: str) -> Mapping[str, Any]:
        """Return a table inside ``project``; empty if there is none."""
        return _table(self.project, key)

    @property
    def name(self) -> str:
        """The name of the project; empty if pyproject.toml has none."""
        return str(self.project.get("name", ""))

    @cached_property
    def entry_points(self) -> list[EntryPoint]:
        """The entry points in hosting's groups and in groups with similar names."""
        groups = self.table("entry-points")
        return [
            EntryPoint(group, name, str(value), self._entry_line(name, str(value)))
            for group, entries in groups.items()
            if group.partition(".")[0] == "hosting" and isinstance(entries, dict)
            for name, value in entries.items()
        ]

    @property
    def read_entry_points(self) -> list[EntryPoint]:
        """The entry points in groups that hosting reads."""
        return [one for one in self.entry_points if one.group in GROUPS]

    @cached_property
    def packages(self) -> dict[str, Path]:
        """The paths of the top-level packages and modules that the entry points name, if their source exists."""
        tops = dict.fromkeys(one.module.partition(".")[0] for one in self.read_entry_points)
        return {top: path for top in tops if (path := self._find_package(top)) is not None}

    @cached_property
    def sources(self) -> list[Source]:
        """The Python files of those packages."""
        return [source for path in self.packages.values() for source in self._sources(path)]

    @cached_property
    def probe(self) -> ProbeResult:
        """The result of importing the entry points from the source, in a process of its own."""
        return probe_extension(self.root, [one[:3] for one in self.read_entry_points])

    def line(self, wanted: str) -> int | None:
        """Return the number of the first line of ``pyproject.toml`` that contains a text; None if no line does."""
        return line_number(self.text, wanted)

    def _entry_line(self, name: str, value: str) -> int | None:
        entry = re.compile(rf"""^\s*['"]?{re.escape(name)}['"]?\s*=\s*['"]{re.escape(value)}""", re.MULTILINE)
        found = entry.search(self.text)
        return self.text.count("\n", 0, found.end()) + 1 if found else self.line(value)

    def _sources(self, path: Path) -> list[Source]:
        return [Source(path, self.root)] if path.is_file() else read_sources(self.root, path, lambda _: False)

    def _find_package(self, top: str) -> Path | None:
        return next((path for path in self._candidates(top) if path.exists()), None)

    def _candidates(self, top: str) -> Iterator[Path]:
        for folder in (self.root / "src", self.root):
            yield folder / top
            yield folder / f"{top}.py"


def _table(parent: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = parent.get(key)
    return value if isinstance(value, dict) else {}


def is_extension(root: Path) -> bool:
    """Return whether a folder contains an extension's project; one whose ``pyproject.toml`` is invalid counts."""
    if not (root / MANIFEST).is_file():
        return False
    project = ExtensionProject(root)
    return project.error is not None or bool(project.entry_points)
