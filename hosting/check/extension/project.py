"""An extension's project as its checks see it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from hosting.apps.requirements import line_number
from hosting.check.probe.parent import Probed, probe_extension
from hosting.check.source.modules import Source, read_sources
from hosting.check.source.packages import Installed
from hosting.extensions import GROUPS

MANIFEST = "pyproject.toml"


class EntryPoint(NamedTuple):
    """One line of ``[project.entry-points.GROUP]``."""

    group: str
    name: str
    value: str
    line: int | None

    @property
    def module(self) -> str:
        return self.value.partition(":")[0].strip()


class ExtensionProject:
    """The project in ``root``; ``broken`` says why its pyproject.toml cannot be read."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.text = (root / MANIFEST).read_text("utf-8", "replace")
        self.broken: tomllib.TOMLDecodeError | None = None
        self.manifest: Mapping[str, Any] = {}
        try:
            self.manifest = tomllib.loads(self.text)
        except tomllib.TOMLDecodeError as error:
            self.broken = error
        self.installed = Installed()

    @property
    def project(self) -> Mapping[str, Any]:
        return _table(self.manifest, "project")

    def table(self, key: str) -> Mapping[str, Any]:
        """A table of the project's; empty where there is none."""
        return _table(self.project, key)

    @property
    def name(self) -> str:
        return str(self.project.get("name", ""))

    @cached_property
    def entry_points(self) -> list[EntryPoint]:
        """Those of hosting's groups, and of groups that are named like them."""
        groups = self.table("entry-points")
        return [
            EntryPoint(group, name, str(value), self._entry_line(name, str(value)))
            for group, entries in groups.items()
            if group.partition(".")[0] == "hosting" and isinstance(entries, dict)
            for name, value in entries.items()
        ]

    @property
    def read_entry_points(self) -> list[EntryPoint]:
        """Those that hosting reads."""
        return [one for one in self.entry_points if one.group in GROUPS]

    @cached_property
    def packages(self) -> dict[str, Path]:
        """The top-level packages and modules that the entry points name, and where their source is."""
        tops = dict.fromkeys(one.module.partition(".")[0] for one in self.read_entry_points)
        return {top: place for top in tops if (place := self._place(top)) is not None}

    @cached_property
    def sources(self) -> list[Source]:
        """The files of those packages."""
        return [source for place in self.packages.values() for source in self._sources(place)]

    @cached_property
    def probed(self) -> Probed:
        """The entry points imported from the source, in a process of its own."""
        return probe_extension(self.root, [one[:3] for one in self.read_entry_points])

    def _entry_line(self, name: str, value: str) -> int | None:
        entry = re.compile(rf"""^\s*['"]?{re.escape(name)}['"]?\s*=\s*['"]{re.escape(value)}""", re.MULTILINE)
        found = entry.search(self.text)
        return self.text.count("\n", 0, found.end()) + 1 if found else self.line(value)

    def line(self, wanted: str) -> int | None:
        """The line of pyproject.toml that has a text."""
        return line_number(self.text, wanted)

    def _sources(self, place: Path) -> list[Source]:
        return [Source(place, self.root)] if place.is_file() else read_sources(self.root, place, lambda _: False)

    def _place(self, top: str) -> Path | None:
        return next((place for place in self._candidates(top) if place.exists()), None)

    def _candidates(self, top: str) -> Iterator[Path]:
        for folder in (self.root / "src", self.root):
            yield folder / top
            yield folder / f"{top}.py"


def _table(parent: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = parent.get(key)
    return value if isinstance(value, dict) else {}


def is_extension(root: Path) -> bool:
    """Whether a folder holds the project of an extension; one that cannot be read might."""
    if not (root / MANIFEST).is_file():
        return False
    project = ExtensionProject(root)
    return project.broken is not None or bool(project.entry_points)
