"""Extensions in Azure, where only ``hosting.extend`` runs them."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from packaging.utils import canonicalize_name

from hosting.apps.requirements import FILE, read_requirements
from hosting.check.app.project import AppProject
from hosting.check.report import Finding, finding
from hosting.check.source.modules import Source
from hosting.extensions import FLAG, HOOK_GROUPS, installed_entry_points, is_enabled

SDK_CLASSES = ("azure.functions.AppExtensionBase", "azure.functions.FuncExtensionBase")
EXTEND = "hosting.extend"


def check_extensions(app: AppProject) -> Iterator[Finding]:
    """Compare what the app wants of extensions with what it does for them."""
    enabled = is_enabled({FLAG: app.settings.get(FLAG) or ""})
    wants = _wanted(app, enabled=enabled)
    extends = any(_extends(source) for source in app.sources)
    if wants and not extends:
        file, line, reason = wants
        remedy = "Write app = hosting.extend(func.FunctionApp()), in v1 @hosting.extend on main; and require hosting."
        yield finding("APP401", f"{reason}, and nothing says hosting.extend", remedy, file, line)
    if extends and not enabled:
        source, line = next((one.relative, line) for one in app.sources for line in _extending(one))
        remedy = f'Write "{FLAG}": "1" among the Values of local.settings.json, and set it in Azure.'
        yield finding("APP402", f"extensions are off: {FLAG} is not true", remedy, source, line)


def _wanted(app: AppProject, *, enabled: bool) -> tuple[str | None, int | None, str] | None:
    """Where the app first says that it wants extensions, if it does."""
    brought = {
        str(canonicalize_name(entry.dist.name)): entry.name
        for group in HOOK_GROUPS
        for entry in installed_entry_points().select(group=group)
        if entry.dist is not None
    }
    listed, _ = read_requirements(app.root, app.root / FILE)
    for one in listed:
        if one.name in brought:
            return one.file, one.line, f"{brought[one.name]!r} of {one.requirement.name} does not run in Azure's worker"
    for source in app.sources:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.ClassDef) and any(source.named(base) in SDK_CLASSES for base in node.bases):
                return source.relative, node.lineno, f"{node.name} runs in Azure's worker up to Python 3.12 only"
    if enabled:
        return "local.settings.json", None, f"{FLAG} is true, which Azure's worker knows up to Python 3.12 only"
    return None


def _extends(source: Source) -> bool:
    return any(True for _ in _extending(source))


def _extending(source: Source) -> Iterator[int]:
    """The lines that name ``hosting.extend``: called, or as a decorator."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute | ast.Name) and source.named(node) == EXTEND:
            yield node.lineno
