"""The requirements of an app, compared with its imports and with what Azure can install."""

from __future__ import annotations

import contextlib
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import parse_sdist_filename, parse_wheel_filename

from hosting.apps.requirements import FILE, RequirementLine, UnparsedLine, parse_requirements
from hosting.check.app.project import AppProject
from hosting.check.report import Finding, finding
from hosting.check.source.imports import UnlistedImport, find_unlisted_imports

SDK = "azure-functions"
WORKER = "azure-functions-worker"
LINUX: Mapping[str, str] = {"os_name": "posix", "sys_platform": "linux", "platform_system": "Linux", "extra": ""}
NOT_FOR_LINUX = frozenset(
    {"appnope", "comtypes", "pypiwin32", "pywin32", "pywin32-ctypes", "pywinpty", "windows-curses", "wmi", "xattr"}
)
_DELETE_LINE = "Delete the line."
_TOO_LARGE = ("it unpacks to hundreds of megabytes or more", "Run it in a container, or call a service.")
_SERVER = (
    "an app in Azure does not start a server of its own",
    "Delete the line; serve the app object with AsgiFunctionApp or WsgiFunctionApp.",
)
_BROWSER = ("the image has no browser", "Run it in a container.")
_COMPILED = "it is compiled against a library that the build does not have"

UNSUITABLE: Mapping[str, tuple[str, str]] = {
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
"""Distributions that work on a developer's machine but not in Azure: the reason and the remedy."""


def check_requirements(app: AppProject) -> Iterator[Finding]:
    """Check the packages that Azure installs for an app."""
    listed, unparsed = app.requirements
    if listed is None:
        yield from _check_missing_file(app)
        return
    for line in unparsed:
        path = _deployed_path(line, app.root)
        if path is None:
            yield _unparsed_line(line)
        else:
            listed = [*listed, *_requirement_of(path, line)]
    for one in listed:
        yield from _check_requirement(one)
    missing = list(find_unlisted_imports(app.sources, app.has_module, listed, app.installed))
    yield from (_unlisted_import(one) for one in missing if one.status != "unknown" or one.owner == SDK)
    unknown = [one for one in missing if one.status == "unknown" and one.owner != SDK]
    if unknown:
        yield _unknown_imports(unknown, [one for one in listed if not app.installed.has(one.name)])


def _deployed_path(line: UnparsedLine, root: Path) -> Path | None:
    """Return the file or folder that a line names if it is deployed with the app; None for all other lines."""
    if line.kind != "local" or line.text.startswith("-"):  # pip would link what is editable to where Azure builds
        return None
    path = Path(line.text.partition(" ")[0].partition("[")[0])
    found = (root / path).resolve()
    is_deployed = not path.is_absolute() and found.exists() and root.resolve() in found.parents
    return found if is_deployed else None


def _requirement_of(path: Path, line: UnparsedLine) -> Iterator[RequirementLine]:
    """Yield the requirement that a wheel, a source archive or a folder with a ``pyproject.toml`` has, by its name."""
    with contextlib.suppress(ValueError, OSError, KeyError, TypeError):  # of a file that pip refuses, too
        if path.is_dir():
            name = tomllib.loads((path / "pyproject.toml").read_text("utf-8"))["project"]["name"]
        elif path.suffix == ".whl":
            name = parse_wheel_filename(path.name)[0]
        else:
            name = parse_sdist_filename(path.name)[0]
        yield RequirementLine(Requirement(name), line.file, line.line)


def _check_missing_file(app: AppProject) -> Iterator[Finding]:
    """Report the packages that an app without requirements imports; Azure's worker itself has azure-functions."""
    sdk, _ = parse_requirements([SDK], FILE, "")
    missing = find_unlisted_imports(app.sources, app.has_module, sdk, app.installed)
    needed = sorted({one.module for one in missing})
    if needed:
        message = f"there is no {FILE}, but the app imports {', '.join(needed)}"
        yield finding("APP301", message, f"Write {FILE} with a line for each package.")


def _unknown_imports(imports: list[UnlistedImport], not_installed: list[RequirementLine]) -> Finding:
    modules = ", ".join(sorted({repr(one.module) for one in imports}))
    names = ", ".join(sorted({one.requirement.name for one in not_installed}))
    message = (
        f"no requirement has the name of the imported {modules}; whether one provides them is unknown, because these "
        f"are not installed here: {names}"
    )
    remedy = f"Run pip install -r {FILE}, and check again."
    return finding("APP304", message, remedy, imports[0].file, imports[0].line)


def _unparsed_line(line: UnparsedLine) -> Finding:
    match line.kind:
        case "local":
            remedy = "Put a wheel into the app's folder and name its relative path, or publish the package to an index."
            return finding("APP309", f"{line.text!r} exists only on this machine", remedy, line.file, line.line)
        case "absent":
            message = f"{line.text!r} names a file that does not exist"
            return finding("APP306", message, "Add the file, or delete the line.", line.file, line.line)
        case "wrong":
            message = f"{line.text!r} is not a requirement"
            return finding("APP306", message, "Write NAME or NAME==VERSION.", line.file, line.line)


def _check_requirement(one: RequirementLine) -> Iterator[Finding]:
    requirement = one.requirement
    if requirement.marker is not None and not requirement.marker.evaluate(dict(LINUX)):
        return
    if one.name == WORKER:
        yield finding("APP307", f"Azure's platform provides {WORKER}", _DELETE_LINE, one.file, one.line)
    elif one.name in NOT_FOR_LINUX or one.name.startswith("pyobjc"):
        remedy = f"""Delete the line, or write: {requirement.name}; sys_platform == "win32"."""
        yield finding("APP308", f"{requirement.name} is not for Linux", remedy, one.file, one.line)
    elif one.name in UNSUITABLE:
        why, remedy = UNSUITABLE[one.name]
        yield finding("APP310", f"{requirement.name}: {why}", remedy, one.file, one.line)
    elif one.name in sys.stdlib_module_names:
        yield finding("APP311", f"{requirement.name} is part of Python", _DELETE_LINE, one.file, one.line)


def _unlisted_import(one: UnlistedImport) -> Finding:
    add = f"Add {one.owner} to {FILE}"
    if one.owner == SDK:
        return finding("APP305", f"{SDK} is imported but not listed", f"{add}.", one.file, one.line)
    match one.status:
        case "indirect":
            message = f"{one.module!r} is imported but not listed: {one.owner} is a dependency of another package"
            return finding("APP303", message, f"{add}.", one.file, one.line)
        case _:
            message = f"{one.module!r} is imported but not listed"
            remedy = f"{add}, or add the file to .funcignore if it is not part of the app."
            return finding("APP302", message, remedy, one.file, one.line)
