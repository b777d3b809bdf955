"""The files for containers of an app that ``hosting new app --docker`` creates: an image, and Azurite beside it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from hosting._distributions import installed_version
from hosting._install import requirement
from hosting.apps.requirements import FILE
from hosting.deploy.image.generate import render_files
from hosting.deploy.image.ignore import FUNCIGNORE
from hosting.deploy.image.options import ImageOptions
from hosting.deploy.image.packages import EXTRA, HOST
from hosting.deploy.image.requirements import IMAGE_FILE, Installation

COMPOSE = "compose.yaml"
_WHEELS = "wheels"


def container_files(name: str, python: str, app: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Return the files, by their names in the app's folder, and the commands that come before a build.

    ``hosting image`` would write the same ones.

    Args:
        name: the name of the app, a DNS label.
        python: the version of Python, such as ``3.13``.
        app: the texts of the app's files.
    """
    line = requirement(HOST, EXTRA)
    version = installed_version(HOST) or ""
    _, is_local, folder = line.partition(" @ file://")
    if is_local:  # what was installed from a folder of this machine needs a wheel
        line = f"./{_WHEELS}/hosting-{version}-py3-none-any.whl[{EXTRA}]"
    elif " @ " not in line:
        line = f"{line}=={version}"
    options = ImageOptions(name, python, wheels=_WHEELS if is_local else "")
    found = Installation(FILE, (FILE, IMAGE_FILE), (f"-r {FILE}", line), needs_git="git+" in line)
    compose = (files("hosting.deploy.image") / f"{COMPOSE}.template").read_text("utf-8")
    steps = [f"pip wheel --no-deps --wheel-dir {_WHEELS} {_quoted(folder)}"] if is_local else []
    return {**render_files(options, found, app.get(FUNCIGNORE, "")), COMPOSE: compose}, steps


def _quoted(folder: str) -> str:
    from shlex import quote
    from urllib.parse import unquote

    return quote(str(Path(unquote(folder))))
