"""The requirements of an app, against its imports and against what Azure can install."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from hosting.apps.requirements import FILE, RequirementLine, UnparsedLine, parse_requirements, read_requirements
from hosting.check.app.project import AppProject
from hosting.check.report import Finding, finding
from hosting.check.source.imports import Unlisted, unlisted

SDK = "azure-functions"
WORKER = "azure-functions-worker"
LINUX: Mapping[str, str] = {"os_name": "posix", "sys_platform": "linux", "platform_system": "Linux", "extra": ""}
NOT_FOR_LINUX = frozenset(
    {"appnope", "comtypes", "pypiwin32", "pywin32", "pywin32-ctypes", "pywinpty", "windows-curses", "wmi", "xattr"}
)
_TOO_LARGE = ("it unpacks to hundreds of megabytes or more", "Run it in a container, or call a service.")
_SERVER = (
    "nothing starts a server of its own in Azure",
    "Take it out; serve the app object with AsgiFunctionApp or WsgiFunctionApp.",
)
_BROWSER = ("the image has no browser", "Run it in a container.")
_COMPILED = "it is compiled against a library that the build does not have"

TROUBLE: Mapping[str, tuple[str, str]] = {
    "tensorflow": _TOO_LARGE,
    "torch": _TOO_LARGE,
    "gunicorn": _SERVER,
    "hypercorn": _SERVER,
    "waitress": _SERVER,
    "playwright": _BROWSER,
    "selenium": _BROWSER,
    "mysqlclient": (_COMPILED, "Use PyMySQL or mysql-connector-python."),
    "opencv-python": ("it needs libGL, which the image does not have", "Use opencv-python-headless."),
    "psycopg2": (_COMPILED, "Use psycopg2-binary, or psycopg with the extra binary."),
}
"""Distributions that work on a developer's machine: why not in Azure, and what to do."""


def check_requirements(app: AppProject) -> Iterator[Finding]:
    """Look at what Azure will install."""
    listed, odd = _read(app.root)
    if listed is None:
        if needed := sorted({one.top for source in app.sources for one in source.imports if _is_foreign(app, one.top)}):
            message = f"there is no {FILE}, but the app imports {', '.join(needed)}"
            yield finding("APP301", message, f"Write {FILE} with a line for each package.")
        return
    for line in odd:
        yield _odd(line)
    for one in listed:
        yield from _one(one)
    for missing in unlisted(app.sources, app.modules, listed, app.installed):
        yield _unlisted(missing)


def _is_foreign(app: AppProject, module: str) -> bool:
    return module not in app.modules and module not in sys.stdlib_module_names


def _read(root: Path) -> tuple[list[RequirementLine] | None, list[UnparsedLine]]:
    """What requirements.txt lists, or else a pyproject.toml, which Azure builds from, too."""
    if (root / FILE).is_file():
        return read_requirements(root, root / FILE)
    project = root / "pyproject.toml"
    if project.is_file():
        text = project.read_text("utf-8", "replace")
        try:
            texts = tomllib.loads(text).get("project", {}).get("dependencies")
        except tomllib.TOMLDecodeError:
            texts = None
        if isinstance(texts, list):
            return parse_requirements(map(str, texts), project.name, text)
    return None, []


def _odd(line: UnparsedLine) -> Finding:
    if line.kind == "local":
        remedy = "Put the code into the app's folder, or publish the package where pip finds it."
        return finding("APP309", f"{line.text!r} is only on this machine", remedy, line.file, line.line)
    if line.kind == "absent":
        remedy = "Add the file, or take the line out."
        return finding("APP306", f"{line.text!r} names a file that is not there", remedy, line.file, line.line)
    return finding("APP306", f"{line.text!r} is no requirement", "Write NAME or NAME==VERSION.", line.file, line.line)


def _one(one: RequirementLine) -> Iterator[Finding]:
    requirement = one.requirement
    if requirement.marker is not None and not requirement.marker.evaluate(dict(LINUX)):
        return
    if one.name == WORKER:
        yield finding("APP307", f"{WORKER} is the platform's", "Take the line out.", one.file, one.line)
    elif one.name in NOT_FOR_LINUX or one.name.startswith("pyobjc"):
        remedy = f"""Take the line out, or write: {requirement.name}; sys_platform == "win32"."""
        yield finding("APP308", f"{requirement.name} is not for Linux", remedy, one.file, one.line)
    elif one.name in TROUBLE:
        why, remedy = TROUBLE[one.name]
        yield finding("APP310", f"{requirement.name}: {why}", remedy, one.file, one.line)
    elif one.name in sys.stdlib_module_names:
        yield finding("APP311", f"{requirement.name} is part of Python", "Take the line out.", one.file, one.line)


def _unlisted(one: Unlisted) -> Finding:
    add = f"Add {one.owner} to {FILE}"
    if one.owner == SDK:
        return finding("APP305", f"{SDK} is imported and not listed", f"{add}.", one.file, one.line)
    match one.standing:
        case "carried":
            message = f"{one.module!r} is imported and not listed: {one.owner} comes along with another package"
            return finding("APP303", message, f"{add}.", one.file, one.line)
        case "unknown":
            message = f"{one.module!r} is imported, is not installed, and no requirement has its name"
            return finding(
                "APP304", message, "Run pip install -r requirements.txt, and check again.", one.file, one.line
            )
        case "missing":
            message = f"{one.module!r} is imported and not listed"
            remedy = f"{add}, or the file to .funcignore if it is not part of the app."
            return finding("APP302", message, remedy, one.file, one.line)
