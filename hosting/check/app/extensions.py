"""Extensions of an app in Azure, where only ``hosting.extend`` runs them."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from packaging.utils import canonicalize_name

from hosting._distributions import distribution_name
from hosting.apps.requirements import FILE, read_requirements
from hosting.check.app.project import AppProject
from hosting.check.report import Finding, finding
from hosting.check.source.modules import Source
from hosting.extensions import FLAG, HOOK_GROUPS, installed_entry_points, is_enabled

SDK_CLASSES = ("azure.functions.AppExtensionBase", "azure.functions.FuncExtensionBase")
EXTEND = "hosting.extend"


def check_extensions(app: AppProject) -> Iterator[Finding]:
    """Compare the extensions that an app wants with what it does to run them in Azure."""
    enabled = is_enabled({FLAG: app.settings.get(FLAG) or ""})
    wanted = _wanted_extension(app, enabled=enabled)
    uses_extend = [(source.relative, line) for source in app.sources for line in _lines_with_extend(source)]
    if wanted and not uses_extend:
        file, line, reason = wanted
        remedy = "Write app = hosting.extend(func.FunctionApp()), in v1 @hosting.extend on main, and require hosting."
        yield finding("APP401", f"{reason}, and the app does not use hosting.extend", remedy, file, line)
    if uses_extend and not enabled:
        remedy = f'Write "{FLAG}": "1" in the Values of local.settings.json, and set it in Azure.'
        yield finding("APP402", f"extensions are switched off: {FLAG} is not true", remedy, *uses_extend[0])


def _wanted_extension(app: AppProject, *, enabled: bool) -> tuple[str | None, int | None, str] | None:
    """Return file, line and a sentence about the first extension that the app requires or defines, if there is one."""
    provided = {
        str(canonicalize_name(distribution_name(entry.dist) or "")): entry.name
        for entry in installed_entry_points()
        if entry.group in HOOK_GROUPS
    }
    listed, _ = read_requirements(app.root, app.root / FILE)
    for one in listed:
        if one.name in provided:
            message = f"{provided[one.name]!r} of {one.requirement.name} does not run in Azure's worker"
            return one.file, one.line, message
    for source in app.sources:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.ClassDef) and any(
                source.qualified_name(base) in SDK_CLASSES for base in node.bases
            ):
                return source.relative, node.lineno, f"{node.name} runs in Azure's worker up to Python 3.12 only"
    if enabled:
        return "local.settings.json", None, f"{FLAG} is true, which Azure's worker supports up to Python 3.12 only"
    return None


def _lines_with_extend(source: Source) -> Iterator[int]:
    """Yield the lines that call ``hosting.extend`` or use it as a decorator."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute | ast.Name) and source.qualified_name(node) == EXTEND:
            yield node.lineno
