"""``pyproject.toml`` of an extension: entry points, names, versions, dependencies."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

from packaging.requirements import Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

import hosting
from hosting._distributions import distribution_name
from hosting.apps.requirements import RequirementLine, parse_requirements
from hosting.check.extension.project import MANIFEST, EntryPoint, ExtensionProject
from hosting.check.report import Finding, finding
from hosting.extensions import GROUPS, HOOK_GROUPS, installed_entry_points

HOST = "hosting"
SDK = "azure-functions"
SDK_FOR_NEW_PYTHON = "2.3.0"
UNSUPPORTED_PYTHON = "3.10"
FUTURE_PYTHON = "3.99"
_NAME = re.compile(r"[a-z][a-z0-9_-]*")
_LOWER_BOUNDS = (">=", ">", "==", "~=", "===")


def check_metadata(project: ExtensionProject) -> Iterator[Finding]:
    """Check what pip and hosting read of a project."""
    yield from _check_identity(project)
    yield from _check_groups(project)
    yield from _check_extension_names(project)
    yield from _check_package_names(project)
    yield from _check_python(project)
    listed, invalid = _dependencies(project, extras=False)
    yield from invalid
    for one in listed:
        if one.name == HOST:
            yield from _check_host_requirement(one)
        elif one.name == SDK:
            yield from _check_sdk_requirement(one, listed)


def _check_identity(project: ExtensionProject) -> Iterator[Finding]:
    """Check name and version, without which nothing is built; the build may compute the version."""
    dynamic = project.project.get("dynamic")
    for key, example in (("name", "hosting-NAME"), ("version", "0.1.0")):
        value = project.project.get(key)
        is_dynamic = key == "version" and value is None and isinstance(dynamic, list) and key in dynamic
        if not (isinstance(value, str) or is_dynamic):
            found = "is missing" if value is None else f"{value!r} is not a string"
            yield finding("EXT101", f"{key} {found}", f'Write {key} = "{example}".', MANIFEST, project.line(f"{key} ="))


def _check_groups(project: ExtensionProject) -> Iterator[Finding]:
    for group in dict.fromkeys(one.group for one in project.entry_points):
        if group not in GROUPS:
            message = f"hosting does not read the entry-point group {group!r}"
            yield finding("EXT102", message, f"The groups are: {', '.join(GROUPS)}.", MANIFEST, project.line(group))


def _check_extension_names(project: ExtensionProject) -> Iterator[Finding]:
    extensions = [one for one in project.read_entry_points if one.group in HOOK_GROUPS]
    for one in extensions:
        if not _NAME.fullmatch(one.name):
            message = f"the extension's name {one.name!r} is hard to type"
            remedy = "Use lower-case letters, digits, '-' and '_', and start with a letter."
            yield finding("EXT103", message, remedy, MANIFEST, one.line)
        if other := _same_name(one, extensions, project.name):
            message = f"the name {one.name!r} is also used by {other}"
            yield finding("EXT105", message, "Rename the extension: neither of the two is loaded.", MANIFEST, one.line)


def _same_name(one: EntryPoint, extensions: list[EntryPoint], project: str) -> str | None:
    """Return what else uses an extension's name: another group of this project, or an installed distribution."""
    for other in extensions:
        if other is not one and other.name.lower() == one.name.lower():
            return f"the group {other.group}"
    for entry in installed_entry_points():
        owner = (distribution_name(entry.dist) if entry.group in HOOK_GROUPS else None) or project
        if entry.name.lower() == one.name.lower() and canonicalize_name(owner) != canonicalize_name(project):
            return str(owner)
    return None


def _check_package_names(project: ExtensionProject) -> Iterator[Finding]:
    for top, path in project.packages.items():
        if top in sys.stdlib_module_names or top == HOST:
            message = f"{top!r} is a module of {'hosting' if top == HOST else 'Python'}"
            remedy = f"Rename it, for example to hosting_{top}."
            yield finding("EXT104", message, remedy, path.relative_to(project.root).as_posix())


def _check_python(project: ExtensionProject) -> Iterator[Finding]:
    text = project.project.get("requires-python")
    line = project.line("requires-python")
    remedy = 'Write requires-python = ">=3.11".'
    if text is None:
        yield finding("EXT106", "requires-python is missing", remedy, MANIFEST)
        return
    try:
        wanted = SpecifierSet(str(text))
    except InvalidSpecifier:
        yield finding("EXT101", f"requires-python {text!r} is not a version specifier", remedy, MANIFEST, line)
        return
    if wanted.contains(UNSUPPORTED_PYTHON):
        message = f"requires-python {text!r} allows Python {UNSUPPORTED_PYTHON}, but hosting needs 3.11"
        yield finding("EXT106", message, remedy, MANIFEST, line)
    if not wanted.contains(FUTURE_PYTHON):
        message = f"requires-python {text!r} excludes new versions of Python"
        yield finding("EXT106", message, "Remove the upper bound.", MANIFEST, line)


def _dependencies(project: ExtensionProject, *, extras: bool) -> tuple[list[RequirementLine], list[Finding]]:
    """Return the project's requirements, with or without those of its extras, and a finding for each invalid one."""
    lists = [project.project.get("dependencies", [])]
    lists += project.table("optional-dependencies").values() if extras else []
    invalid = [
        finding("EXT101", f"dependencies: expected a list, found {value!r}", 'Write ["NAME>=VERSION"].', MANIFEST)
        for value in lists
        if not isinstance(value, list)
    ]
    texts = [str(text) for value in lists if isinstance(value, list) for text in value]
    listed, unparsed = parse_requirements(texts, MANIFEST, project.text)
    for one in unparsed:
        message = f"{one.text!r} is not a requirement"
        invalid.append(finding("EXT101", message, "Write NAME>=VERSION.", MANIFEST, one.line))
    return listed, invalid


def _check_host_requirement(one: RequirementLine) -> Iterator[Finding]:
    specifier = one.requirement.specifier
    if not specifier.contains(hosting.__version__, prereleases=True):
        message = f"{one.requirement} excludes hosting {hosting.__version__}, which is installed"
        remedy = "Widen the bounds, or install a version of hosting that they allow."
        yield finding("EXT108", message, remedy, MANIFEST, one.line)
    elif not any(part.operator in _LOWER_BOUNDS for part in specifier):
        remedy = f"Write hosting>={'.'.join(hosting.__version__.split('.')[:2])}."
        yield finding("EXT109", f"{str(one.requirement)!r} has no lower bound", remedy, MANIFEST, one.line)


def _check_sdk_requirement(one: RequirementLine, listed: list[RequirementLine]) -> Iterator[Finding]:
    if _excludes_new_python(one.requirement) and not any(map(_is_sdk_for_new_python, listed)):
        message = f"{str(one.requirement)!r} cannot be installed with Python 3.13 and later"
        remedy = f"Remove the upper bound, or add: {SDK}>=2; python_version >= '3.13'."
        yield finding("EXT110", message, remedy, MANIFEST, one.line)


def _excludes_new_python(requirement: Requirement) -> bool:
    return not requirement.specifier.contains(SDK_FOR_NEW_PYTHON)


def _is_sdk_for_new_python(one: RequirementLine) -> bool:
    marker = one.requirement.marker
    if one.name != SDK or _excludes_new_python(one.requirement):
        return False
    return marker is None or marker.evaluate({"python_version": "3.13", "python_full_version": "3.13.0", "extra": ""})
