"""Checking one folder with the rules for what it contains."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from hosting.apps.folder import app_folder
from hosting.check.app.extensions import check_extensions
from hosting.check.app.files import check_files
from hosting.check.app.functions import check_functions
from hosting.check.app.lifecycle import check_lifecycle
from hosting.check.app.orchestrators import check_orchestrators
from hosting.check.app.project import AppProject, is_app
from hosting.check.app.requirements import check_requirements
from hosting.check.extension.code import check_code
from hosting.check.extension.metadata import check_metadata
from hosting.check.extension.project import MANIFEST, ExtensionProject, is_extension
from hosting.check.extension.project_files import check_project_files
from hosting.check.report import Finding, Report, finding, sorted_findings
from hosting.errors import HostingError, MissingFolderError

_LINE = re.compile(r"at line (\d+)")


def run(root: Path, today: date | None = None) -> Report:
    """Check the function app, the extension's project, or both, in a folder.

    An app is loaded and an extension is imported, each in a process of its own.

    Args:
        root: the folder; for an app also a folder or a file inside it.
        today: the date to compare the end of versions with; None for the current one.

    Raises:
        HostingError: the folder does not exist, a file in it cannot be read, or it contains nothing to check.
    """
    root = root.resolve()
    if not is_extension(root):
        root = app_folder(root)
    if not root.is_dir():
        raise MissingFolderError(root, remedy="Name the folder of a function app or of an extension's project.")
    try:
        return _check_folder(root, today)
    except PermissionError as error:
        remedy = "Grant read permission or delete the file."
        raise HostingError(f"{error.filename} cannot be read: {error.strerror}", remedy=remedy) from error


def _check_folder(root: Path, today: date | None) -> Report:
    is_kind = {"app": is_app(root), "extension": is_extension(root)}
    kinds = tuple(kind for kind, matches in is_kind.items() if matches)
    if not kinds:
        raise HostingError(
            f"there is nothing to check in {root}: neither a function app (host.json, function_app.py, function.json) "
            "nor a pyproject.toml with an entry point for hosting",
            remedy="Name the folder of a function app or of an extension's project.",
        )
    findings = [*(_check_app(AppProject(root, today)) if "app" in kinds else ())]
    findings += _check_extension(ExtensionProject(root)) if "extension" in kinds else ()
    return Report(root, kinds, sorted_findings(findings))


def _check_app(app: AppProject) -> Iterator[Finding]:
    yield from check_files(app)
    yield from check_lifecycle(app)
    yield from check_functions(app)
    yield from check_orchestrators(app.sources)
    yield from check_requirements(app)
    yield from check_extensions(app)


def _check_extension(project: ExtensionProject) -> Iterator[Finding]:
    if project.error is not None:
        line = int(found[1]) if (found := _LINE.search(str(project.error))) else None
        yield finding("EXT101", f"{MANIFEST} is not valid TOML: {project.error}", "Fix this line.", MANIFEST, line)
        return
    yield from check_metadata(project)
    yield from check_code(project)
    yield from check_project_files(project)
