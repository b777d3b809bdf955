"""``hosting new function``: add a function and its test to an app."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from hosting._install import install_command, requirement
from hosting._text import canonical_name
from hosting.apps.host_json import FILE as HOST_JSON
from hosting.apps.host_json import read_host_json
from hosting.apps.local_settings import read_local_settings
from hosting.apps.outline import declared_names, syntax_tree
from hosting.apps.outline import function_names as existing_names
from hosting.apps.requirements import read_requirements
from hosting.apps.v1 import function_folders
from hosting.apps.v2 import SETTING, script_name
from hosting.errors import HostingError, MissingFolderError
from hosting.scaffold.names import FunctionNames, function_names
from hosting.scaffold.renderer import render
from hosting.scaffold.requirements import is_local
from hosting.scaffold.source_edit import Script, line_end, read_script

Kind = Literal["http", "timer", "queue", "blob", "durable", "mcp"]
Model = Literal["v1", "v2"]

CONNECTION = "AzureWebJobsStorage"
PACKAGES: Mapping[Kind, str] = {
    "queue": "hosting-storage",
    "blob": "hosting-storage",
    "durable": "hosting-durable",
    "mcp": "hosting-mcp",
}
"""The packages that the kinds of functions need besides hosting itself."""
_KINDS_WITH_STORAGE = ("queue", "blob")
DURABLE_SDK = "azure-functions-durable"
"""The package that a durable function imports, in Azure as well."""
_DURABLE_SDK_LINE = f"{DURABLE_SDK}<2"
_V1_PARTS: Mapping[Kind, Mapping[str, str]] = {"durable": {"*Greet": "durable_activity", "*Start": "durable_start"}}
"""The templates of further v1 functions, by their folders; ``*`` is the function's name."""
_V2_SUFFIXES: Mapping[Kind, tuple[str, ...]] = {"durable": ("_functions", "_start", "_greet")}
"""What further names in the v2 file end with."""
_DEPLOYED = "requirements.txt"
_REQUIREMENTS = ("requirements-dev.txt", _DEPLOYED)
_PROJECT = "pyproject.toml"
_DURABLE_MODULES = "azure.durable_functions.*"
_DURABLE_TYPES = f"""
[[tool.mypy.overrides]]
module = ["{_DURABLE_MODULES}"]
follow_untyped_imports = true  # it has types, but does not say so"""
_ANOTHER_NAME = "Choose another name."


class TargetApp(NamedTuple):
    """The app that a function is added to."""

    root: Path
    model: Model
    script: str
    """The name of the v2 file."""
    prefix: str
    """The beginning of the path of every route: ``/api``."""
    has_storage: bool
    """Whether the connection for queues and blobs is set."""


class Addition(NamedTuple):
    """The result of adding a function, before anything is written."""

    files: dict[str, str]
    """The texts of new files by their paths."""
    changes: dict[str, str]
    """The new texts of existing files by their paths."""
    steps: tuple[str, ...]
    """What remains to be done in a shell or an editor."""


def find_app(root: Path) -> TargetApp:
    """Examine the app in a folder without running its code.

    Raises:
        HostingError: the folder contains no app, or the app's settings cannot be read.
    """
    if not root.is_dir():
        raise MissingFolderError(root, remedy="Name the folder of a function app with --app-dir.")
    settings = {**read_local_settings(root).values, **os.environ}
    script = script_name(settings.get(SETTING))
    folders = function_folders(root)
    if not (root / script).is_file() and not folders and not (root / HOST_JSON).is_file():
        raise HostingError(
            f"there is no function app in {root}",
            remedy="Name the app's folder with --app-dir, or create an app with 'hosting new app NAME'.",
        )
    # Azure's host ignores all v1 functions if the v2 file declares a function.
    model: Model = (
        "v2" if (root / script).is_file() and not (folders and not _declares_functions(root / script)) else "v1"
    )
    http = read_host_json(root, os.environ).get("extensions", {}).get("http", {})
    prefix = str(http.get("routePrefix", "api")).strip("/")
    return TargetApp(root, model, script, f"/{prefix}" if prefix else "", bool(settings.get(CONNECTION)))


def add_function(app: TargetApp, name: str, kind: Kind, *, force: bool = False) -> Addition:
    """Return the files and changes that add a function to an app.

    Args:
        app: the app.
        name: the function's name.
        kind: what triggers the function.
        force: whether a v1 function of the same name is replaced.

    Raises:
        HostingError: the name is invalid or in use, or the function cannot be added to the v2 file.
    """
    names = function_names(name, app.model)
    existing = {one.lower(): one for one in existing_names(app.root)}.get(name.lower())
    if existing and not (app.model == "v1" and force):
        message = f"the app already has a function {existing!r}; case is ignored in names"
        raise HostingError(message, remedy=_ANOTHER_NAME)
    changes = {**dict(_requirement_changes(app, kind)), **dict(_type_changes(app, kind))}
    if app.model == "v1":
        files = v1_files(names, kind)
        for folder in dict.fromkeys(path.partition("/")[0] for path in files):
            _check_absent(app.root / folder, force=force)
    else:
        script = read_script(app.script, (app.root / app.script).read_bytes())
        files = {}
        changes[app.script] = v2_text(script, names, kind)
    files.update(render_test(names, kind, app.prefix))
    return Addition(files, changes, tuple(_steps(app, kind)))


def _check_absent(folder: Path, *, force: bool) -> None:
    if folder.exists() and not force:
        message = f"the app already has a folder {folder.name}"
        raise HostingError(message, remedy="Choose another name, or add files to the folder with --force.")


def v1_files(names: FunctionNames, kind: Kind) -> dict[str, str]:
    """Return the files of a v1 function: their texts by their paths."""
    values = {**names._asdict(), "identifier": "main", "app": "", "func": "func", "df": "df"}
    templates = {names.name: kind, **_V1_PARTS.get(kind, {})}
    files: dict[str, str] = {}
    for folder, template in templates.items():
        name = folder.replace("*", names.name)
        files[f"{name}/__init__.py"] = render(f"functions/{template}.py", values, {"v1"})
        files[f"{name}/function.json"] = render(f"functions/{template}.json", values, set())
    return files


def v2_text(script: Script, names: FunctionNames, kind: Kind) -> str:
    """Return the text of a v2 file with a function added at its end.

    Raises:
        HostingError: the file uses the function's name for something else.
    """
    for name in (names.identifier, *(names.identifier + suffix for suffix in _V2_SUFFIXES.get(kind, ()))):
        if name in script.names_in_use:
            message = f"the name {name!r} is in use, and a function would replace its value"
            raise HostingError(message, remedy=_ANOTHER_NAME, file=script.name)
    values = {**names._asdict(), "app": script.app, "func": script.func, "df": script.durable or "df"}
    chosen = {"v2"} if names.name == names.identifier else {"v2", "named"}
    code = render(f"functions/{kind}.py", values, chosen)
    return script.with_durable_function(code) if kind == "durable" else script.with_function(code)


def render_test(names: FunctionNames, kind: Kind, prefix: str) -> dict[str, str]:
    """Return the test of a function, by its path.

    Args:
        names: the names of the function.
        kind: what triggers it.
        prefix: the beginning of the path of its route.
    """
    values = {**names._asdict(), "url": f"{prefix}/{names.name}"}
    return {f"tests/test_{names.identifier.lower()}.py": render(f"functions/tests/{kind}.py", values, set())}


def _declares_functions(script: Path) -> bool:
    tree = syntax_tree(script)
    return tree is None or any(declared_names(tree))


def _requirement_changes(app: TargetApp, kind: Kind) -> Iterator[tuple[str, str]]:
    """Yield the requirements files with the packages that the function needs added, unless a file lists them."""
    if kind not in PACKAGES:
        return
    texts = {name: _text(app.root / name) for name in _REQUIREMENTS if (app.root / name).is_file()}
    if not texts:
        return
    listed, before = _listed_packages(app.root, texts), dict(texts)
    if kind == "durable" and DURABLE_SDK not in listed and _DEPLOYED in texts:
        texts[_DEPLOYED] = _with_line(texts[_DEPLOYED], _DURABLE_SDK_LINE)
    added, name = requirement(PACKAGES[kind]), next(iter(texts))
    # Azure could not install it from a folder of this machine; the printed steps install it here.
    if PACKAGES[kind] not in listed and not (name == _DEPLOYED and is_local(added)):
        texts[name] = _with_line(texts[name], added)
    yield from ((name, text) for name, text in texts.items() if text != before[name])


def _type_changes(app: TargetApp, kind: Kind) -> Iterator[tuple[str, str]]:
    """Yield pyproject.toml with what mypy needs to read the types of the function's SDK, if it has settings of mypy."""
    file = app.root / _PROJECT
    if kind != "durable" or not file.is_file():
        return
    text = _text(file)
    if "[tool.mypy]" in text and _DURABLE_MODULES not in text:
        yield _PROJECT, _with_line(text, _DURABLE_TYPES.replace("\n", line_end(text)))


def _with_line(text: str, line: str) -> str:
    end = line_end(text)
    return f"{text}{'' if text.endswith(chr(10)) or not text else end}{line}{end}"


def _listed_packages(root: Path, files: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for name in files:
        listed, unparsed = read_requirements(root, root / name)
        found |= {one.name for one in listed}
        found |= {canonical_name(one.text.partition(" @ ")[0]) for one in unparsed if one.kind == "local"}
    return found


def _text(file: Path) -> str:
    """Read a file with its line ends as they are."""
    try:
        return file.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise HostingError(str(error), remedy="Save the file as UTF-8.", file=file.name) from error


def _steps(app: TargetApp, kind: Kind) -> Iterator[str]:
    if kind in PACKAGES:
        yield install_command(PACKAGES[kind])
    if kind == "durable":
        yield f"pip install '{_DURABLE_SDK_LINE}'"
    if kind in _KINDS_WITH_STORAGE and not app.has_storage:
        yield f"set {CONNECTION} in local.settings.json; UseDevelopmentStorage=true is Azurite on this machine"
