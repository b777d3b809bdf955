"""The files of an app: ``host.json``, settings, what is deployed, secrets."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from hosting._install import install_command
from hosting.apps.host_json import read_host_json
from hosting.apps.json_files import read_json
from hosting.apps.load import ignored_files
from hosting.apps.local_settings import read_local_settings
from hosting.check.app.project import AppProject
from hosting.check.report import Finding, finding
from hosting.check.source.git import is_tracked
from hosting.check.source.ignore_files import FUNCIGNORE, GITIGNORE
from hosting.check.source.modules import list_files
from hosting.check.source.secrets import find_secrets, read_text
from hosting.errors import HostingError, SettingsError
from hosting.extensions import ExtensionHost

HOST = "host.json"
SETTINGS = "local.settings.json"
RUNTIME = "FUNCTIONS_WORKER_RUNTIME"
_NOT_DEPLOYED = ("node_modules", "test", "tests", "venv", ".venv", "env")
_FOREIGN_BINARIES = (".pyd", ".dll", ".dylib", "-darwin.so")
_MAX_TEXT_BYTES = 1_000_000
_TEXTS = (".cfg", ".env", ".ini", ".json", ".md", ".pem", ".ps1", ".py", ".sh", ".toml", ".txt", ".yaml", ".yml")


def check_files(app: AppProject) -> Iterator[Finding]:
    """Check everything about an app that does not need its code to run."""
    yield from check_settings(app)
    yield from _check_committed_settings(app)
    yield from _check_deployed_folders(app)
    yield from _check_secrets(app)
    yield from _check_module_names(app)
    yield from _check_binaries(app)
    yield from _check_environment(app)
    for problem in ignored_files(app.root):
        yield finding("APP112", problem.message, problem.remedy, app.relative_path(problem.file))


def check_settings(app: AppProject) -> Iterator[Finding]:
    """Check ``host.json`` and ``local.settings.json``."""
    yield from _check_host_json(app)
    yield from _check_local_settings(app)


def _check_host_json(app: AppProject) -> Iterator[Finding]:
    if not (app.root / HOST).is_file():
        yield finding("APP102", f"there is no {HOST}", 'Write one with {"version": "2.0"}.')
        return
    try:
        section = read_host_json(app.root, {}).get("extensionHost")
        ExtensionHost(environ={}, section=section)
    except HostingError as error:
        yield finding("APP101", error.message, error.remedy, HOST, error.line)


def _check_local_settings(app: AppProject) -> Iterator[Finding]:
    path = app.root / SETTINGS
    if not path.is_file():
        return
    try:
        settings = read_local_settings(app.root)
    except SettingsError as error:
        yield finding("APP103", error.message, error.remedy, SETTINGS, error.line)
        return
    for problem in settings.problems:
        yield finding("APP104", problem.message, problem.remedy, SETTINGS, problem.line)
    file = read_json(path, SettingsError)
    if "IsEncrypted" not in file.content:
        message = "IsEncrypted is missing: Core Tools expect an encrypted file"
        yield finding("APP104", message, 'Add "IsEncrypted": false.', SETTINGS, 1)
    runtime = settings.values.get(RUNTIME)
    if runtime != "python":
        found = "is missing" if runtime is None else f"is {runtime!r}, not 'python'"
        line = file.line("Values", RUNTIME) or file.line("Values")
        yield finding("APP104", f"{RUNTIME} {found}", f'Write "{RUNTIME}": "python" in the Values.', SETTINGS, line)


def _check_committed_settings(app: AppProject) -> Iterator[Finding]:
    if not (app.root / SETTINGS).is_file():
        return
    if is_tracked(app.root, SETTINGS):
        remedy = f"Run git rm --cached {SETTINGS}, and add the line {SETTINGS} to {GITIGNORE}; change its secrets."
        yield finding("APP105", f"Git tracks {SETTINGS}", remedy, SETTINGS)
    if app.ignore_files.in_repository and not app.ignore_files.exclude_from_git(SETTINGS):
        line = next((line for _, line in find_secrets(read_text(app.root / SETTINGS))), None)
        if line is not None:
            remedy = f"Add the line {SETTINGS} to {GITIGNORE}; if it is committed already, change the secrets."
            message = f"{SETTINGS} has secrets, and {GITIGNORE} does not exclude it"
            yield finding("APP106", message, remedy, SETTINGS, line)


def _check_deployed_folders(app: AppProject) -> Iterator[Finding]:
    for name in _NOT_DEPLOYED:
        if (app.root / name).is_dir() and not app.ignore_files.exclude_from_deployment(f"{name}/"):
            yield finding("APP107", f"the folder {name} is deployed", f"Add the line {name}/ to {FUNCIGNORE}.", name)


def _check_secrets(app: AppProject) -> Iterator[Finding]:
    for path in list_files(app.root, app.root, app.ignore_files.exclude_from_git):
        relative = path.relative_to(app.root).as_posix()
        if relative == SETTINGS or not _is_text(path):
            continue
        for kind, line in find_secrets(read_text(path)):
            remedy = "Read it from a setting, os.environ[...]. Change the secret, since the file has been seen."
            yield finding("APP108", f"the file contains {kind}", remedy, relative, line)


def _is_text(path: Path) -> bool:
    return (path.suffix in _TEXTS or path.name.startswith(".env")) and path.stat().st_size < _MAX_TEXT_BYTES


def _check_module_names(app: AppProject) -> Iterator[Finding]:
    for name in sorted(app.modules & sys.stdlib_module_names):
        location = f"{name}.py" if (app.root / f"{name}.py").is_file() else name
        yield finding("APP109", f"Python has a module {name!r}, too", "Rename the app's module.", location)


def _check_binaries(app: AppProject) -> Iterator[Finding]:
    folder = app.root / ".python_packages"
    found = sorted(path for path in folder.rglob("*") if path.name.endswith(_FOREIGN_BINARIES))
    if found:
        remedy = "Let Azure build, or install with --platform manylinux2014_x86_64 --only-binary=:all:."
        message = f"{len(found)} files in .python_packages are not for Linux"
        yield finding("APP110", message, remedy, found[0].relative_to(app.root).as_posix())


def _check_environment(app: AppProject) -> Iterator[Finding]:
    for folder in (app.root / ".venv", app.root / "venv"):
        if (folder / "pyvenv.cfg").is_file() and os.path.realpath(folder) != os.path.realpath(sys.prefix):
            here = f"Python {sys.version_info.major}.{sys.version_info.minor} of {sys.prefix}"
            remedy = f"Activate {folder.name}, run {install_command('hosting', 'host')} there, and check again."
            yield finding("APP111", f"the app has {folder.name}, but this is {here}", remedy, folder.name)


def line_in_host_json(app: AppProject, *keys: str) -> int | None:
    """Return the line of a key in ``host.json``, counted from 1; None if it is not found."""
    try:
        return read_json(app.root / HOST, SettingsError).line(*keys)
    except SettingsError:
        return None
