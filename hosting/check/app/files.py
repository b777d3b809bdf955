"""The files of an app: ``host.json``, settings, what is deployed, secrets."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from hosting._install import install_command
from hosting.apps.host_json import read_host_json
from hosting.apps.json_files import read_json
from hosting.apps.local_settings import read_local_settings
from hosting.check.app.project import AppProject
from hosting.check.report import Finding, finding
from hosting.check.source.ignore_files import FUNCIGNORE, GITIGNORE
from hosting.check.source.modules import files_below
from hosting.check.source.secrets import read_text, secrets_in
from hosting.errors import HostingError, SettingsError
from hosting.extensions import ExtensionHost

HOST = "host.json"
SETTINGS = "local.settings.json"
RUNTIME = "FUNCTIONS_WORKER_RUNTIME"
_UNNEEDED = ("node_modules", "test", "tests", "venv", ".venv", "env")
_FOREIGN_BINARIES = (".pyd", ".dll", ".dylib", "-darwin.so")
_SMALL = 1_000_000
_TEXTS = (".cfg", ".env", ".ini", ".json", ".md", ".pem", ".ps1", ".py", ".sh", ".toml", ".txt", ".yaml", ".yml")


def check_files(app: AppProject) -> Iterator[Finding]:
    """Look at everything about the app that needs none of its code."""
    yield from check_settings(app)
    yield from _kept_out(app)
    yield from _secrets(app)
    yield from _shadows(app)
    yield from _binaries(app)
    yield from _environment(app)
    if (app.root / "proxies.json").is_file():
        yield finding("APP112", "proxies.json is ignored", "Take it away; use Azure API Management.", "proxies.json")


def check_settings(app: AppProject) -> Iterator[Finding]:
    """Look at host.json and local.settings.json."""
    yield from _host_json(app)
    yield from _local_settings(app)


def _host_json(app: AppProject) -> Iterator[Finding]:
    if not (app.root / HOST).is_file():
        yield finding("APP102", "there is no host.json", 'Write one with {"version": "2.0"}.')
        return
    try:
        section = read_host_json(app.root, {}).get("extensionHost")
        ExtensionHost(environ={}, section=section)
    except HostingError as error:
        yield finding("APP101", error.message, error.remedy, HOST, error.line)


def _local_settings(app: AppProject) -> Iterator[Finding]:
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
        yield finding(
            "APP104",
            "IsEncrypted is missing: Core Tools take the file for encrypted",
            'Add "IsEncrypted": false.',
            SETTINGS,
            1,
        )
    runtime = settings.values.get(RUNTIME)
    if runtime != "python":
        found = "is missing" if runtime is None else f"is {runtime!r}, not 'python'"
        line = file.line("Values", RUNTIME) or file.line("Values")
        yield finding("APP104", f"{RUNTIME} {found}", f'Write "{RUNTIME}": "python" among the Values.', SETTINGS, line)


def _kept_out(app: AppProject) -> Iterator[Finding]:
    """What is deployed that should not be."""
    if (app.root / SETTINGS).is_file():
        if not app.ignored.by_functions(SETTINGS):
            found = "does not name it" if app.ignored.has_funcignore else "is missing"
            yield finding(
                "APP105",
                f"{SETTINGS} is deployed: {FUNCIGNORE} {found}",
                f"Add a line {SETTINGS} to {FUNCIGNORE}.",
                SETTINGS,
            )
        if app.ignored.in_repository and not app.ignored.by_git(SETTINGS):
            line = next((line for _, line in secrets_in(read_text(app.root / SETTINGS))), None)
            if line is not None:
                remedy = f"Add a line {SETTINGS} to {GITIGNORE}; if it is committed already, change the secrets."
                yield finding("APP106", f"{SETTINGS} has secrets, and Git takes it along", remedy, SETTINGS, line)
    for name in _UNNEEDED:
        if (app.root / name).is_dir() and not app.ignored.by_functions(f"{name}/"):
            yield finding("APP107", f"the folder {name} is deployed", f"Add a line {name}/ to {FUNCIGNORE}.", name)


def _secrets(app: AppProject) -> Iterator[Finding]:
    for path in files_below(app.root, app.root, app.ignored.by_git):
        relative = path.relative_to(app.root).as_posix()
        if relative == SETTINGS or not _is_text(path):
            continue
        for kind, line in secrets_in(read_text(path)):
            remedy = "Read it from a setting, os.environ[...]; and change it, since the file has been seen."
            yield finding("APP108", f"{kind} stands in the file", remedy, relative, line)


def _is_text(path: Path) -> bool:
    return (path.suffix in _TEXTS or path.name.startswith(".env")) and path.stat().st_size < _SMALL


def _shadows(app: AppProject) -> Iterator[Finding]:
    for name in sorted(app.modules & sys.stdlib_module_names):
        place = f"{name}.py" if (app.root / f"{name}.py").is_file() else name
        yield finding("APP109", f"{name!r} is a module of Python, too", "Give it another name.", place)


def _binaries(app: AppProject) -> Iterator[Finding]:
    folder = app.root / ".python_packages"
    found = sorted(path for path in folder.rglob("*") if path.name.endswith(_FOREIGN_BINARIES))
    if found:
        remedy = "Let Azure build, or install with --platform manylinux2014_x86_64 --only-binary=:all:."
        message = f"{len(found)} files in .python_packages are not for Linux"
        yield finding("APP110", message, remedy, found[0].relative_to(app.root).as_posix())


def _environment(app: AppProject) -> Iterator[Finding]:
    for folder in (app.root / ".venv", app.root / "venv"):
        if (folder / "pyvenv.cfg").is_file() and os.path.realpath(folder) != os.path.realpath(sys.prefix):
            here = f"Python {sys.version_info.major}.{sys.version_info.minor} of {sys.prefix}"
            remedy = f"Activate {folder.name}, run there: {install_command('hosting', 'host')}, and check again."
            yield finding("APP111", f"the app has {folder.name}, but this is {here}", remedy, folder.name)


def json_line(app: AppProject, *keys: str) -> int | None:
    """The line of a key in host.json."""
    try:
        return read_json(app.root / HOST, SettingsError).line(*keys)
    except SettingsError:
        return None
