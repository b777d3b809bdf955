"""Files of an extension's project besides its code: README, license, ``py.typed``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from hosting.check.extension.project import MANIFEST, ExtensionProject
from hosting.check.report import Finding, finding
from hosting.check.source.secrets import read_text

TYPED = "py.typed"
SETTINGS_HOOKS = frozenset({"configure", "configure_function"})
_HEADING = re.compile(r"^#{1,6}\s+(.+)$|^(.+)\n(?:=+|-+|~+)$", re.MULTILINE)
_INSTALL = re.compile(r"install", re.IGNORECASE)
_CONFIGURE = re.compile(r"config|setting|option|réglage|paramètre", re.IGNORECASE)


def check_project_files(project: ExtensionProject) -> Iterator[Finding]:
    """Check the files that users and tools need besides the code."""
    yield from _check_readme(project)
    if not _has_license(project):
        remedy = 'Write license = "MIT" or another one, and add the file LICENSE.'
        yield finding("EXT302", "there is no license", remedy, MANIFEST)
    for top, path in project.packages.items():
        if path.is_dir() and not (path / TYPED).is_file():
            folder = path.relative_to(project.root).as_posix()
            yield finding("EXT303", f"{top} has no {TYPED}", f"Add an empty file {folder}/{TYPED}.", folder)


def _check_readme(project: ExtensionProject) -> Iterator[Finding]:
    path = _readme_file(project)
    if path is None:
        yield finding("EXT301", "there is no README", 'Write README.md, and readme = "README.md".', MANIFEST)
        return
    headings = [first or second for first, second in _HEADING.findall(read_text(path))]
    file = path.relative_to(project.root).as_posix()
    if not any(map(_INSTALL.search, headings)):
        remedy = "Add a heading such as '## Install'."
        yield finding("EXT301", "the README has no section about installation", remedy, file)
    if _has_settings(project) and not any(map(_CONFIGURE.search, headings)):
        remedy = "Add a heading such as '## Configure', and describe each setting."
        yield finding("EXT301", "the README has no section about configuration", remedy, file)


def _readme_file(project: ExtensionProject) -> Path | None:
    value = project.project.get("readme")
    name = value.get("file") if isinstance(value, dict) else value
    names = [str(name)] if name else sorted(path.name for path in project.root.glob("README*"))
    return next((project.root / one for one in names if (project.root / one).is_file()), None)


def _has_settings(project: ExtensionProject) -> bool:
    entry_points = project.probe.document.get("entry_points", ())
    return any(SETTINGS_HOOKS & set(one["hooks"]) for one in entry_points)


def _has_license(project: ExtensionProject) -> bool:
    named = "license" in project.project or "License ::" in str(project.project.get("classifiers"))
    return named or any(
        path.is_file() for pattern in ("LICEN[CS]E*", "COPYING*") for path in project.root.glob(pattern)
    )
