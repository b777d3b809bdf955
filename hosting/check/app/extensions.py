"""Extensions of an app in Azure, where only ``hosting.extend`` runs them."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from packaging.utils import canonicalize_name

from hosting._distributions import distribution_name
from hosting._text import did_you_mean
from hosting.apps.requirements import FILE
from hosting.check.app.files import HOST, line_in_host_json
from hosting.check.app.project import AppProject
from hosting.check.report import Finding, finding
from hosting.check.source.modules import Source
from hosting.extensions import FLAG, HOOK_GROUPS, EntryPoint, installed_entry_points, is_enabled

SDK_CLASSES = ("azure.functions.AppExtensionBase", "azure.functions.FuncExtensionBase")
EXTEND = "hosting.extend"
EXTENSION = "hosting.extension"


def check_extensions(app: AppProject) -> Iterator[Finding]:
    """Compare the extensions that an app wants with its requirements, and with what it does to run them in Azure."""
    yield from _check_listed(app)
    enabled = _is_enabled(app)
    wanted = _wanted_extension(app, enabled=enabled)
    uses_extend = [(source.relative, line) for source in app.sources for line in _lines_with(EXTEND, source)]
    own = _own_extension(app)
    wanted = wanted or (own and (*own, "the app's own extension does not run in Azure's worker"))
    if wanted and not uses_extend:
        file, line, reason = wanted
        remedy = "Write app = hosting.extend(func.FunctionApp()), in v1 @hosting.extend on main, and require hosting."
        yield finding("APP401", f"{reason}, and the app does not use hosting.extend", remedy, file, line)
    if uses_extend and not enabled and not own:
        remedy = f'Write "{FLAG}": "1" in the Values of local.settings.json, and set it in Azure.'
        yield finding("APP402", f"extensions are switched off: {FLAG} is not true", remedy, *uses_extend[0])


def _check_listed(app: AppProject) -> Iterator[Finding]:
    """Report the extensions that the app uses, but that its requirements do not install in Azure."""
    file = FILE if (app.root / FILE).is_file() else None
    required = app.installed.closure(one.requirement for one in app.requirements[0] or ())
    provided = {entry.name.casefold(): distribution_name(entry.dist) or "" for entry in _hook_entry_points()}
    document = app.probe.document
    # The host itself reports a missing extension, unless extensions are switched off.
    is_reported = bool(document.get("error")) or _is_enabled(app) or not all(map(app.installed.has, required))
    for name, use in document.get("uses", {}).items():
        owner = provided.get(name.casefold())
        if owner is None and not is_reported:
            remedy = did_you_mean(name, provided) or f"Add the package that has it to {FILE}, and install it."
            yield finding("APP312", f"{use} the extension {name!r}, which is not installed", remedy, file)
        elif owner and canonicalize_name(owner) not in required:
            message = f"{use} the extension {name!r}, but the requirements do not list {owner}, which has it"
            yield finding("APP312", message, f"Add {owner} to {FILE}.", file)


def _is_enabled(app: AppProject) -> bool:
    return is_enabled({FLAG: app.settings.get(FLAG) or ""})


def _hook_entry_points() -> list[EntryPoint]:
    return [entry for entry in installed_entry_points() if entry.group in HOOK_GROUPS]


def _wanted_extension(app: AppProject, *, enabled: bool) -> tuple[str | None, int | None, str] | None:
    """Return file, line and a sentence about the first extension that the app requires or defines, if there is one."""
    provided = {
        str(canonicalize_name(distribution_name(entry.dist) or "")): entry.name for entry in _hook_entry_points()
    }
    for one in app.requirements[0] or ():
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


def _own_extension(app: AppProject) -> tuple[str, int | None] | None:
    """Return file and line of the first extension that the app brings itself: it runs whatever the flag is."""
    if app.section("extensionHost").get("load"):
        return HOST, line_in_host_json(app, "extensionHost", "load")
    return next(((source.relative, line) for source in app.sources for line in _lines_with(EXTENSION, source)), None)


def _lines_with(name: str, source: Source) -> Iterator[int]:
    """Yield the lines that call a function such as ``hosting.extend``, or use it as a decorator."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute | ast.Name) and source.qualified_name(node) == name:
            yield node.lineno
