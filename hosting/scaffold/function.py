"""``hosting new function``: one more function for an app, with its test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from hosting._install import install_command
from hosting.apps.host_json import FILE as HOST_JSON
from hosting.apps.host_json import read_host_json
from hosting.apps.local_settings import read_local_settings
from hosting.apps.outline import declared_names, syntax_tree
from hosting.apps.outline import function_names as names_in
from hosting.apps.requirements import read_requirements
from hosting.apps.v1 import function_folders
from hosting.apps.v2 import SETTING, script_name
from hosting.errors import HostingError
from hosting.scaffold.names import FunctionNames, function_names
from hosting.scaffold.renderer import render
from hosting.scaffold.source_edit import Script, line_end, read_script

Kind = Literal["http", "timer", "queue", "blob"]
Model = Literal["v1", "v2"]

CONNECTION = "AzureWebJobsStorage"
PACKAGE = "hosting-storage"
_STORED = ("queue", "blob")
_REQUIREMENTS = ("requirements-dev.txt", "requirements.txt")


class TargetApp(NamedTuple):
    """The app that a function is for."""

    root: Path
    model: Model
    script: str
    """The name of a v2 app's file."""
    prefix: str
    """What stands before the route in the path of a request: ``/api``."""
    has_storage: bool
    """Whether the setting is there that says where queues and blobs are."""


class Addition(NamedTuple):
    """What is to be written."""

    files: dict[str, str]
    changes: dict[str, str]
    """The new text of files that are there."""
    steps: tuple[str, ...]
    """What is left to do."""


def find_app(root: Path) -> TargetApp:
    """Look at the app in ``root``, without running any of it.

    Raises:
        HostingError: there is no app, or its settings cannot be read.
    """
    if not root.is_dir():
        raise HostingError(f"there is no folder {root}", remedy="Name the folder of a function app with --app-dir.")
    settings = {**read_local_settings(root).values, **os.environ}
    script = script_name(settings.get(SETTING))
    folders = function_folders(root)
    if not (root / script).is_file() and not folders and not (root / HOST_JSON).is_file():
        raise HostingError(
            f"there is no function app in {root}",
            remedy="Name the app's folder with --app-dir, or make an app with 'hosting new app NAME'.",
        )
    # Azure's host leaves out all v1 functions once the v2 file declares one.
    model: Model = "v2" if (root / script).is_file() and not (folders and not _declares(root / script)) else "v1"
    http = read_host_json(root, os.environ).get("extensions", {}).get("http", {})
    prefix = str(http.get("routePrefix", "api")).strip("/")
    return TargetApp(root, model, script, f"/{prefix}" if prefix else "", bool(settings.get(CONNECTION)))


def add_function(place: TargetApp, name: str, kind: Kind, *, force: bool = False) -> Addition:
    """What adds the function ``name``, made from the template ``kind``, to an app.

    Args:
        place: the app.
        name: as a person typed it.
        kind: what triggers the function.
        force: whether a v1 function of that name may be replaced.

    Raises:
        HostingError: the name cannot be used, or is taken, or the v2 file cannot be added to.
    """
    names = function_names(name, place.model)
    taken = {one.lower(): one for one in names_in(place.root)}.get(name.lower())
    if taken and not (place.model == "v1" and force):
        raise HostingError(
            f"the app has a function called {taken!r} already; names compare ignoring case",
            remedy="Choose another name.",
        )
    changes = dict(_required(place, kind))
    if place.model == "v1":
        _check_absent(place.root / names.name, force=force)
        files = v1_files(names, kind)
    else:
        script = read_script(place.script, (place.root / place.script).read_bytes())
        files = {}
        changes[place.script] = v2_text(script, names, kind)
    files.update(tests_of(names, kind, place.prefix))
    return Addition(files, changes, tuple(_steps(place, kind)))


def _check_absent(folder: Path, *, force: bool) -> None:
    if folder.exists() and not force:
        raise HostingError(
            f"there is a folder {folder.name} already", remedy="Choose another name, or add to it with --force."
        )


def v1_files(names: FunctionNames, kind: Kind) -> dict[str, str]:
    """A v1 function's folder."""
    values = {**names._asdict(), "identifier": "main", "app": "", "func": "func"}
    return {
        f"{names.name}/__init__.py": render(f"functions/{kind}.py", values, {"v1"}),
        f"{names.name}/function.json": render(f"functions/{kind}.json", values, set()),
    }


def v2_text(script: Script, names: FunctionNames, kind: Kind) -> str:
    """The v2 file's text with the function at its end.

    Raises:
        HostingError: the file uses the function's name for something else.
    """
    if names.identifier in script.taken:
        raise HostingError(
            f"{names.identifier!r} is used already, and a function of that name would replace it",
            remedy="Choose another name.",
            file=script.name,
        )
    values = {**names._asdict(), "app": script.app, "func": script.func}
    chosen = {"v2"} if names.name == names.identifier else {"v2", "named"}
    return script.with_function(render(f"functions/{kind}.py", values, chosen))


def tests_of(names: FunctionNames, kind: Kind, prefix: str) -> dict[str, str]:
    """The function's test; ``prefix`` stands before its route in the path of a request."""
    values = {**names._asdict(), "url": f"{prefix}/{names.name}"}
    return {f"tests/test_{names.identifier.lower()}.py": render(f"functions/tests/{kind}.py", values, set())}


def _declares(script: Path) -> bool:
    tree = syntax_tree(script)
    return tree is None or any(declared_names(tree))


def _required(place: TargetApp, kind: Kind) -> Iterator[tuple[str, str]]:
    """The list of requirements with the package that serves queues and blobs, where it is not in a list yet."""
    if kind not in _STORED:
        return
    texts = {name: _text(place.root / name) for name in _REQUIREMENTS if (place.root / name).is_file()}
    listed = {one.name for name in texts for one in read_requirements(place.root, place.root / name)[0]}
    if texts and PACKAGE not in listed:
        name, text = next(iter(texts.items()))
        end = line_end(text)
        yield name, f"{text}{'' if text.endswith(chr(10)) or not text else end}{PACKAGE}{end}"


def _text(file: Path) -> str:
    """The text of a file, with the ends of its lines as they are."""
    try:
        return file.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise HostingError(str(error), remedy="Save the file as UTF-8.", file=file.name) from error


def _steps(place: TargetApp, kind: Kind) -> Iterator[str]:
    if kind in _STORED:
        yield install_command(PACKAGE)
        if not place.has_storage:
            yield f"set {CONNECTION} in local.settings.json; UseDevelopmentStorage=true is Azurite on this machine"
