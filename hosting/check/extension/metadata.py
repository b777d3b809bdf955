"""``pyproject.toml`` of an extension: entry points, names, versions, dependencies."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

from packaging.requirements import Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

import hosting
from hosting.apps.requirements import RequirementLine, parse_requirements
from hosting.check.extension.project import MANIFEST, EntryPoint, ExtensionProject
from hosting.check.report import Finding, finding
from hosting.check.source.imports import unlisted
from hosting.extensions import GROUPS, HOOK_GROUPS, installed_entry_points

HOST = "hosting"
SDK = "azure-functions"
SDK_FOR_NEW_PYTHON = "2.3.0"
TOO_OLD = "3.10"
NEWER = "3.99"
_NAME = re.compile(r"[a-z][a-z0-9_-]*")


def check_metadata(project: ExtensionProject) -> Iterator[Finding]:
    """Look at what pip and hosting read of the project."""
    yield from _identity(project)
    yield from _entry_points(project)
    yield from _names(project)
    yield from _python(project)
    listed, odd = _dependencies(project, extras=False)
    yield from odd
    yield from _bounds(project, listed)
    yield from _imports(project)


def _identity(project: ExtensionProject) -> Iterator[Finding]:
    """A name and a version, without which nothing is built; only the version may be left to the build."""
    dynamic = project.project.get("dynamic")
    for key, example in (("name", "hosting-NAME"), ("version", "0.1.0")):
        value = project.project.get(key)
        is_left = key == "version" and value is None and isinstance(dynamic, list) and key in dynamic
        if not (isinstance(value, str) or is_left):
            found = "is missing" if value is None else f"{value!r} is no text"
            yield finding("EXT101", f"{key} {found}", f'Write {key} = "{example}".', MANIFEST, project.line(f"{key} ="))


def _entry_points(project: ExtensionProject) -> Iterator[Finding]:
    for group in dict.fromkeys(one.group for one in project.entry_points):
        if group not in GROUPS:
            line = project.line(group)
            yield finding(
                "EXT102", f"the group {group!r} is read by nobody", f"There are: {', '.join(GROUPS)}.", MANIFEST, line
            )
    hooks = [one for one in project.read_entry_points if one.group in HOOK_GROUPS]
    for one in hooks:
        if not _NAME.fullmatch(one.name):
            remedy = "Use small letters, digits, '-' and '_', after a letter."
            yield finding(
                "EXT103", f"the extension's name {one.name!r} is awkward to write", remedy, MANIFEST, one.line
            )
        if rival := _rival(one, hooks, project.name):
            remedy = "Give it another name: of two with one name neither is loaded."
            yield finding("EXT105", f"the name {one.name!r} is claimed by {rival}, too", remedy, MANIFEST, one.line)


def _rival(one: EntryPoint, hooks: list[EntryPoint], project: str) -> str | None:
    """Who else claims the name: another line of this project, or another distribution that is installed."""
    for other in hooks:
        if other is not one and other.name.lower() == one.name.lower():
            return f"the group {other.group}"
    for entry in installed_entry_points():
        owner = entry.dist.name if entry.dist and entry.group in HOOK_GROUPS else project
        if entry.name.lower() == one.name.lower() and canonicalize_name(owner) != canonicalize_name(project):
            return str(owner)
    return None


def _names(project: ExtensionProject) -> Iterator[Finding]:
    for top, place in project.packages.items():
        if top in sys.stdlib_module_names or top == HOST:
            owner = "hosting" if top == HOST else "Python"
            remedy = f"Call it hosting_{top} or the like."
            yield finding(
                "EXT104", f"{top!r} is a module of {owner}", remedy, place.relative_to(project.root).as_posix()
            )


def _python(project: ExtensionProject) -> Iterator[Finding]:
    text = project.project.get("requires-python")
    line = project.line("requires-python")
    if text is None:
        yield finding("EXT106", "requires-python is missing", 'Write requires-python = ">=3.11".', MANIFEST)
        return
    try:
        wanted = SpecifierSet(str(text))
    except InvalidSpecifier:
        yield finding("EXT101", f"requires-python {text!r} is no version specifier", 'Write ">=3.11".', MANIFEST, line)
        return
    if wanted.contains(TOO_OLD):
        message = f"requires-python {text!r} admits Python {TOO_OLD}, and hosting needs 3.11"
        yield finding("EXT106", message, 'Write requires-python = ">=3.11".', MANIFEST, line)
    if not wanted.contains(NEWER):
        remedy = "Leave the upper bound out: a new Python is tried, not forbidden."
        yield finding("EXT106", f"requires-python {text!r} keeps new versions of Python out", remedy, MANIFEST, line)


def _dependencies(project: ExtensionProject, *, extras: bool) -> tuple[list[RequirementLine], list[Finding]]:
    """What the project needs, its ``extras`` included or not; and what of it is no requirement."""
    lists = [project.project.get("dependencies", [])]
    lists += project.table("optional-dependencies").values() if extras else []
    wrong = [
        finding("EXT101", f"dependencies: expected a list, found {value!r}", 'Write ["NAME>=VERSION"].', MANIFEST)
        for value in lists
        if not isinstance(value, list)
    ]
    texts = [str(text) for value in lists if isinstance(value, list) for text in value]
    listed, odd = parse_requirements(texts, MANIFEST, project.text)
    for one in odd:
        wrong.append(finding("EXT101", f"{one.text!r} is no requirement", "Write NAME>=VERSION.", MANIFEST, one.line))
    return listed, wrong


def _bounds(project: ExtensionProject, listed: list[RequirementLine]) -> Iterator[Finding]:
    for one in listed:
        specifier = one.requirement.specifier
        if one.name == HOST:
            if not specifier.contains(hosting.__version__, prereleases=True):
                message = f"{one.requirement} keeps hosting {hosting.__version__} out, which is installed"
                yield finding(
                    "EXT108", message, "Widen the bounds, or try the extension with that version.", MANIFEST, one.line
                )
            elif not any(part.operator in (">=", ">", "==", "~=", "===") for part in specifier):
                remedy = f"Write hosting>={'.'.join(hosting.__version__.split('.')[:2])}."
                yield finding("EXT109", f"{str(one.requirement)!r} has no lower bound", remedy, MANIFEST, one.line)
        elif one.name == SDK and _stops_at_old_python(one.requirement):
            remedy = f"Leave the upper bound out, or add: {SDK}>=2; python_version >= '3.13'."
            message = f"{str(one.requirement)!r} cannot be installed with Python 3.13 and later"
            if not any(_serves_new_python(other) for other in listed):
                yield finding("EXT110", message, remedy, MANIFEST, one.line)


def _stops_at_old_python(requirement: Requirement) -> bool:
    return not requirement.specifier.contains(SDK_FOR_NEW_PYTHON)


def _serves_new_python(one: RequirementLine) -> bool:
    marker = one.requirement.marker
    if one.name != SDK or _stops_at_old_python(one.requirement):
        return False
    return marker is None or marker.evaluate({"python_version": "3.13", "python_full_version": "3.13.0", "extra": ""})


def _imports(project: ExtensionProject) -> Iterator[Finding]:
    listed, _ = _dependencies(project, extras=True)
    own = {*project.packages, "__main__"}
    for one in unlisted(project.sources, own, listed, project.installed):
        carried = one.standing == "carried"
        how = f": {one.owner} comes along with another package" if carried else ""
        message = f"{one.module!r} is imported and not listed{how}"
        remedy = f"Add {one.owner} to dependencies in {MANIFEST}."
        yield finding("EXT111" if carried else "EXT107", message, remedy, one.file, one.line)
