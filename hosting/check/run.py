"""One run over one folder: what it holds decides what is looked at."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from hosting.check.app.extensions import check_extensions
from hosting.check.app.files import check_files
from hosting.check.app.functions import check_functions
from hosting.check.app.project import AppProject, is_app
from hosting.check.app.requirements import check_requirements
from hosting.check.extension.code import check_code
from hosting.check.extension.metadata import check_metadata
from hosting.check.extension.project import MANIFEST, ExtensionProject, is_extension
from hosting.check.extension.project_files import check_papers
from hosting.check.report import Finding, Report, finding, in_order
from hosting.errors import HostingError

_LINE = re.compile(r"at line (\d+)")


def run(root: Path) -> Report:
    """Check the function app, the extension's project, or both, in ``root``.

    An app is loaded and an extension imported, each in a process of its own: their code runs, as when they are hosted.

    Raises:
        HostingError: there is no such folder, it cannot be read, or it holds neither.
    """
    root = root.resolve()
    if not root.is_dir():
        raise HostingError(
            f"there is no folder {root}", remedy="Name the folder of an app or of an extension's project."
        )
    try:
        return _checked(root)
    except PermissionError as error:
        remedy = "Give yourself the right to read it, or take it away."
        raise HostingError(f"{error.filename} cannot be read: {error.strerror}", remedy=remedy) from error


def _checked(root: Path) -> Report:
    kinds = {"app": is_app(root), "extension": is_extension(root)}
    found = tuple(kind for kind, there in kinds.items() if there)
    if not found:
        raise HostingError(
            f"there is nothing to check in {root}: neither a function app (host.json, function_app.py, function.json) "
            "nor a pyproject.toml with an entry point in a group of hosting",
            remedy="Name the folder of an app or of an extension's project.",
        )
    findings = [*(_app(AppProject(root)) if "app" in found else ())]
    findings += _extension(ExtensionProject(root)) if "extension" in found else ()
    return Report(root, found, in_order(findings))


def _app(app: AppProject) -> Iterator[Finding]:
    yield from check_files(app)
    yield from check_functions(app)
    yield from check_requirements(app)
    yield from check_extensions(app)


def _extension(project: ExtensionProject) -> Iterator[Finding]:
    if project.broken is not None:
        line = int(found[1]) if (found := _LINE.search(str(project.broken))) else None
        yield finding("EXT101", f"{MANIFEST} is not TOML: {project.broken}", "Mend that line.", MANIFEST, line)
        return
    yield from check_metadata(project)
    yield from check_code(project)
    yield from check_papers(project)
